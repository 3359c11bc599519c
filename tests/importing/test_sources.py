"""One file for each system, in the form that the system writes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyotp
import pytest

from jwtapi.importing.options import Part
from jwtapi.importing.records import FileInvalid
from jwtapi.importing.sources.firebase import parse_hash_config
from jwtapi.importing.sources.names import SourceName
from jwtapi.importing.sources.source import SourceOptions
from jwtapi.storage.users import User
from tests.conftest import on_sqlite
from tests.importing.conftest import EXPORTS, Import
from tests.support.api import PASSWORD, Api
from tests.support.mfa import answer, ticket_of

FIREBASE = SourceOptions(parse_hash_config((EXPORTS / "firebase-hash-config.txt").read_text()))


async def statuses(api: Api, login: str, *passwords: str) -> list[int]:
    client = api.client()
    bodies = ({"username": login, "password": password} for password in passwords)
    return [(await client.post("/login", json=body)).status_code for body in bodies]


def described(user: User) -> dict[str, Any]:
    return {
        "external_id": user.external_id,
        "email": user.email,
        "roles": user.roles,
        "created_at": user.created_at,
        "metadata": user.metadata,
    }


ALICE: dict[str, dict[str, Any]] = {
    "jsonl": {
        "external_id": "17",
        "email": "alice@example.com",
        "roles": ["editor"],
        "created_at": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        "metadata": {"plan": "gold"},
    },
    "csv": {
        "external_id": "17",
        "email": "alice@example.com",
        "roles": ["editor", "author"],
        "created_at": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
        "metadata": {"plan": "gold"},
    },
    "django": {
        "external_id": "1",
        "email": None,
        "roles": ["editors"],
        "created_at": datetime(2019, 5, 4, 10, 11, 12, 345000, tzinfo=UTC),
        "metadata": {"firstName": "Alice", "lastName": "Liddell"},
    },
    "supabase": {
        "external_id": "5d1f4a52-7b0e-4a42-9a3e-0d6ee9c3b001",
        "email": "alice@example.com",
        "roles": [],
        "created_at": datetime(2023, 3, 4, 5, 6, 7, 123456, tzinfo=UTC),
        "metadata": {
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"name": 'Alice "Al" Liddell', "newsletter": True},
        },
    },
    "keycloak": {
        "external_id": "a3b0c442-98fc-4c14-9afb-000000000001",
        "email": "alice@example.com",
        "roles": ["editor"],
        "created_at": datetime(2023, 2, 28, 12, 0, 0, 123000, tzinfo=UTC),
        "metadata": {
            "firstName": "Alice",
            "lastName": "Liddell",
            "attributes": {"locale": ["de"]},
            "groups": ["/staff"],
        },
    },
    "auth0": {
        "external_id": "auth0|5dea9f9c82dd7c0e76e4ec93",
        "email": "alice@example.com",
        "roles": [],
        "metadata": {},
    },
    "firebase": {
        "external_id": "Zr2vT0Hq8ZbX1yq0aKqzQm3nYd52",
        "email": "alice@example.com",
        "roles": [],
        "created_at": datetime(2020, 9, 13, 12, 26, 40, 123000, tzinfo=UTC),
        "metadata": {"displayName": "Alice Liddell", "customAttributes": {"plan": "gold"}},
    },
    "wordpress": {
        "external_id": "1",
        "email": None,
        "roles": ["editor", "author"],
        "created_at": datetime(2016, 6, 3, 4, 37, tzinfo=UTC),
        "metadata": {"displayName": 'Liddell, Alice "Al"'},
    },
    "fastapi-users": {
        "external_id": "3f2c6f6e-1111-4aaa-8bbb-000000000001",
        "email": "alice@example.com",
        "roles": [],
        "metadata": {},
    },
    "kratos": {
        "external_id": "9f425a8d-7efc-4768-8f23-7647a74fdf11",
        "email": "alice@example.com",
        "roles": [],
        "created_at": datetime(2022, 2, 3, 4, 5, 6, 789012, tzinfo=UTC),
        "metadata": {
            "traits": {"name": {"first": "Alice", "last": "Liddell"}},
            "metadata_admin": {"plan": "gold"},
        },
    },
}
"""What is stored of alice, the first user in each file, with --trust-verified."""

OTHERS = {
    "jsonl": [("bob", "imported")],
    "csv": [],
    "django": [("root", "imported"), ("bob", "imported")],
    "supabase": [("bob", "imported"), (None, "skipped"), (None, "skipped")],
    "keycloak": [("bob", "imported"), ("carol", "failed"), (None, "skipped")],
    "auth0": [("euclid", "imported")],
    "firebase": [("bob", "imported"), (None, "failed")],
    "wordpress": [("bob", "imported")],
    "fastapi-users": [("bob", "imported")],
    "kratos": [("bob", "imported")],
}
PASSWORDS = {"firebase": "user1password"}


def export_of(source: str) -> Path:
    return next(path for path in EXPORTS.glob(f"{source}.*"))


@on_sqlite
@pytest.mark.parametrize("source", [name.value for name in SourceName])
async def test_users_of_each_system_come_with_their_ids_and_sign_in_with_their_passwords(
    api: Api, import_users: Import, source: str
) -> None:
    imported = await import_users(export_of(source), source, of_source=FIREBASE, trusts_verified=True)
    (first, outcome), *others = imported.outcomes
    assert ((first or "").lower(), outcome, others) == ("alice", "imported", OTHERS[source])
    alice = await api.user()
    expected = ALICE[source]
    assert {name: value for name, value in described(alice).items() if name in expected} == expected
    assert alice.created_at <= api.clock()
    password = PASSWORDS.get(source, PASSWORD)
    assert await statuses(api, "alice", "wrong", password) == [401, 200]
    if expected["email"] is not None:
        assert await statuses(api, "alice@example.com", password) == [200]
    events = [(event.type, event.details) for event in await api.events()]
    assert events[0] == ("user.imported", {"source": source})


@on_sqlite
@pytest.mark.parametrize("source", ("django", "fastapi-users", "firebase", "jsonl", "kratos", "supabase"))
async def test_a_disabled_user_of_each_system_is_disabled_here(api: Api, import_users: Import, source: str) -> None:
    await import_users(export_of(source), source, of_source=FIREBASE)
    alice, bob = await api.user("alice"), await api.user("bob")
    assert (alice.disabled_at, bob.disabled_at is not None) == (None, True)


async def test_an_address_that_kratos_has_verified_is_verified_however_it_was_entered(
    api: Api, import_users: Import
) -> None:
    exported = json.loads(export_of("kratos").read_text())
    exported[0]["traits"]["email"] = " Alice@Example.COM"
    await import_users(json.dumps(exported), "kratos", trusts_verified=True)
    assert (await api.user()).canonical_email == "alice@example.com"


@on_sqlite
async def test_a_user_of_wordpress_without_a_time_of_registration_is_made_now(api: Api, import_users: Import) -> None:
    users = [{"ID": "1", "user_login": "alice", "user_pass": "", "user_registered": "0000-00-00 00:00:00"}]
    imported = await import_users(json.dumps(users), "wordpress")
    assert imported.outcomes == [("alice", "imported")]
    assert (await api.user()).created_at.date() == api.clock().date()


async def test_an_id_that_is_a_uuid_stays_the_id_of_the_user(api: Api, import_users: Import) -> None:
    await import_users(export_of("kratos"), "kratos")
    alice = await api.user()
    assert alice.id == UUID("9f425a8d-7efc-4768-8f23-7647a74fdf11")


async def test_administrators_of_another_system_are_none_here_unless_the_operator_trusts_it(
    api: Api, import_users: Import
) -> None:
    imported = await import_users(export_of("django"), "django")
    assert imported.reasons[1] == "left out: the role admin"
    assert (await api.user("root")).roles == []
    await api.delete("root")
    again = await import_users(export_of("django"), "django", trusts_admins=True)
    assert (again.outcomes[1], (await api.user("root")).roles) == (("root", "imported"), ["admin"])


@on_sqlite
@pytest.mark.parametrize(("source", "login"), (("keycloak", "bob"), ("kratos", "bob"), ("jsonl", "bob")))
async def test_the_authenticator_app_of_another_system_works_on(
    api: Api, import_users: Import, source: str, login: str
) -> None:
    secrets = {
        "keycloak": "OFLWEQ3OGZ3FMNLLLB5DC5CSOBGHGMDE",  # base32 of the text that Keycloak has
        "kratos": "CF4EXMBHQKHH2FH2T6JZHY34JA4BT6OJ",
        "jsonl": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    }
    await import_users(export_of(source), source)
    await api.enable(login)
    client = api.client()
    ticket = await ticket_of(client, username=login)
    code = pyotp.TOTP(secrets[source]).at(api.clock())
    assert (await answer(client, ticket, "000000" if code != "000000" else "111111")).status_code == 401
    assert (await answer(client, ticket, code)).status_code == 200


async def test_somebody_with_another_kind_of_authenticator_app_comes_only_if_the_operator_drops_it(
    api: Api, import_users: Import
) -> None:
    imported = await import_users(export_of("keycloak"), "keycloak")
    reason = "the authenticator app does not have 6 digits, 30 seconds and SHA-1"
    assert (imported.outcomes[2], imported.reasons[2]) == (("carol", "failed"), reason)
    again = await import_users(export_of("keycloak"), "keycloak", drops=frozenset({Part.TOTP}))
    assert (again.outcomes[2], again.reasons[2]) == (("carol", "imported"), f"left out: {reason}")
    assert (await api.user("carol")).second_factor_since is None


def test_the_parameters_of_firebase_are_read_as_the_console_shows_them_and_as_json() -> None:
    assert FIREBASE.hash_options["rounds"] == 8
    assert FIREBASE.hash_options["signer_key"].endswith("WmXA==")
    parameters = {"algorithm": "SCRYPT", "base64_signer_key": "a2V5", "base64_salt_separator": "Bw==", "rounds": 8}
    as_json = json.dumps(parameters | {"mem_cost": 14})
    assert parse_hash_config(as_json) == {"signer_key": "a2V5", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14}
    with pytest.raises(FileInvalid, match="another algorithm"):
        parse_hash_config(as_json.replace("SCRYPT", "BCRYPT"))
    with pytest.raises(FileInvalid, match="have no mem_cost"):
        parse_hash_config(json.dumps(parameters))
    with pytest.raises(FileInvalid, match="a number that is none"):
        parse_hash_config(as_json.replace("14", '"x"'))
