"""Users who come with hashes of other systems."""

import httpx

from jwtapi.security.foreign_hashes.importing import import_hash
from tests.security.foreign_hashes.systems import SYSTEMS
from tests.support.api import Api, register

PASSWORD = "Correct-horse-bättery-🐎"


async def log_in(client: httpx.AsyncClient, username: str, password: str) -> int:
    return (await client.post("/login", json={"username": username, "password": password})).status_code


async def test_users_of_every_other_system_sign_in_and_then_have_a_hash_of_ours(api: Api) -> None:
    systems = {f"user{number}": system for number, system in enumerate(SYSTEMS) if system.is_available}
    for name, system in systems.items():
        await register(api.client(), name)
        text, options = system.hash(PASSWORD)
        await api.import_password_hash(import_hash(text, system.scheme, options), name)
    for name, system in systems.items():
        client = api.client()
        assert await log_in(client, name, PASSWORD.upper()) == 401, system.name
        assert await log_in(client, name, PASSWORD) == 200, system.name
        stored = (await api.user(name)).password_hash
        assert stored is not None
        assert stored.startswith("$bcrypt-sha256$v=2,t=2b,r=4$"), system.name
        assert await log_in(client, name, PASSWORD) == 200, system.name
