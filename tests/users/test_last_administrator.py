"""One user can always administer the others: the last one with the role admin cannot be taken away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.storage.users import UserRepository
from jwtapi.users.errors import LastAdministrator
from jwtapi.users.service import UserService
from tests.conftest import RunApi
from tests.support.administration import administrator, path_of
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.authenticator import Authenticator
from tests.support.gate import Gate

ADMINS = """
    SELECT username FROM users JOIN user_roles ON user_roles.user_id = users.id
    WHERE role = 'admin' AND disabled_at IS NULL
"""
LAST = (409, "last_administrator", "This is the last administrator. Give somebody else the role admin first.")


async def demote(api: Api, username: str) -> None:
    await api.admin.change_roles(username, add=(), remove=["admin"])


async def disable(api: Api, username: str) -> None:
    await api.admin.disable(username)


async def delete(api: Api, username: str) -> None:
    await api.admin.delete(username)


async def leave(api: Api, username: str) -> None:
    """Let the user delete the own account."""
    client = await sign_in(api.client(), username)
    answer = await client.request("DELETE", "/api/account", json={"password": PASSWORD})
    if answer.status_code == 409:
        assert error_of(answer) == LAST
        raise LastAdministrator
    assert answer.status_code == 204


Act = Callable[[Api, str], Coroutine[Any, Any, None]]
ACTS: tuple[Act, ...] = (demote, disable, delete, leave)


async def add_admin(api: Api, username: str) -> httpx.AsyncClient:
    client = await api.signed_in(username)
    await api.set_roles("staff", "admin", username=username)
    return client


@pytest.mark.parametrize("act", ACTS)
async def test_the_last_administrator_can_be_neither_demoted_nor_disabled_nor_deleted(api: Api, act: Act) -> None:
    await add_admin(api, "alice")
    for username, no_longer in (("bob", disable), ("carol", demote)):
        await add_admin(api, username)
        await no_longer(api, username)
    service = await api.services[UserService].create(
        "reports", None, COMMAND_LINE, roles=["admin"], is_service_account=True
    )
    with pytest.raises(LastAdministrator):
        await act(api, "alice")
    assert (await api.user()).roles == ["staff", "admin"]
    assert (await api.event_types())[-1] in {"user.roles_changed", "login.succeeded"}
    await add_admin(api, "dave")
    await act(api, "alice")
    # A service account administers nobody by itself, so it may go, and so may who was disabled.
    for username in (service.username, "bob"):
        await delete(api, username)
    assert await api.sql(ADMINS) == [("dave",)]


@pytest.mark.parametrize("act", ACTS)
async def test_an_administrator_without_a_way_in_does_not_count(api: Api, act: Act) -> None:
    root = await administrator(api)
    for username in ("alice", "bob"):
        await add_admin(api, username)
    assert (await root.post(f"{await path_of(api, 'bob')}/force-password-reset")).status_code == 204
    await demote(api, "root")
    with pytest.raises(LastAdministrator):
        await act(api, "alice")
    await api.admin.set_password("bob", PASSWORD)
    await act(api, "alice")
    assert await api.sql(ADMINS) == [("bob",)]


async def test_an_administrator_whose_only_way_in_is_a_passkey_or_a_verified_address_counts(api: Api) -> None:
    await add_admin(api, "alice")
    await add_admin(api, "bob")
    bob = await sign_in(api.client(), "bob")  # the roles have made the token before an old one
    options = (await bob.post("/api/passkeys/options")).json()
    added = await bob.post("/api/passkeys", json={"credential": Authenticator().create(options)})
    assert added.status_code == 201
    await add_admin(api, "carol")
    await api.sql("UPDATE users SET password_hash = NULL WHERE username IN ('bob', 'carol')")
    await api.sql("UPDATE users SET email = 'c@x.org', canonical_email = 'c@x.org' WHERE username = 'carol'")
    await demote(api, "alice")
    await demote(api, "bob")
    with pytest.raises(LastAdministrator):
        await demote(api, "carol")
    await api.admin.change_roles("bob", add=["admin"], remove=())
    await demote(api, "carol")
    assert await api.sql(ADMINS) == [("bob",)]


async def test_other_roles_of_the_last_administrator_can_change(api: Api) -> None:
    await add_admin(api, "alice")
    assert await api.admin.change_roles("alice", add=["editor"], remove=["staff"]) == ["admin", "editor"]
    assert await api.admin.change_roles("alice", add=["admin"], remove=["admin"]) == ["editor", "admin"]


async def test_roles_that_were_changed_by_sql_count_and_a_command_puts_them_in_order(api: Api) -> None:
    for username in ("alice", "bob"):
        await add_admin(api, username)
    await api.sql("UPDATE users SET roles = '[]' WHERE username = 'bob'")
    with pytest.raises(LastAdministrator):
        await demote(api, "alice")
    await api.sql("""UPDATE users SET roles = '["admin"]' WHERE username = 'bob'""")
    await api.sql("DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE username = 'bob')")
    before = await api.event_types("bob")
    assert await api.admin.change_roles("bob", add=["admin"], remove=()) == ["admin"]
    assert await api.event_types("bob") == before
    await demote(api, "alice")
    assert await api.sql(ADMINS) == [("bob",)]


async def is_stopped(api: Api, task: "asyncio.Task[None]") -> bool:
    """Return whether the task has ended, or waits for a lock. On SQLite it waits whenever another unit writes."""
    if task.done() or "sqlite" in api.services.settings.database_url.get_secret_value():
        return True
    return await api.sql("SELECT 1 FROM pg_locks WHERE NOT granted") != []


@pytest.mark.parametrize(
    ("first", "second"),
    ((demote, demote), (disable, disable), (delete, demote), (leave, disable), (disable, leave)),
)
async def test_of_two_administrators_who_take_each_other_away_at_once_one_stays(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, first: Act, second: Act
) -> None:
    """In two processes. The first one has seen that there is another administrator, and has not committed yet."""
    gate = Gate()
    has_another = UserRepository.has_another

    def has_another_and_waits(self: UserRepository, *args: object, **options: object) -> bool:
        found = has_another(self, *args, **options)  # type: ignore[arg-type]
        gate.wait(self._connection)
        return found

    async with run_api() as one, run_api() as another:
        for username in ("alice", "bob"):
            await add_admin(one, username)
        with monkeypatch.context() as patched:
            patched.setattr(UserRepository, "has_another", has_another_and_waits)
            acting = asyncio.create_task(first(one, "alice"))
            await gate.reached.wait()
        rival = asyncio.create_task(second(another, "bob"))
        while not await is_stopped(one, rival):
            await asyncio.sleep(0)
        gate.open()
        outcomes = await asyncio.gather(acting, rival, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), LastAdministrator]
        assert await one.sql(ADMINS) == [("bob",)]
