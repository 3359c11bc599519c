from typing import Any

import pytest

from jwtapi.second_factors.relying_party import RelyingParty, relying_party
from jwtapi.settings import SettingsError
from tests.conftest import MakeSettings, on_sqlite


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "party"),
    (
        ({}, RelyingParty("localhost", ("http://localhost:4000",))),
        ({"port": 80}, RelyingParty("localhost", ("http://localhost",))),
        (
            {"public_url": "https://a.example.com/auth", "root_path": "/auth"},
            RelyingParty("a.example.com", ("https://a.example.com",)),
        ),
        ({"public_url": "https://a.example.com:8443"}, RelyingParty("a.example.com", ("https://a.example.com:8443",))),
        (
            {"public_url": "https://a.example.com", "passkey_rp_id": "example.com"},
            RelyingParty("example.com", ("https://a.example.com",)),
        ),
        ({"public_url": "http://a.localhost:5000"}, RelyingParty("a.localhost", ("http://a.localhost:5000",))),
        ({"public_url": "http://a.example.com"}, None),
        ({"public_url": "https://127.0.0.1"}, None),
        ({"public_url": "https://[::1]"}, None),
    ),
    ids=str,
)
def test_the_domain_and_the_pages_come_from_the_settings(
    make_settings: MakeSettings, settings: dict[str, Any], party: RelyingParty | None
) -> None:
    assert relying_party(make_settings(**settings)) == party


@on_sqlite
@pytest.mark.parametrize("rp_id", ("b.example.com", "ample.com", "a.example.com.au"))
def test_a_domain_that_is_not_above_that_of_the_address_is_refused(make_settings: MakeSettings, rp_id: str) -> None:
    with pytest.raises(SettingsError, match=r"PASSKEY_RP_ID: must be a\.example\.com"):
        relying_party(make_settings(public_url="https://a.example.com", passkey_rp_id=rp_id))


@on_sqlite
@pytest.mark.parametrize("rp_id", ("com", "127.0.0.1", "https://example.com", "example.com:443", ""))
def test_what_is_no_domain_is_refused(make_settings: MakeSettings, rp_id: str) -> None:
    with pytest.raises(SettingsError, match="PASSKEY_RP_ID: must be a domain such as"):
        make_settings(public_url="https://a.example.com", passkey_rp_id=rp_id)
