import pytest

from jwtapi.web_origin import are_of_two_sites, is_loopback, parse_domain, parse_origin


@pytest.mark.parametrize(
    ("written", "sent"),
    (
        ("https://app.example", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:0443", "https://app.example"),
        ("https://app.example:", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),  # since 2008; strasse before
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://日本語。example", "https://xn--wgv71a119e.example"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("http://my_host:3000", "http://my_host:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("http://tauri.localhost", "http://tauri.localhost"),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
        (
            "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
            "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        ),
        ("safari-web-extension://E5BB0F2F-7C3A", "safari-web-extension://e5bb0f2f-7c3a"),
        ("app://.", "app://."),
        ("app://obsidian.md", "app://obsidian.md"),
    ),
)
def test_an_origin_is_read_as_browsers_send_it(written: str, sent: str) -> None:
    assert parse_origin(written) == sent


@pytest.mark.parametrize(
    "text",
    (
        *(
            "",
            "*",
            "null",
            "app.example",
            "//app.example",
            "https:app.example",
            "https://",
            "https://.",
            "https://a..b",
        ),
        *("https://*.example", "https://app.example/", "https://app.example/x", "https://app.example?x", "https://a#x"),
        *(
            "https://u@app.example",
            "https://app.example:99999",
            "https://app.example:x",
            "https://a%2eb",
            "https://a b",
        ),
        *("https://a\n", "https://a\\b", "http://[", "http://[::1", "http://[zz]", "http://127.1", "http://1.2.3.4.5"),
        *("htps://app.example", "httpss://app.example", "htp://app.example"),
        *("file:///", "file://app", "data://x", "blob://x", "ws://app.example", "wss://app.example", "javascript://x"),
        "https://\N{COMBINING ACUTE ACCENT}.example",
    ),
)
def test_a_text_that_no_page_has_as_its_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be origins such as") as error:
        parse_origin(text)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("written", "understood"),
    ((".Example.com", "example.com"), ("a.b.example", "a.b.example"), ("bücher.example", "xn--bcher-kva.example")),
)
def test_a_cookie_domain_is_read_as_browsers_read_it(written: str, understood: str) -> None:
    assert parse_domain(written) == understood


@pytest.mark.parametrize(
    "text",
    (
        *("", ".", "com", "localhost", "1.2.3.4", "[::1]", "::1", "..example.com", "a..b", "example.com."),
        *("https://a.example", "a.example:80", "a.example/x", "*.example.com", "a.example;b", "a.example, b.example"),
    ),
)
def test_a_cookie_domain_that_browsers_reject_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a domain such as"):
        parse_domain(text)


@pytest.mark.parametrize(
    ("one", "other"),
    (
        ("app.example.com", "app.example.org"),
        ("one.com", "other.com"),
        ("localhost", "127.0.0.1"),
        ("10.0.0.1", "9.0.0.1"),
    ),
)
def test_two_sites_are_told_apart_by_their_names(one: str, other: str) -> None:
    assert are_of_two_sites(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    (
        ("app.example.com", "auth.example.com"),
        ("example.com", "auth.example.com."),
        ("::1", "::1"),
        ("a.co.uk", "b.co.uk"),  # they are two, and only the public suffix list says so
    ),
)
def test_origins_that_may_be_of_one_site_are_not_taken_for_two_sites(one: str, other: str) -> None:
    assert not are_of_two_sites(one, other)


def test_names_and_addresses_of_this_machine_are_recognised() -> None:
    assert all(map(is_loopback, ("localhost", "tauri.localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("localhost.example", "10.0.0.1", "app.example")))
