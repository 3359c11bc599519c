from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from jwtapi.features.admin.errors import UnknownUser
from jwtapi.features.admin.roles import RolesInvalid
from jwtapi.features.admin.service import AdminService
from jwtapi.security.password_policy import PasswordTooShort
from jwtapi.storage.database import Database
from tests.support.api import PASSWORD, Api, refusal, sign_in
from tests.support.sessions import add_sessions

DEAD = (401, "token_invalid", "Invalid token")


@contextmanager
def executions(api: Api) -> Iterator[list[str]]:
    """The statements that change rows, each time one is sent; what runs in the background is left out."""
    sent: list[str] = []

    def remember(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and "arrived_generation" not in statement:
            sent.append(statement)

    engine = api.services[Database]._engine.sync_engine  # noqa: SLF001  to look over its shoulder
    event.listen(engine, "before_cursor_execute", remember)
    yield sent
    event.remove(engine, "before_cursor_execute", remember)


@pytest.fixture
def admin(api: Api) -> AdminService:
    return api.services[AdminService]


async def test_disabling_ends_every_session_at_once(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    await admin.disable("ALICE")
    for client in (alice, other):
        assert refusal(await client.get("/profile")) == DEAD
        assert refusal(await client.post("/refresh"))[0] == 403
    assert (await api.event_types())[-3:] == ["user.disabled", "session.revoked", "session.revoked"]


MANY = 10_080


@pytest.mark.parametrize("act", ("disable", "set_password", "delete"))
async def test_an_account_with_a_weeks_sessions_is_locked_in_as_many_statements_as_any_other(
    api: Api, admin: AdminService, alice: httpx.AsyncClient, act: str
) -> None:
    async def lock() -> None:
        await (
            admin.set_password("alice", "another password") if act == "set_password" else getattr(admin, act)("alice")
        )

    with executions(api) as for_two:
        await sign_in(api.client())
        for_two.clear()
        await lock()
    if act == "delete":
        alice = await api.signed_in()
    else:
        await admin.enable("alice")
        await sign_in(alice, password="another password" if act == "set_password" else PASSWORD)
    await add_sessions(api, MANY)
    with executions(api) as for_many:
        await lock()
    assert len(for_many) == len(for_two)
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(0,)]
    assert refusal(await alice.get("/profile")) == DEAD


async def test_a_user_who_signed_in_and_out_all_day_is_deleted(
    api: Api, admin: AdminService, alice: httpx.AsyncClient
) -> None:
    await alice.post("/logout")
    await add_sessions(api, 1200)
    await admin.delete("alice")
    assert await api.sql("SELECT count(*) FROM sessions") == [(0,)]


async def test_changed_roles_hold_at_once_and_void_the_old_tokens(
    api: Api, admin: AdminService, alice: httpx.AsyncClient
) -> None:
    assert await admin.change_roles("alice", add=["staff", "admin", "staff"], remove=[]) == ["staff", "admin"]
    assert refusal(await alice.get("/profile")) == DEAD
    answer = await alice.post("/refresh")
    verified = await api.client(Authorization=f"Bearer {answer.json()['accessToken']}").get("/auth/verify")
    assert verified.headers["x-auth-roles"] == "staff,admin"
    assert await admin.change_roles("alice", add=[], remove=["staff", "unknown"]) == ["admin"]
    assert await admin.change_roles("alice", add=["admin"], remove=[]) == ["admin"]
    assert (await api.event_types()).count("user.roles_changed") == 2


@pytest.mark.parametrize("role", ("", "two\nlines", "x" * 1100, "admin,staff", "admin ", " "))
async def test_roles_that_no_token_or_list_can_carry_are_refused(
    api: Api, admin: AdminService, alice: httpx.AsyncClient, role: str
) -> None:
    with pytest.raises(RolesInvalid):
        await admin.change_roles("alice", add=[role], remove=[])
    assert (await alice.get("/profile")).status_code == 200
    assert "user.roles_changed" not in await api.event_types()


async def test_a_role_of_former_times_that_has_a_comma_can_be_kept_and_removed(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    await api.sql("""UPDATE users SET roles = '["admin", "a,b"]'""")
    assert await admin.change_roles("alice", add=["staff"], remove=["admin"]) == ["a,b", "staff"]
    assert await admin.change_roles("alice", add=[], remove=["a,b"]) == ["staff"]


async def test_enabling_lets_the_user_sign_in_again(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    await admin.disable("alice")
    await admin.enable("alice")
    assert refusal(await alice.get("/profile")) == DEAD
    await sign_in(alice)
    assert (await alice.get("/profile")).status_code == 200
    assert "user.enabled" in await api.event_types()


async def test_disabling_and_enabling_twice_leave_one_event(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    for act in (admin.disable, admin.disable, admin.enable, admin.enable):
        await act("alice")
    types = await api.event_types()
    assert (types.count("user.disabled"), types.count("user.enabled")) == (1, 1)


async def test_a_new_password_ends_every_session(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    await admin.set_password("alice", "another password")
    assert refusal(await alice.get("/profile")) == DEAD
    await sign_in(alice, "alice", "another password")
    assert "user.password_changed" in await api.event_types()


async def test_a_new_password_must_keep_the_rules(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    with pytest.raises(PasswordTooShort):
        await admin.set_password("alice", "short")


async def test_deleting_takes_all_but_the_events(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    user_id = (await api.events())[0].user_id
    await admin.delete("alice")
    assert refusal(await alice.get("/profile")) == DEAD
    assert refusal(await alice.post("/refresh"))[0] == 403
    async with api.services[Database].read() as uow:
        assert await uow.users.list() == []
        assert [event.type for event in await uow.events.of_user(user_id)][-2:] == ["session.revoked", "user.deleted"]


async def test_changing_the_roles_of_an_unknown_user_names_it(admin: AdminService) -> None:
    with pytest.raises(UnknownUser, match="nobody"):
        await admin.change_roles("nobody", add=["staff"], remove=[])


@pytest.mark.parametrize("act", ("disable", "enable", "delete"))
async def test_an_unknown_user_is_named(admin: AdminService, act: str) -> None:
    with pytest.raises(UnknownUser, match="nobody"):
        await getattr(admin, act)("nobody")
