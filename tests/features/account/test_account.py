import httpx

from jwtapi.clock import Clock
from tests.support.api import PASSWORD, Api, register, sign_in

PATH = "/api/account"


async def test_an_account_has_the_id_that_register_and_verify_return(api: Api, clock: Clock) -> None:
    client = api.client()
    registered = clock()
    id_ = (await register(client, "Zoë")).json()["id"]
    await sign_in(client, "zoë")
    response = await client.get(PATH)
    assert response.status_code == 200
    assert response.json() == {
        "id": id_,
        "username": "Zoë",
        "roles": [],
        "createdAt": registered.isoformat().replace("+00:00", "Z"),
    }
    assert (await client.get("/auth/verify")).headers["x-auth-user-id"] == id_


async def test_an_account_shows_the_roles(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("staff", "käse")
    await sign_in(alice, "alice", PASSWORD)
    assert (await alice.get(PATH)).json()["roles"] == ["staff", "käse"]
