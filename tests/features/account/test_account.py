from typing import Any

import httpx
import pytest

from jwtapi.clock import Clock
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
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
        "email": None,
        "emailVerified": False,
        "pendingEmail": None,
        "roles": [],
        "createdAt": registered.isoformat().replace("+00:00", "Z"),
        "lastLoginAt": registered.isoformat().replace("+00:00", "Z"),
    }
    assert (await client.get("/auth/verify")).headers["x-auth-user-id"] == id_


async def test_an_account_shows_the_roles(api: Api, alice: httpx.AsyncClient) -> None:
    await api.set_roles("staff", "käse")
    await sign_in(alice, "alice", PASSWORD)
    assert (await alice.get(PATH)).json()["roles"] == ["staff", "käse"]


@pytest.mark.parametrize(
    ("email", "pending", "shown"),
    (
        (None, None, (None, False, None)),
        (None, "waits@example.com", ("waits@example.com", False, None)),
        ("is@example.com", None, ("is@example.com", True, None)),
        ("is@example.com", "waits@example.com", ("is@example.com", True, "waits@example.com")),
    ),
)
async def test_an_account_shows_the_address_and_whether_it_is_verified(
    api: Api, alice: httpx.AsyncClient, email: str | None, pending: str | None, shown: tuple[Any, ...]
) -> None:
    user = await api.user()

    def store(uow: UnitOfWork) -> None:
        uow.users.change_email(user.id, email=email, canonical_email=email, former_email=None, former_email_until=None)
        uow.users.set_pending_email(user.id, pending)

    await api.services[Database].write(store)
    account = (await alice.get(PATH)).json()
    assert (account["email"], account["emailVerified"], account["pendingEmail"]) == shown


async def test_an_account_shows_when_the_user_signed_in_last(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(100)
    await sign_in(alice)
    assert (await alice.get(PATH)).json()["lastLoginAt"] == api.clock().isoformat().replace("+00:00", "Z")
