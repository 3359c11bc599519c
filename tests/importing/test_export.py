import json
from typing import Any

import pytest

from jwtapi.importing.export import SecretUnreadable, UserExport
from jwtapi.importing.options import ImportOptions
from jwtapi.importing.sources.names import SourceName
from jwtapi.security.totp import TotpSecrets
from jwtapi.storage.database import Database
from tests.conftest import REFRESH_SECRET, MakeSettings
from tests.importing.conftest import HASH, Import, importer, lines, no_progress
from tests.support.api import Api, running_api
from tests.support.clock import FakeClock
from tests.support.postgresql import PostgreSQL

USERS: list[dict[str, Any]] = [
    {
        "username": "Zoë",
        "email": "zoe@example.com",
        "emailVerified": True,
        "passwordHash": HASH,
        "id": "0b5b7c53-3f0e-4f3c-8f43-000000000001",
        "roles": ["editor", "admin"],
        "createdAt": "2020-01-02T03:04:05.678901Z",
        "metadata": {"plan": "gold", "n": 1.5, "list": [True, None, {"ü": "\U0001f600"}]},
        "totp": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    },
    {
        "username": "bob",
        "email": "bob@example.com",
        "emailVerified": False,
        "passwordHash": "$2y$04$" + HASH[7:],
        "id": "0b5b7c53-3f0e-4f3c-8f43-000000000002",
        "createdAt": "2021-01-02T03:04:05Z",
        "disabled": True,
    },
    {
        "username": "carol",
        "passwordHash": "5f4dcc3b5aa765d61d8327deb882cf99",
        "scheme": "md5",
        "id": "0b5b7c53-3f0e-4f3c-8f43-000000000003",
        "createdAt": "2022-01-02T03:04:05Z",
    },
]


async def exported(api: Api, *, everything: bool = True, secrets: TotpSecrets | None = None) -> list[dict[str, Any]]:
    export = UserExport(api.services[Database], secrets or api.services[TotpSecrets])
    pages = [page async for page in export.pages(with_hashes=everything, with_totp=everything)]
    return [json.loads(line) for page in pages for line in page]


async def test_an_export_comes_back_the_same_from_an_empty_database_of_the_other_kind(
    api: Api, import_users: Import, make_settings: MakeSettings, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    await import_users(lines(*USERS), trusts_verified=True, trusts_admins=True)
    first = await exported(api)
    assert [user["username"] for user in first] == ["Zoë", "bob", "carol"]
    assert first[0] == USERS[0]
    assert first[1] == USERS[1]
    file = tmp_path / "exported.jsonl"
    file.write_text(lines(*first))
    if api.services[Database].is_sqlite:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        url = postgresql.new_database()
    else:
        url = f"sqlite:///{tmp_path}/other.db"
    async with running_api(make_settings(database_url=url), FakeClock()) as other:
        options = ImportOptions(SourceName.JSON_LINES, trusts_verified=True, trusts_admins=True)
        summary = await importer(other).run(file, options, progress=no_progress, report=lambda _: None)
        assert not summary.has_failed
        assert await exported(other) == first
        body = {"username": "carol", "password": "password"}
        assert (await other.client().post("/login", json=body)).status_code == 200


async def test_an_export_is_ascii_so_that_a_terminal_obeys_nothing_in_it(api: Api, import_users: Import) -> None:
    metadata = {"note": "\x1b]0;a\x07 \x7f \x9b \u202e ü"}
    await import_users(lines({"username": "Zoë", "metadata": metadata}))
    export = UserExport(api.services[Database], api.services[TotpSecrets])
    [[line]] = [page async for page in export.pages(with_hashes=False, with_totp=False)]
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line).items() >= {"username": "Zoë", "metadata": metadata}.items()


async def test_hashes_and_secrets_are_exported_only_if_the_operator_says_so(api: Api, import_users: Import) -> None:
    await import_users(lines(*USERS))
    assert not any({"passwordHash", "totp"} & user.keys() for user in await exported(api, everything=False))


async def test_service_accounts_and_deleted_users_are_not_exported(api: Api, import_users: Import) -> None:
    await import_users(lines(*USERS))
    await api.delete("carol")
    await api.sql("UPDATE users SET is_service_account = true WHERE username = 'bob'")
    assert [user["username"] for user in await exported(api)] == ["Zoë"]


async def test_an_export_ends_at_a_secret_that_cannot_be_read_and_names_the_user(
    api: Api, import_users: Import
) -> None:
    await import_users(lines(*USERS))
    with pytest.raises(SecretUnreadable, match="000000000001"):
        await exported(api, secrets=TotpSecrets(REFRESH_SECRET[::-1]))


async def test_pages_follow_each_other_without_a_gap(
    api: Api, import_users: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.importing.export.PAGE", 2)
    await import_users(lines(*({"username": f"user{n}"} for n in range(5))))
    assert sorted(user["username"] for user in await exported(api)) == [f"user{n}" for n in range(5)]
