import httpx

from tests.support.api import PASSWORD, register


async def test_gives_an_access_token_and_hides_the_refresh_token_in_a_cookie(client: httpx.AsyncClient) -> None:
    await register(client)
    response = await client.post("/login", json={"username": "alice", "password": PASSWORD})
    body = response.json()
    assert response.status_code == 200
    assert body.keys() == {"accessToken", "tokenType", "expiresIn"}
    assert (body["tokenType"], body["expiresIn"]) == ("bearer", 900)
    cookie = next(line for line in response.headers.get_list("set-cookie") if line.startswith("refreshToken="))
    assert cookie.endswith("; HttpOnly; Max-Age=604800; Path=/; SameSite=strict")
    assert client.cookies["refreshToken"] not in response.text
