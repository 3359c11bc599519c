from typing import Any

import pytest

from jwtapi_verifier import Verifier

ISSUER = "https://auth.example.com"
SECRET = "jwtapi_c81d4e2efb6743a09d25e1b7f4086c3a"


@pytest.mark.parametrize(
    "options",
    (
        {},
        {"issuer": "https://example.com/auth"},
        {"issuer": "http://localhost:4000"},
        {"issuer": "http://127.0.0.1:4000"},
        {"issuer": "http://[::1]:4000"},
        {"issuer": "http://auth.internal", "allow_http": True},
        {"jwks_url": "https://keys.example.com/jwks"},
        {"client_id": "orders", "client_secret": SECRET},
        {"on_silence": "ask"},
        {"leeway": 30},
    ),
    ids=str,
)
def test_options_that_make_sense_are_accepted(options: dict[str, Any]) -> None:
    Verifier(**{"issuer": ISSUER, "audience": "orders"} | options)


@pytest.mark.parametrize(
    ("options", "name"),
    (
        ({"issuer": ""}, "issuer"),
        ({"issuer": "jwtapi"}, "issuer"),
        ({"issuer": "http://auth.example.com"}, "issuer"),
        ({"issuer": "http://127.0.0.1.example.com"}, "issuer"),
        ({"issuer": "http://localhost.example.com"}, "issuer"),
        ({"issuer": "http://10.0.0.1"}, "issuer"),
        ({"issuer": "ftp://auth.example.com", "allow_http": True}, "issuer"),
        ({"issuer": "file:///etc/passwd", "allow_http": True}, "issuer"),
        ({"issuer": "https://user:password@auth.example.com"}, "issuer"),
        ({"issuer": "https://auth.example.com?x"}, "issuer"),
        ({"issuer": "https://auth.example.com#x"}, "issuer"),
        ({"issuer": "https://auth.example.com:port"}, "issuer"),
        ({"issuer": "https://auth.example.com\n"}, "issuer"),
        ({"issuer": "https://[::1"}, "issuer"),
        ({"issuer": "https://"}, "issuer"),
        ({"jwks_url": "http://keys.example.com/jwks"}, "jwks_url"),
        ({"audience": ""}, "audience"),
        ({"audience": None}, "audience"),
        ({"audience": ["orders"]}, "audience"),
        ({"client_id": "orders"}, "client_id"),
        ({"client_secret": SECRET}, "client_id"),
        ({"on_silence": "shrug"}, "on_silence"),
        ({"leeway": 31}, "leeway"),
        ({"leeway": -1}, "leeway"),
        ({"cooldown": -1}, "cooldown"),
        ({"max_stale": 0}, "max_stale"),
    ),
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}.* is wrong") as error:
        Verifier(**{"issuer": ISSUER, "audience": "orders"} | options)
    assert SECRET not in str(error.value)


def test_the_repr_of_a_verifier_names_the_issuer_and_the_audience_only() -> None:
    verifier = Verifier(ISSUER, "orders", client_id="a client", client_secret=SECRET)
    assert repr(verifier) == "Verifier('https://auth.example.com', 'orders')"


def test_a_slash_at_the_end_of_the_issuer_is_not_doubled_in_addresses() -> None:
    assert Verifier(f"{ISSUER}/", "orders")._options.key_set_url == f"{ISSUER}/.well-known/jwks.json"
