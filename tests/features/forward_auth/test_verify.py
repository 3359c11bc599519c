import httpx
import pytest

from tests.support.api import Api, error_of, register, sign_in


async def test_verify_names_the_user_of_a_valid_token(api: Api, alice: httpx.AsyncClient) -> None:
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


async def test_verify_encodes_names_and_roles_for_a_header(api: Api) -> None:
    await register(api.client(), "Zëbra%")
    # The roles of an import by SQL: the command line refuses the comma and the line break.
    await api.sql(r"""UPDATE users SET roles = '["admin", "staff,\r\nX-Auth-User: eve", "käse"]'""")
    zebra = await sign_in(api.client(), "Zëbra%")
    headers = (await zebra.get("/auth/verify")).headers
    assert headers.get_list("x-auth-user") == ["Z%C3%ABbra%25"]
    assert headers["x-auth-roles"] == "admin,staff%2C%0D%0AX-Auth-User:%20eve,k%C3%A4se"


async def test_verify_refuses_a_request_without_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get("/auth/verify", headers={"X-Auth-User": "alice"})
    assert error_of(response) == (401, "access_token_required", "Access token required")
    assert response.headers["www-authenticate"] == 'Bearer realm="jwtapi"'
    assert "x-auth-user" not in response.headers


async def test_verify_refuses_a_token_whose_session_has_ended(api: Api, alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/auth/verify")).status_code == 204
    await api.client(Authorization=alice.headers["authorization"]).post("/logout")
    assert error_of(await alice.get("/auth/verify")) == (401, "token_invalid", "Invalid token")


async def test_verify_refuses_a_token_that_has_expired_since_it_was_last_accepted(
    api: Api, alice: httpx.AsyncClient
) -> None:
    assert (await alice.get("/auth/verify")).status_code == 204
    api.clock.advance(15 * 60)
    assert error_of(await alice.get("/auth/verify"))[:2] == (401, "token_expired")


@pytest.mark.parametrize("path", ("/auth/verify", "/profile"))
async def test_post_is_not_allowed_for_verify_and_profile(alice: httpx.AsyncClient, path: str) -> None:
    response = await alice.post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
