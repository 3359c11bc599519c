import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import Column, insert

from jwtapi.composition import features
from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.invitations import Invitation
from jwtapi.storage.metadata import persistent_tables, stored_columns
from jwtapi.storage.personal_data import PERSONAL_DATA
from jwtapi.storage.schema import metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.users import export
from tests.conftest import RunApi
from tests.support.administration import administrator, change, path_of
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.sessions import add_sessions
from tests.support.statements import statements

PATH = "/api/account/export"

EXPORTED = [*PERSONAL_DATA, *(kept for feature in features().values() for kept in feature.personal_data)]
NOT_EXPORTED = {
    "sessions": {
        "user_id": "is the account's",
        "key": "a secret",
        "generation": "a number of tokens",
        "previously_refreshed_at": "only finds thieves",
        "arrived_generation": "only finds thieves",
        "late_generation": "only finds thieves",
    },
    "events": {"user_id": "is the account's", "actor_id": "is somebody else"},
    "mails": {"user_id": "is the account's", "last_error": "is about the mail server"},
    "totp_secrets": {
        "user_id": "is the account's",
        "encrypted_secret": "a secret",
        "last_step": "only refuses codes that were used",
    },
    "recovery_codes": {"user_id": "is the account's", "mac": "a secret"},
    "passkeys": {
        "user_id": "is the account's",
        "credential_id": "only finds the key",
        "public_key": "only checks signatures",
        "sign_count": "only finds copies of the key",
    },
    "remembered_devices": {
        "user_id": "is the account's",
        "token_hash": "a secret",
        "user_state": "only makes the row void",
    },
    "api_keys": {"user_id": "is the account's", "secret_hash": "a secret"},
}
"""The columns that are not exported, with the reason."""


