import pytest

from jwtapi.security.email_addresses import MAX_LENGTH, EmailAddress, EmailInvalid, parse_email


@pytest.mark.parametrize(
    ("text", "display", "canonical"),
    (
        ("alice@example.com", "alice@example.com", "alice@example.com"),
        (" alice@example.com ", "alice@example.com", "alice@example.com"),
        ("Alice.Smith+news@Example.COM", "Alice.Smith+news@example.com", "alice.smith+news@example.com"),
        ("o'brien@example.com", "o'brien@example.com", "o'brien@example.com"),
        ("alice@Bücher.example", "alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("alice@xn--bcher-kva.example", "alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("alice@ｅxample.com", "alice@example.com", "alice@example.com"),
        ("Zoë@example.com", "Zoë@example.com", "zoë@example.com"),
        ("иван@пример.example", "иван@пример.example", "иван@xn--e1afmkfd.example"),
        ("\u212aate@example.com", "Kate@example.com", "kate@example.com"),  # Unicode: the sign of kelvin is the letter
        ("alice@mail.test", "alice@mail.test", "alice@mail.test"),
    ),
)
def test_an_address_has_a_form_to_send_to_and_a_form_to_compare(text: str, display: str, canonical: str) -> None:
    assert parse_email(text) == EmailAddress(display, canonical)


def test_composed_and_decomposed_letters_are_the_same_address() -> None:
    assert parse_email("zoe\u0308@example.com").canonical == parse_email("ZOË@example.com").canonical


def test_parts_before_the_domain_that_mail_servers_may_treat_alike_are_different_addresses() -> None:
    """Only the provider knows whether dots and tags matter."""
    texts = ("alice.smith@example.com", "alicesmith@example.com", "alicesmith+tag@example.com")
    assert len({parse_email(text).canonical for text in texts}) == 3


def test_a_canonical_address_stays_as_it_is() -> None:
    for text in ("Alice@Bücher.example", "ZOË@example.com", "ΣΊΣΥΦΟΣ@example.com", "иван@пример.example"):
        canonical = parse_email(text).canonical
        assert parse_email(canonical).canonical == canonical


@pytest.mark.parametrize(
    "text",
    (
        "mıke@example.com",  # the i without its dot, which is I in upper case
        "ﬀoo@example.com",  # a ligature
        "ⓐdmin@example.com",  # a letter in a circle
        "\u017fam@example.com",  # the long s
        "аlice@example.com",  # a Cyrillic letter among Latin ones
        "ａlice@example.com",  # a wide letter
        "ali\u200bce@example.com",
        "ali\u00adce@example.com",
    ),
)
def test_letters_that_look_like_others_are_refused(text: str) -> None:
    with pytest.raises(EmailInvalid):
        parse_email(text)


@pytest.mark.parametrize(
    "text",
    (
        "",
        " ",
        "alice",
        "@example.com",
        "alice@",
        "alice@example",
        "alice@localhost",
        "alice@printer.local",
        "alice@abc.onion",
        "alice@1.0.0.127.in-addr.arpa",
        "alice@no.invalid",
        "alice@[127.0.0.1]",
        "alice@127.0.0.1",
        "alice@-example.com",
        "alice@exa_mple.com",
        "alice@example..com",
        ".alice@example.com",
        "alice.@example.com",
        "al..ice@example.com",
        "al ice@example.com",
        '"al ice"@example.com',
        "Alice <alice@example.com>",
        "alice@example.com, bob@example.com",
        "alice@example.com;bob@example.com",
        "alice(comment)@example.com",
        "alice@example.com\n",
        "alice@example.com\r\nBcc: bob@example.com",
        "alice\x00@example.com",
        "alice@example.com\u2028",
        "alice@exa\u202emple.com",
        "\ud800@example.com",
        f"{'a' * 65}@example.com",
    ),
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EmailInvalid):
        parse_email(text)


def test_an_address_may_have_254_octets() -> None:
    domain = ".".join(("d" * 63, "d" * 63, "d" * 60, "com"))
    longest = f"{'a' * (MAX_LENGTH - len(domain) - 1)}@{domain}"
    assert len(parse_email(longest).display) == MAX_LENGTH
    for text in (f"a{longest}", f"{'é' * 40}@{domain}", "a" * 1_000_000 + "@example.com"):
        with pytest.raises(EmailInvalid):
            parse_email(text)
