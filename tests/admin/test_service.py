import httpx
import pytest

from jwtapi.admin.service import AdminService, UnknownUser
from jwtapi.security.password_policy import PasswordTooShort
from tests.support.api import Api, refusal, sign_in

DEAD = (401, "token_invalid", "Invalid token")


@pytest.fixture
def admin(api: Api) -> AdminService:
    return AdminService(api.resources)


async def test_disabling_ends_every_session_at_once(api: Api, admin: AdminService, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    await admin.disable("ALICE")
    for client in (alice, other):
        assert refusal(await client.get("/profile")) == DEAD
        assert refusal(await client.post("/refresh"))[0] == 403
    assert (await api.event_types())[-3:] == ["user.disabled", "session.revoked", "session.revoked"]


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
    async with api.resources.database.read() as uow:
        assert await uow.users.list() == []
        assert [event.type for event in await uow.events.of_user(user_id)][-2:] == ["session.revoked", "user.deleted"]


@pytest.mark.parametrize("act", ("disable", "enable", "delete"))
async def test_an_unknown_user_is_named(admin: AdminService, act: str) -> None:
    with pytest.raises(UnknownUser, match="nobody"):
        await getattr(admin, act)("nobody")
