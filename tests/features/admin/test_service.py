import httpx
import pytest

from jwtapi.features.admin.errors import UnknownUser
from jwtapi.features.admin.service import AdminService
from jwtapi.housekeeping import Housekeeping
from jwtapi.security.password_policy import PasswordTooShort
from jwtapi.storage.database import Database
from jwtapi.users.roles import RolesInvalid
from tests.conftest import on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.sessions import add_sessions
from tests.support.statements import changes_rows, statements

DEAD = (401, "token_invalid", "Invalid token")


@pytest.fixture
def admin(api: Api) -> AdminService:
    return api.admin


async def test_disabling_a_user_ends_every_session(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    await admin.disable("ALICE")
    for client in (alice, other):
        assert error_of(await client.get("/profile")) == DEAD
        assert error_of(await client.post("/refresh"))[0] == 403
    assert (await api.event_types())[-3:] == ["login.succeeded", "user.disabled", "sessions.revoked"]


MANY = 10_080


@pytest.mark.parametrize("act", ("disable", "set_password"))
async def test_locking_a_user_with_ten_thousand_sessions_takes_as_many_statements_as_one_with_two(
    api: Api, admin: AdminService, alice: httpx.AsyncClient, act: str
) -> None:
    async def lock() -> None:
        await (admin.disable("alice") if act == "disable" else admin.set_password("alice", "another password"))

    with statements(api, changes_rows) as for_two:
        await sign_in(api.client())
        for_two.clear()
        await lock()
    await admin.enable("alice")
    await sign_in(alice, password="another password" if act == "set_password" else PASSWORD)
    await add_sessions(api, MANY)
    with statements(api, changes_rows) as for_many:
        await lock()
    assert len(for_many) == len(for_two)
    assert await api.sql("SELECT count(*) FROM events WHERE type = 'sessions.revoked'") == [(2,)]
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(0,)]
    assert error_of(await alice.get("/profile")) == DEAD


async def test_deleting_a_user_with_ten_thousand_sessions_takes_as_many_statements_as_one_with_one(
    api: Api, admin: AdminService, alice: httpx.AsyncClient
) -> None:
    with statements(api, changes_rows) as for_one:
        await admin.delete("alice")
    api.clock.advance(3600)
    await api.services[Housekeeping].clean_up()
    alice = await api.signed_in()
    await add_sessions(api, MANY)
    with statements(api, changes_rows) as for_many:
        await admin.delete("alice")
    assert len(for_many) == len(for_one)
    assert error_of(await alice.get("/profile")) == DEAD


async def test_the_name_of_a_user_whom_the_operator_deletes_is_free(api: Api, alice: httpx.AsyncClient) -> None:
    await api.delete()
    await register(alice)


async def test_changed_roles_take_effect_with_the_next_request_and_old_tokens_are_refused(
    api: Api, admin: AdminService, alice: httpx.AsyncClient
) -> None:
    assert await admin.change_roles("alice", add=["staff", "admin", "staff"], remove=[]) == ["staff", "admin"]
    assert error_of(await alice.get("/profile")) == DEAD
    answer = await alice.post("/refresh")
    verified = await api.client(Authorization=f"Bearer {answer.json()['accessToken']}").get("/auth/verify")
    assert verified.headers["x-auth-roles"] == "staff,admin"
    assert await admin.change_roles("alice", add=[], remove=["staff", "unknown"]) == ["admin"]
    assert await admin.change_roles("alice", add=["admin"], remove=[]) == ["admin"]
    assert (await api.event_types()).count("user.roles_changed") == 2


@on_sqlite
@pytest.mark.parametrize("role", ("", "two\nlines", "x" * 1100, "admin,staff", "admin ", " "))
async def test_a_role_that_does_not_fit_into_a_token_or_a_list_is_refused(
    api: Api, admin: AdminService, alice: httpx.AsyncClient, role: str
) -> None:
    with pytest.raises(RolesInvalid):
        await admin.change_roles("alice", add=[role], remove=[])
    assert (await alice.get("/profile")).status_code == 200
    assert "user.roles_changed" not in await api.event_types()


async def test_an_old_role_with_a_comma_can_be_kept_and_removed(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    await api.sql("""UPDATE users SET roles = '["editor", "a,b"]'""")
    assert await admin.change_roles("alice", add=["staff"], remove=["editor"]) == ["a,b", "staff"]
    assert await admin.change_roles("alice", add=[], remove=["a,b"]) == ["staff"]


async def test_an_enabled_user_can_sign_in_again(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    await admin.disable("alice")
    await admin.enable("alice")
    assert error_of(await alice.get("/profile")) == DEAD
    await sign_in(alice)
    assert (await alice.get("/profile")).status_code == 200
    assert "user.enabled" in await api.event_types()


async def test_disabling_or_enabling_a_user_twice_records_one_event(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    for act in (admin.disable, admin.disable, admin.enable, admin.enable):
        await act("alice")
    types = await api.event_types()
    assert (types.count("user.disabled"), types.count("user.enabled")) == (1, 1)


async def test_a_new_password_ends_every_session(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    await admin.set_password("alice", "another password")
    assert error_of(await alice.get("/profile")) == DEAD
    await sign_in(alice, "alice", "another password")
    assert "user.password_changed" in await api.event_types()


async def test_an_administrator_cannot_set_a_password_that_is_too_short(api: Api, admin: AdminService) -> None:
    await api.signed_in()
    with pytest.raises(PasswordTooShort):
        await admin.set_password("alice", "short")


async def test_deleting_a_user_deletes_everything_but_the_events(
    api: Api, admin: AdminService, alice: httpx.AsyncClient
) -> None:
    user_id = (await api.user()).id
    await admin.delete("alice")
    assert error_of(await alice.get("/profile")) == DEAD
    assert error_of(await alice.post("/refresh"))[0] == 403
    assert await api.services[Database].read(lambda uow: uow.users.list()) == []
    events = await api.services[Database].read(lambda uow: uow.events.of_user(user_id))
    assert [event.type for event in events][-1] == "user.deleted"


async def test_changing_the_roles_of_an_unknown_user_names_the_user(admin: AdminService) -> None:
    with pytest.raises(UnknownUser, match="nobody"):
        await admin.change_roles("nobody", add=["staff"], remove=[])


@pytest.mark.parametrize("act", ("disable", "enable", "delete"))
async def test_disabling_enabling_or_deleting_an_unknown_user_names_the_user(admin: AdminService, act: str) -> None:
    with pytest.raises(UnknownUser, match="nobody"):
        await getattr(admin, act)("nobody")
