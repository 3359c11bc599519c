import httpx
import jwt
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET, on_sqlite
from tests.support.api import Api, error_of, sign_in

LOGGED_OUT = (200, {"message": "Logged out"})
DEAD = (401, "token_invalid", "Invalid token")


def answer(response: httpx.Response) -> tuple[int, object]:
    return response.status_code, response.json()


async def test_logout_clears_the_cookie(alice: httpx.AsyncClient) -> None:
    response = await alice.post("/logout")
    assert answer(response) == LOGGED_OUT
    assert response.headers["set-cookie"] == 'refreshToken=""; HttpOnly; Max-Age=0; Path=/; SameSite=strict'


async def test_logout_refuses_both_tokens_from_the_next_request_on(api: Api, alice: httpx.AsyncClient) -> None:
    token = alice.cookies["refreshToken"]
    await alice.post("/logout")
    assert error_of(await alice.get("/profile")) == DEAD
    response = await api.client(Cookie=f"refreshToken={token}").post("/refresh")
    assert error_of(response)[:2] == (403, "refresh_token_invalid")
    assert await api.event_types() == ["user.registered", "login.succeeded", "session.revoked"]


async def test_logout_needs_only_one_of_the_two_tokens(api: Api, alice: httpx.AsyncClient) -> None:
    by_cookie = api.client(Cookie=f"refreshToken={alice.cookies['refreshToken']}")
    await by_cookie.post("/logout")
    assert error_of(await alice.get("/profile")) == DEAD
    await sign_in(alice)
    by_bearer = api.client(Authorization=alice.headers["Authorization"])
    assert answer(await by_bearer.post("/logout")) == LOGGED_OUT
    assert error_of(await alice.get("/profile")) == DEAD


async def test_logout_leaves_the_users_other_sessions_alone(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    await alice.post("/logout")
    assert (await other.get("/profile")).status_code == 200


@on_sqlite
@pytest.mark.parametrize("headers", ({}, {"Cookie": "refreshToken=forged"}, {"Authorization": "Bearer a.b.c"}))
async def test_logout_without_a_token_is_not_an_error(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert answer(await client.post("/logout", headers=headers)) == LOGGED_OUT


async def test_logout_twice_is_no_error_and_no_second_event(api: Api, alice: httpx.AsyncClient) -> None:
    token = alice.cookies["refreshToken"]
    for _ in range(2):
        assert answer(await api.client(Cookie=f"refreshToken={token}").post("/logout")) == LOGGED_OUT
    assert (await api.event_types()).count("session.revoked") == 1


async def test_a_used_or_expired_refresh_token_still_signs_out(api: Api, alice: httpx.AsyncClient) -> None:
    used = alice.cookies["refreshToken"]
    await alice.post("/refresh")
    api.clock.advance(7 * 24 * 3600 - 60)
    await alice.post("/refresh")
    api.clock.advance(120)
    await api.client(Cookie=f"refreshToken={used}").post("/logout")
    assert error_of(await alice.post("/refresh"))[0] == 403


async def test_logout_with_only_an_expired_access_token_ends_no_session(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(901)
    assert answer(await api.client(Authorization=alice.headers["authorization"]).post("/logout")) == LOGGED_OUT
    assert (await alice.post("/refresh")).status_code == 200


async def test_logout_by_the_cookie_works_beside_an_expired_access_token(api: Api, alice: httpx.AsyncClient) -> None:
    token = alice.cookies["refreshToken"]
    api.clock.advance(901)
    await alice.post("/logout")
    assert error_of(await api.client(Cookie=f"refreshToken={token}").post("/refresh"))[0] == 403


async def test_logout_ends_the_sessions_of_both_of_two_refresh_cookies(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    both = "; ".join(f"refreshToken={client.cookies['refreshToken']}" for client in (alice, other))
    await api.client(Cookie=both).post("/logout")
    for client in (alice, other):
        assert error_of(await client.get("/profile")) == DEAD


async def test_logout_with_a_forged_token_ends_no_session(api: Api, alice: httpx.AsyncClient) -> None:
    claims = jwt.decode(alice.cookies["refreshToken"], REFRESH_SECRET, ["HS256"]) | {"prf": "A" * 43}
    forged = jwt.encode(claims, REFRESH_SECRET, "HS256", headers={"typ": "rt+jwt"})
    await api.client(Cookie=f"refreshToken={forged}").post("/logout")
    assert (await alice.get("/profile")).status_code == 200


@pytest.mark.parametrize("seconds", (60, 3600))
@pytest.mark.parametrize("shown", ("cookie", "access token"))
async def test_logout_ends_the_session_although_the_clock_was_set_back(
    api: Api, alice: httpx.AsyncClient, seconds: int, shown: str
) -> None:
    bearer, cookie = alice.headers["Authorization"], f"refreshToken={alice.cookies['refreshToken']}"
    api.clock.advance(-seconds)
    leaving = api.client(Cookie=cookie) if shown == "cookie" else api.client(Authorization=bearer)
    assert answer(await leaving.post("/logout")) == LOGGED_OUT
    api.clock.advance(seconds)
    assert error_of(await api.client(Authorization=bearer).get("/profile")) == DEAD
    assert (await api.client(Cookie=cookie).post("/refresh")).status_code == 403


async def test_an_access_token_of_one_user_ends_no_session_of_another(api: Api, alice: httpx.AsyncClient) -> None:
    bob = await api.signed_in("bob")
    tokens = [client.headers["Authorization"].removeprefix("Bearer ") for client in (alice, bob)]
    of_alice, of_bob = (jwt.decode(token, options={"verify_signature": False}) for token in tokens)
    mixed = jwt.encode(of_alice | {"sid": of_bob["sid"]}, JWT_SECRET, headers={"typ": "at+jwt"})
    assert answer(await api.client(Authorization=f"Bearer {mixed}").post("/logout")) == LOGGED_OUT
    assert (await bob.get("/profile")).status_code == 200
    assert "session.revoked" not in await api.event_types()
