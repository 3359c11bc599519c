import httpx
import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.users.service import UserService
from tests.support.api import PASSWORD, Api, refusal, sign_in


async def test_a_good_token_is_told_whose_it_is(api: Api, alice: httpx.AsyncClient) -> None:
    response = await alice.get("/auth/verify")
    assert (response.status_code, response.content) == (204, b"")
    (login,) = [event for event in await api.events() if event.type == "login.succeeded"]
    headers = {name: value for name, value in response.headers.items() if name.startswith("x-auth-")}
    assert headers == {
        "x-auth-user": "alice",
        "x-auth-user-id": str(login.user_id),
        "x-auth-roles": "",
        "x-auth-session": str(login.session_id),
    }
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]
    assert (await alice.head("/auth/verify")).headers["x-auth-user"] == "alice"


async def test_names_and_roles_are_fit_for_a_header(api: Api) -> None:
    roles = ("admin", "staff,\r\nX-Auth-User: eve", "käse")
    await api.services[UserService].register("Zëbra%", PASSWORD, COMMAND_LINE, roles=roles)
    zebra = await sign_in(api.client(), "Zëbra%")
    headers = (await zebra.get("/auth/verify")).headers
    assert headers.get_list("x-auth-user") == ["Z%C3%ABbra%25"]
    assert headers["x-auth-roles"] == "admin,staff%2C%0D%0AX-Auth-User:%20eve,k%C3%A4se"


async def test_without_a_token_it_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/auth/verify", headers={"X-Auth-User": "alice"})
    assert refusal(response) == (401, "access_token_required", "Access token required")
    assert response.headers["www-authenticate"] == 'Bearer realm="jwtapi"'
    assert "x-auth-user" not in response.headers


async def test_so_is_a_token_whose_session_is_over(api: Api, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/auth/verify")).status_code == 204
    await api.client(Authorization=alice.headers["authorization"]).post("/logout")
    assert refusal(await alice.get("/auth/verify")) == (401, "token_invalid", "Invalid token")


async def test_a_token_that_was_good_expires_all_the_same(api: Api, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/auth/verify")).status_code == 204
    api.clock.advance(15 * 60)
    assert refusal(await alice.get("/auth/verify"))[:2] == (401, "token_expired")


@pytest.mark.parametrize("path", ("/auth/verify", "/profile"))
async def test_other_methods_are_not_allowed(alice: httpx.AsyncClient, path: str) -> None:
    response = await alice.post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
