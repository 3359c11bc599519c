import pytest

from jwtapi.urls.public import parse_public_url


@pytest.mark.parametrize(
    ("url", "read"),
    (
        ("https://auth.example.com", "https://auth.example.com"),
        ("https://auth.example.com/", "https://auth.example.com"),
        ("HTTPS://Auth.Example.COM", "https://auth.example.com"),
        ("https://auth.example.com:443/", "https://auth.example.com"),
        ("http://auth.example.com:80", "http://auth.example.com"),
        ("https://auth.example.com:8443/sso", "https://auth.example.com:8443/sso"),
        ("https://example.com/a/B-c_~.d/", "https://example.com/a/B-c_~.d"),
        ("http://localhost:4000", "http://localhost:4000"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("http://[::1]:4000/sso", "http://[::1]:4000/sso"),
        ("http://[0:0::1]", "http://[::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://ＥＸＡＭＰＬＥ.com", "https://example.com"),
    ),
)
def test_a_public_url_is_read_as_browsers_write_it(url: str, read: str) -> None:
    assert parse_public_url(url) == read
    assert parse_public_url(read) == read


@pytest.mark.parametrize(
    "url",
    (
        "",
        "auth.example.com",
        "//auth.example.com",
        "https://",
        "https:///sso",
        "https:auth.example.com",
        "ftp://auth.example.com",
        "javascript://auth.example.com/%0aalert(1)",
        "data:text/html,x",
        "myapp://auth.example.com",
        # a user, which would make people read another host than the one that is meant
        "https://hunter2@auth.example.com",
        "https://user:hunter2@auth.example.com",
        "https://auth.example.com@evil.example",
        "https://auth.example.com:hunter2@evil.example",
        # hosts
        "https://exa mple.com",
        "https://*.example.com",
        "https://example..com",
        "https://.example.com",
        "https://auth.example.com\\@evil.example",
        "https://auth.example.com%2f@evil.example",
        "https://%61uth.example.com",
        "https://1.2.3",
        "https://1.2.3.256",
        "https://0x7f.1",
        "https://::1",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[fe80::1]evil.example",
        "https://a\u2024example.com/\u2025",
        # ports
        "https://auth.example.com:65536",
        "https://auth.example.com:hunter2",
        "https://auth.example.com:-1",
        "https://auth.example.com:4 43",
        "https://auth.example.com:٤٤٣",
        # paths, queries and fragments
        "https://auth.example.com/a//b",
        "https://auth.example.com//evil.example",
        "https://auth.example.com/../b",
        "https://auth.example.com/a/..",
        "https://auth.example.com/.",
        "https://auth.example.com/a/./b",
        "https://auth.example.com/%2e%2e",
        "https://auth.example.com/a%20b",
        "https://auth.example.com/a;b",
        "https://auth.example.com/a\\b",
        "https://auth.example.com/ü",
        "https://auth.example.com/a?next=https://evil.example",
        "https://auth.example.com/a#hunter2",
        # what splits a header or a line
        "https://auth.example.com\r\nX: y",
        "https://auth.example.com/\n",
        "https://auth.example.com/a\tb",
        " https://auth.example.com",
        "https://auth.example.com ",
        "https://auth.example.com/\0",
        "https://auth.example.com/<script>",
        'https://auth.example.com/"onload="',
    ),
)
def test_a_public_url_that_could_lead_elsewhere_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a URL such as https://auth\.example\.com or ") as error:
        parse_public_url(url)
    assert "hunter2" not in str(error.value)
    assert "evil" not in str(error.value)
