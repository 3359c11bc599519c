"""Checks that the server can use the database."""

from contextlib import suppress

from jwtapi.cli.checks.files import problem_of_folder, problems_of_database_mode
from jwtapi.errors import StorageUnavailable
from jwtapi.security.password_schemes import OWN_PREFIXES, kind_of_unusable
from jwtapi.settings import Settings
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.engine import sqlite_path
from jwtapi.storage.faults import describe
from jwtapi.storage.migrations import Schema, UnusableSchema
from jwtapi.storage.user_imports import UserImportRepository


async def problems_of_database(settings: Settings) -> list[str]:
    path = sqlite_path(settings.database_url.get_secret_value())
    try:
        if path is not None:
            if (problem := problem_of_folder(path)) is not None:
                return [problem]
            if not path.exists():
                return []  # the first start makes it
        problems = problems_of_database_mode(path) if path is not None else []
        database = Database.of(settings)
    except (OSError, StorageUnavailable) as error:
        return [f"DATABASE_URL: {describe(error)}"]
    try:
        return problems + await _problems_inside(database, settings)
    except StorageUnavailable as error:
        return [*problems, f"DATABASE_URL: {describe(error)}"]
    finally:
        await database.close()


async def warnings_of_database(database: Database, settings: Settings) -> list[str]:
    """Warn of what requests do not need, but operation does."""
    return [*await _warnings_of_housekeeping(database), *await _warnings_of_connections(database, settings)]


async def _warnings_of_housekeeping(database: Database) -> list[str]:
    try:
        await database.rehearse_housekeeping()
    except StorageUnavailable as error:
        return [f"DATABASE_URL: {describe(error)}"]
    return []


async def _warnings_of_connections(database: Database, settings: Settings) -> list[str]:
    free = await database.connection_limit()
    needed = settings.workers * (settings.database_pool_size + 1)
    if free is None or needed <= free:
        return []
    advice = "lower WORKERS or DATABASE_POOL_SIZE, raise max_connections, or put a pooler between"
    return [f"WORKERS: {settings.workers} need up to {needed} connections, and the database has {free}: {advice}"]


async def _problems_inside(database: Database, settings: Settings) -> list[str]:
    problems = []
    try:
        if await database.check() is Schema.LATER:
            problems.append(
                "DATABASE_URL: a later version of jwtapi has migrated it: install that one; "
                "meanwhile this version works with it only if the later one is the next version"
            )
    except UnusableSchema as error:
        return [f"DATABASE_URL: {error}"]
    except OutdatedSchema:
        if database.is_sqlite:  # the next start migrates it
            return []
        return [
            "DATABASE_URL: the database has no schema, or an earlier one: the next start or `jwtapi migrate` makes it"
        ]
    await database.rehearse_pooler()
    await database.rehearse_login()
    return [
        *problems,
        *await warnings_of_database(database, settings),
        *await problems_of_hashes(database),
        *await problems_of_names(database),
        *await problems_of_ways_in(database),
    ]


async def problems_of_hashes(database: Database) -> list[str]:
    """Count the users with a hash that cannot be checked.

    Return no problem if a busy database does not count in time.
    """
    counts: dict[str, int] = {}
    with suppress(StorageUnavailable):
        counts = await database.read(lambda uow: uow.users.count_hashes(own=OWN_PREFIXES, kind_of=kind_of_unusable))
    if not counts:
        return []
    schemes = ", ".join(f"{name}: {count}" for name, count in counts.items())
    advice = "set new passwords with `jwtapi user set-password`"
    return [f"users with a password hash that cannot be checked: {sum(counts.values())} ({schemes}): {advice}"]


async def problems_of_names(database: Database) -> list[str]:
    """Count the users whose name could be an e-mail address. An earlier version let them register.

    Return no problem if a busy database does not count in time.
    """
    count = 0
    with suppress(StorageUnavailable):
        count = await database.read(lambda uow: uow.users.count_names_with_at())
    if not count:
        return []
    advice = "they sign in as before until somebody verifies that e-mail address: let them choose other names"
    return [f"users with @ in their name: {count}: {advice}"]


async def problems_of_ways_in(database: Database) -> list[str]:
    """Count the users who can never sign in. An import of users without usable hashes makes them.

    Return no problem if a busy database does not count in time.
    """
    count = 0
    with suppress(StorageUnavailable):
        count = await database.read(lambda uow: UserImportRepository(uow.connection).count_without_way_in())
    if not count:
        return []
    advice = "give each of them a link for a password, `jwtapi user reset-link`, or delete them"
    return [f"users who can never sign in, without password, passkey and verified e-mail address: {count}: {advice}"]
