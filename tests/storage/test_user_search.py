"""With 100,000 users, an index finds the rows of every search, and each page is one statement."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event

from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_search import Position, Sought, UserFilter, UserOrder, UserSearch, UserState, position_of
from jwtapi.storage.users import User
from tests.conftest import MakeSettings
from tests.storage.test_query_plans import nodes, scans
from tests.support.postgresql import PostgreSQL

MANY = 100_000
PAGE = 50
READ = 1000
"""Rows that a page of PAGE users may read. Those who match a search that is not in the order of its index are fewer."""

USERS = """
INSERT INTO users (id, username, canonical_username, roles, settings, created_at, disabled_at, canonical_email,
                   external_id, is_service_account)
SELECT {id}, 'user' || n, 'user' || n, '["staff"]', '{{}}', {created_at},
       CASE WHEN n % 1000 = 5 THEN {created_at} END, 'mail' || n || '@example.com', 'ext' || n, n % 2000 = 7
FROM numbers
"""
"""One user in a thousand is disabled, one in two thousand is a service account, and two are of each second."""
ROLES = "INSERT INTO user_roles (id, user_id, role) SELECT {id}, {user_id}, {role} FROM numbers"
STAFF, RARE = "'staff'", "'rare'"
"""All users have the one, and one in two thousand has the other."""


def fill_sqlite(file: str) -> None:
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"  # noqa: S608
    user_id = "printf('%032x', n)"
    created_at = "strftime('%Y-%m-%d %H:%M:%S.000000', 1700000000 + n % 50000, 'unixepoch')"
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(f"{numbers} {USERS.format(id=user_id, created_at=created_at)}")
        connection.execute(f"{numbers} {ROLES.format(id=user_id, user_id=user_id, role=STAFF)}")
        rare = ROLES.format(id=f"printf('%032x', n + {MANY})", user_id=user_id, role=RARE)
        connection.execute(f"{numbers} {rare} WHERE n % 2000 = 3")
    connection.close()


def fill_postgresql(postgresql: PostgreSQL, url: str) -> None:
    numbers = f"WITH numbers(n) AS (SELECT generate_series(1, {MANY}))"
    user_id = "lpad(to_hex(n), 32, '0')::uuid"
    created_at = "to_timestamp(1700000000 + n % 50000)"
    rare = ROLES.format(id=f"lpad(to_hex(n + {MANY}), 32, '0')::uuid", user_id=user_id, role=RARE)
    for statement in (
        f"{numbers} {USERS.format(id=user_id, created_at=created_at)}",
        f"{numbers} {ROLES.format(id=user_id, user_id=user_id, role=STAFF)}",
        f"{numbers} {rare} WHERE n % 2000 = 3",
        "ANALYZE users",
        "ANALYZE user_roles",
    ):
        postgresql.execute(statement, url)


def reads_too_much(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Return what the statement reads from end to end, or of what it reads more than READ rows."""
    if connection.dialect.name == "sqlite":
        return scans(connection, statement, parameters)
    plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    tree = json.loads(plan) if isinstance(plan, str) else plan
    return [
        f"{node['Node Type']} {rows}"
        for node in nodes(tree[0]["Plan"])
        for rows in [node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))]
        if node["Node Type"] == "Seq Scan" or rows > READ
    ]


def search(
    uow: UnitOfWork, which: UserFilter, order: UserOrder, after: Position | None
) -> tuple[Sequence[User], list[str]]:
    """Return a page, and what is wrong with how it was read."""
    sent: list[tuple[str, Any]] = []

    def collect(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        sent.append((sql, parameters))

    event.listen(uow.connection, "before_cursor_execute", collect)
    try:
        users = UserSearch(uow.connection).page(which, order=order, after=after, limit=PAGE)
    finally:
        event.remove(uow.connection, "before_cursor_execute", collect)
    assert len(sent) == 1
    return users, reads_too_much(uow.connection, *sent[0])


SOUGHT = {
    None: None,
    "user9999": Sought("user9999", ["user9999"], "user9999", None),
    "mail9999": Sought("mail9999", ["mail9999", "mail9999@example.com"], "mail9999", None),
    "ext77": Sought("ext77", ["ext77"], "ext77", None),
    "the id of 77": Sought("0", ["0"], "0", UUID(int=77)),
}
MATCHING: dict[str | None, set[int]] = {
    "user9999": {9999, *range(99990, 100_000)},
    "mail9999": {9999, *range(99990, 100_000)},
    "ext77": {77},
    "the id of 77": {77},
}
OF_STATE: dict[UserState | None, Callable[[int], bool]] = {
    None: lambda _: True,
    UserState.ENABLED: lambda n: n % 1000 != 5,
    UserState.DISABLED: lambda n: n % 1000 == 5,
    UserState.SERVICE: lambda n: n % 2000 == 7,
}
OF_ROLE: dict[str | None, Callable[[int], bool]] = {
    None: lambda _: True,
    "staff": lambda _: True,
    "rare": lambda n: n % 2000 == 3,
}


async def test_each_page_of_every_search_is_one_statement_that_reads_few_of_100_000_users(
    database_url: str, make_settings: MakeSettings, request: pytest.FixtureRequest
) -> None:
    if database_url.startswith("sqlite"):
        fill_sqlite(database_url.removeprefix("sqlite:///"))
    else:
        fill_postgresql(request.getfixturevalue("postgresql"), database_url)
    by_name = sorted(range(1, MANY + 1), key=lambda n: f"user{n}")
    by_creation = sorted(range(1, MANY + 1), key=lambda n: (n % 50_000, n))
    database = Database.of(make_settings())
    wrong: dict[Any, list[str]] = {}
    for order, sought, role, state in product(UserOrder, SOUGHT, OF_ROLE, OF_STATE):
        if sought is not None and (order.is_by_name is order.is_descending or state is UserState.ENABLED):
            continue  # the statements are alike
        if role == "staff" and state is not None:
            continue  # SQLite reads all users of a role, which takes long here
        numbers = by_name if order.is_by_name else by_creation
        if sought is not None:
            numbers = sorted(MATCHING[sought], key=numbers.index)
        matching = (
            n
            for n in (reversed(numbers) if order.is_descending else numbers)
            if OF_ROLE[role](n) and OF_STATE[state](n)
        )
        which = UserFilter(SOUGHT[sought], role, state)
        after: Position | None = None
        for _ in range(2):
            users, read = await database.read(partial(search, which=which, order=order, after=after))
            assert [user.id.int for user in users] == list(islice(matching, PAGE)), (order, which)
            if read:
                wrong[order, which, after] = read
            if not users:
                break
            after = position_of(users[-1], order)
    assert wrong == {}
    await database.close()
