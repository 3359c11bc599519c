"""A whole import: twice, dry, interrupted, beside others."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from jwtapi.errors import StorageUnavailable
from jwtapi.importing.options import ImportOptions, OnConflict
from jwtapi.importing.records import FileInvalid
from jwtapi.importing.results import Outcome, Result
from jwtapi.importing.sources.names import SourceName
from jwtapi.storage.database import Database
from jwtapi.storage.totp_secrets import TotpSecret
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_imports import Overtaken, UserImportRepository
from jwtapi.storage.users import User
from tests.importing.conftest import EXPORTS, HASH, Import, importer, lines, no_progress
from tests.support.api import Api, sign_in
from tests.support.statements import changes_rows, sent_by_requests, statements

MIXED = lines(
    {"username": "alice", "email": "alice@example.com", "emailVerified": True, "passwordHash": HASH, "id": "1"},
    {"username": "taken", "id": "2"},
    {"username": "Twin", "id": "3"},
    {"username": "twin", "id": "4"},
    {"username": "bob", "passwordHash": "x", "id": "5"},
    {"email": "carol@example.com"},
)


@pytest.mark.parametrize("mode", OnConflict)
async def test_a_dry_run_finds_what_the_import_finds_and_writes_nothing(
    api: Api, import_users: Import, mode: OnConflict
) -> None:
    await api.signed_in("taken")
    with statements(api, changes_rows) as changes:
        dry = await import_users(MIXED, is_dry_run=True, on_conflict=mode, trusts_verified=True)
    assert changes == []
    real = await import_users(MIXED, on_conflict=mode, trusts_verified=True)
    assert {result.outcome.value for result in dry.results} >= {"valid", "failed"}
    replaced = [(name, outcome.replace("valid", "imported")) for name, outcome in dry.outcomes]
    assert (replaced, dry.reasons) == (real.outcomes, real.reasons)


async def test_a_second_run_imports_only_who_is_missing_even_if_users_have_changed_since(
    api: Api, import_users: Import
) -> None:
    first = [
        {"username": "alice", "passwordHash": HASH, "id": "1", "createdAt": "2020-01-01T00:00:00.123456Z"},
        {"username": "bob"},
        {"email": "carol@example.com"},
    ]
    await import_users(lines(*first))
    client = await sign_in(api.client())
    renamed = await client.patch("/api/account", json={"username": "alicia"})
    assert renamed.status_code == 200, renamed.text
    imported = await import_users(lines(*first, {"username": "dave"}), batch=2)
    assert imported.outcomes == [("alicia", "exists"), ("bob", "exists"), ("carol", "exists"), ("dave", "imported")]
    assert not imported.summary.has_failed
    assert await api.sql("SELECT count(*) FROM events WHERE type = 'user.imported'") == [(4,)]


async def test_somebody_who_registered_here_is_not_taken_for_an_imported_user(api: Api, import_users: Import) -> None:
    await api.signed_in("bob")
    assert (await import_users(lines({"username": "bob"}))).outcomes == [("bob", "failed")]


@pytest.mark.parametrize("error", (Overtaken(), StorageUnavailable()))
async def test_a_batch_is_tried_again_after_somebody_took_a_name_and_after_an_outage(
    import_users: Import, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    original = UserImportRepository.add
    tries = 0

    def add(self: UserImportRepository, new: Sequence[User], secrets: Sequence[TotpSecret]) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        original(self, new, secrets)

    monkeypatch.setattr(UserImportRepository, "add", add)
    monkeypatch.setattr("jwtapi.importing.service._FIRST_WAIT", 0)
    assert (await import_users(lines({"username": "alice"}))).outcomes == [("alice", "imported")]
    assert tries == 3


async def test_a_name_that_is_taken_in_between_is_noticed(api: Api, import_users: Import) -> None:
    await import_users(lines({"username": "alice"}))
    [row] = await api.sql("SELECT id FROM users")

    def add_again(uow: UnitOfWork) -> None:
        user = uow.users.by_name("alice")
        assert user is not None
        UserImportRepository(uow.connection).add([user], [])

    with pytest.raises(Overtaken):
        await api.services[Database].write(add_again)
    assert await api.sql("SELECT id FROM users") == [row]


async def test_two_imports_at_once_import_each_user_once(api: Api, tmp_path: Path) -> None:
    users = [{"username": f"user{n}", "passwordHash": HASH, **({"id": str(n)} if n % 2 else {})} for n in range(60)]
    results: list[Result] = []

    async def run(name: str, content: str) -> None:
        file = tmp_path / name
        file.write_text(content)
        options = ImportOptions(SourceName.JSON_LINES)
        await importer(api, batch=20).run(file, options, progress=no_progress, report=results.append)

    # In opposite orders, so that on PostgreSQL each may wait for the other.
    await asyncio.gather(run("forth", lines(*users)), run("back", lines(*reversed(users))))
    names = sorted(user["username"] for user in users)
    assert sorted(result.username or "" for result in results if result.outcome is Outcome.IMPORTED) == names
    assert sorted(result.username or "" for result in results if result.outcome is Outcome.EXISTS) == names
    assert await api.sql("SELECT count(*) FROM users") == [(60,)]


async def test_a_batch_is_one_transaction_of_few_statements_however_many_users_it_has(
    api: Api, import_users: Import
) -> None:
    def file(begin: int, count: int) -> str:
        numbers = range(begin, begin + count)
        return lines(*({"username": f"user{n}", "id": str(n), "roles": ["editor"]} for n in numbers))

    counts = []
    for begin, size in ((0, 10), (100, 60)):
        with statements(api, sent_by_requests) as ran:
            await import_users(file(begin, size))
        counts.append(len(ran))
    assert counts[0] == counts[1] <= 12


async def test_the_import_stops_where_the_file_is_broken_before_it_stores_anybody(api: Api, tmp_path: Path) -> None:
    cut = tmp_path / "cut.json"
    cut.write_bytes((EXPORTS / "keycloak.json").read_bytes()[:-2000])
    results: list[Result] = []
    options = ImportOptions(SourceName.KEYCLOAK)
    with pytest.raises(FileInvalid, match="ends in the middle"):
        await importer(api).run(cut, options, progress=no_progress, report=results.append)
    assert (results, await api.sql("SELECT count(*) FROM users")) == ([], [(0,)])
