import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from passlib.hash import bcrypt

from jwtapi.importing.options import ImportOptions
from jwtapi.importing.results import Result, Summary
from jwtapi.importing.service import UserImport
from jwtapi.importing.sources.names import SourceName
from jwtapi.security.totp import TotpSecrets
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.storage.database import Database
from jwtapi.users.held_names import HeldNames
from tests.support.api import PASSWORD, Api

EXPORTS = Path(__file__).parent / "exports"
HASH = str(bcrypt.using(rounds=4).hash(PASSWORD))


class Imported(NamedTuple):
    summary: Summary
    results: list[Result]

    @property
    def outcomes(self) -> list[tuple[str | None, str]]:
        return [(result.username, result.outcome.value) for result in self.results]

    @property
    def reasons(self) -> list[str | None]:
        return [result.reason for result in self.results]


Import = Callable[..., Awaitable[Imported]]


def lines(*users: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(user)}\n" for user in users)


@contextmanager
def no_progress(_: str, __: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def importer(api: Api, **more: Any) -> UserImport:
    services = api.services
    return UserImport(
        services[Database],
        services[UsernamePolicy],
        services[HeldNames],
        services[TotpSecrets],
        services.clock,
        bcrypt_rounds=5,
        **more,
    )


@pytest.fixture
def import_users(api: Api, tmp_path: Path) -> Import:
    """Imports users into the database of the API: a file, or the text of one."""

    async def run(file: Path | str | bytes, source: str = "jsonl", *, batch: int = 250, **options: Any) -> Imported:
        if not isinstance(file, Path):
            path = tmp_path / "users"
            path.write_bytes(file.encode() if isinstance(file, str) else file)
            file = path
        results: list[Result] = []
        wanted = ImportOptions(SourceName(source), **options)
        summary = await importer(api, batch=batch).run(file, wanted, progress=no_progress, report=results.append)
        return Imported(summary, results)

    return run