async def exported(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get(PATH)
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(response.content)
    return found


async def test_an_export_is_a_file_of_json(alice: httpx.AsyncClient) -> None:
    response = await alice.get(PATH)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-disposition"] == 'attachment; filename="account.json"'
    assert response.headers["cache-control"] == "no-store"


async def test_an_export_has_the_account_and_what_has_happened(api: Api, alice: httpx.AsyncClient) -> None:
    phone = api.client(**{"User-Agent": "a phone"})
    await sign_in(phone)
    await alice.patch("/api/settings", json={"theme": "dark 🦆"})
    found = await exported(alice)
    user = await api.user()
    assert found["exportedAt"] == api.clock().isoformat().replace("+00:00", "Z")
    assert found["account"] == {
        "id": str(user.id),
        "username": "alice",
        "verifiedEmail": None,
        "pendingEmail": None,
        "formerEmail": None,
        "formerEmailUntil": None,
        "hasPassword": True,
        "roles": [],
        "settings": {"theme": "dark 🦆"},
        "metadata": {},
        "externalId": None,
        "secondFactorSince": None,
        "secondFactorDueAt": None,
        "createdAt": user.created_at.isoformat().replace("+00:00", "Z"),
        "lastLoginAt": api.clock().isoformat().replace("+00:00", "Z"),
    }
    assert [session["userAgent"] for session in found["sessions"]].count("a phone") == 1
    assert len(found["sessions"]) == 2
    assert [event["type"] for event in found["events"]] == ["user.registered", "login.succeeded", "login.succeeded"]
    assert found["events"][0]["address"] == "203.0.113.7"


async def test_an_export_has_no_secret_and_nothing_of_others(api: Api, alice: httpx.AsyncClient) -> None:
    await api.signed_in("bob")
    text = (await alice.get(PATH)).text
    user, other = await api.user(), await api.user("bob")
    [(key,)] = await api.services[Database].read(
        lambda uow: uow.connection.exec_driver_sql("SELECT key FROM sessions LIMIT 1").all()
    )
    for secret in (user.password_hash, key.hex(), str(other.id), "bob"):
        assert secret is not None
        assert secret not in text


async def test_an_export_does_not_show_from_where_an_administrator_works(api: Api, alice: httpx.AsyncClient) -> None:
    root = await administrator(api)
    assert (await change(root, await path_of(api), roles=["staff"])).status_code == 200
    await sign_in(alice)
    *own, changed = [(event["type"], event["address"]) for event in (await exported(alice))["events"][:3]]
    assert changed == ("user.roles_changed", None)
    assert [address for _, address in own] == ["203.0.113.7"] * 2
    found = await exported(root)
    assert found["events"][-1]["address"].startswith("198.51.100.")


REPEATING = {"user_roles"}
"""The tables that only repeat what the exported account has: its `roles`."""


@pytest.mark.parametrize(
    "table",
    [table for table in persistent_tables() if "user_id" in table.c and table.name not in REPEATING],
    ids=str,
)
async def test_whatever_table_has_rows_of_a_user_is_exported(api: Api, alice: httpx.AsyncClient, table: Any) -> None:
    """A new table fails here until its feature declares it as `personal_data`."""
    user = await api.user()
    row = {column.name: value_for(column) for column in stored_columns(table)} | {"user_id": user.id}
    others = {column.name: value_for(column) for column in stored_columns(table)} | {"user_id": None}
    rows = [row, others] if table.c.user_id.nullable else [row]
    await api.services[Database].write(lambda uow: uow.connection.execute(insert(table), rows) and None)
    declared = {kept.name: {column.name for column in kept.columns} for kept in EXPORTED}
    assert declared[table.name] | NOT_EXPORTED[table.name].keys() == {column.name for column in stored_columns(table)}
    found = (await exported(alice))[table.name]
    assert json_of(row["id"]) in [each["id"] for each in found]
    assert json_of(others["id"]) not in [each["id"] for each in found]


def value_for(column: Column[Any]) -> Any:
    """Return a value of the type of the column, another one each time for a key."""
    if isinstance(column.type, UtcDateTime):
        return datetime(2026, 11, 23, tzinfo=UTC)
    kind = column.type.python_type
    if column.primary_key and kind is int:
        return uuid4().int % 2**31
    values: dict[type, Any] = {
        UUID: uuid4(),
        str: "x",
        int: 7,
        bool: True,
        bytes: b"k" * 32,
        object: {},  # JSON
    }
    return values[kind]


def json_of(value: Any) -> Any:
    return value if isinstance(value, int) else str(value)


async def test_an_export_has_the_invitation_of_the_verified_address_and_of_no_other(
    api: Api, alice: httpx.AsyncClient
) -> None:
    user = await api.user()
    now = api.clock()

    def store(uow: UnitOfWork) -> None:
        for email in ("Alice@example.com", "waits@example.com"):
            uow.invitations.put(Invitation(uuid4(), b"k" * 32, email, email.lower(), ["staff"], now, now))
        change: dict[str, Any] = {"email": "alice@example.com", "canonical_email": "alice@example.com"}
        uow.users.change_email(user.id, **change, former_email=None, former_email_until=None)
        uow.users.set_pending_email(user.id, "waits@example.com")

    assert (await exported(alice))["invitations"] == []
    await api.services[Database].write(store)
    [invitation] = (await exported(alice))["invitations"]
    assert (invitation["email"], invitation["roles"]) == ("Alice@example.com", ["staff"])
    assert "key" not in invitation


async def test_rows_of_a_user_refer_to_it_by_the_column_that_the_export_looks_for() -> None:
    referring = {
        column.table.name: column.name
        for table in metadata.sorted_tables
        for column in table.c
        if any(key.column.table.name == "users" for key in column.foreign_keys)
    }
    assert set(referring.values()) == {"user_id"}


async def test_an_export_of_many_rows_is_read_and_sent_in_pages(api: Api) -> None:
    await api.signed_in()
    await add_sessions(api, 2 * export.PAGE + 30)  # at the same time, so that only the ids differ
    await add_sessions(api, 3, created_at=api.clock() - timedelta(days=1))
    pieces: list[bytes] = []
    user = await api.user()
    with statements(api, lambda sql: "FROM sessions" in sql and "LIMIT" in sql) as sent:
        async for piece in api.services[export.AccountExport].write(user):
            pieces.append(piece)
            await api.services[Database].write(lambda _: None)  # which would wait for a unit that is still open
    assert len(sent) == 3
    assert max(piece.count(b'"createdAt"') for piece in pieces) == export.PAGE
    ids = [session["id"] for session in json.loads(b"".join(pieces))["sessions"]]
    assert len(ids) == len(set(ids)) == 2 * export.PAGE + 34


async def test_an_export_in_pages_of_one_row_has_the_same_rows(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(api.client())
    await add_sessions(api, 3)
    whole = await exported(alice)
    monkeypatch.setattr(export, "PAGE", 1)
    assert await exported(alice) == whole
    assert [len(whole[name]) for name in ("sessions", "events")] == [5, 3]


@pytest.mark.parametrize("rows", (export.PAGE - 1, export.PAGE, export.PAGE + 1))
async def test_an_export_is_whole_wherever_its_last_page_ends(api: Api, alice: httpx.AsyncClient, rows: int) -> None:
    await add_sessions(api, rows - 1)
    assert len((await exported(alice))["sessions"]) == rows


async def test_an_export_stays_valid_when_the_account_is_deleted_meanwhile(api: Api, alice: httpx.AsyncClient) -> None:
    await add_sessions(api, export.PAGE)
    writing = api.services[export.AccountExport].write(await api.user())
    pieces = [await anext(writing) for _ in range(3)]
    assert (await alice.request("DELETE", "/api/account", json={"password": PASSWORD})).status_code == 204
    pieces += [piece async for piece in writing]
    assert [event["type"] for event in json.loads(b"".join(pieces))["events"]][-1] == "user.deleted"


async def test_an_outage_in_the_middle_leaves_no_valid_json(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_sessions(api, export.PAGE)
    read, pages = Database.read, 0

    async def fail_at_the_second_page(database: Database, unit: Any) -> Any:
        nonlocal pages
        if getattr(unit, "func", None) is not None:
            pages += 1
            if pages == 2:
                raise StorageUnavailable
        return await read(database, unit)

    monkeypatch.setattr(Database, "read", fail_at_the_second_page)
    received: list[bytes] = []
    transport = httpx.ASGITransport(api.app)  # raises what a server answers by cutting the connection
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        with pytest.raises(RuntimeError, match="response already started"):
            await receive(
                client.stream("GET", PATH, headers={"Authorization": alice.headers["Authorization"]}), received
            )
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(received))


async def receive(streaming: AbstractAsyncContextManager[httpx.Response], received: list[bytes]) -> None:
    async with streaming as response:
        received += [piece async for piece in response.aiter_bytes()]


async def test_an_export_needs_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(601)
    response = await alice.get(PATH)
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")


async def test_exports_are_limited_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, export_rate_limit="2/hour") as api:
        alice, bob = await api.signed_in(), await api.signed_in("bob")
        for _ in range(2):
            await exported(alice)
        assert error_of(await alice.get(PATH))[:2] == (429, "too_many_attempts")
        await exported(bob)
