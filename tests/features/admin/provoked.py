"""How to provoke the errors of the administration, and requests that succeed whatever others have asked before."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from jwtapi.security.passwords import Overloaded, PasswordHasher
from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.support.administration import USERS, administrator, create, path_of
from tests.support.api import Api, sign_in
from tests.support.api_keys import create_key, with_key
from tests.support.emails import set_email
from tests.support.provoking import Provoke, Request

INVITATIONS = "/api/admin/invitations"
ONE = f"{USERS}/{{user_id}}"
SESSIONS, SESSION = f"{ONE}/sessions", f"{ONE}/sessions/{{session_id}}"
KEYS, KEY = f"{ONE}/keys", f"{ONE}/keys/{{key_id}}"
FORCE, LINK, RESET_MFA = f"{ONE}/force-password-reset", f"{ONE}/reset-link", f"{ONE}/reset-mfa"

PATHS = {
    path: path.format(user_id=EXAMPLE_ID, session_id=EXAMPLE_ID, key_id=EXAMPLE_ID)
    for path in (ONE, SESSIONS, SESSION, KEYS, KEY, FORCE, LINK, RESET_MFA)
}
_EVERYWHERE = (USERS, INVITATIONS, *PATHS)
_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", USERS): {"username": "bob"},
    ("POST", INVITATIONS): {"email": "bob@example.com"},
    ("PATCH", ONE): {},
    ("POST", KEYS): {"name": "x"},
}
_WRONG: dict[str, dict[str, Any]] = {USERS: {}, INVITATIONS: {}, ONE: {"disabled": 5}, KEYS: {}}
_MANY = {"metadata": {"a": "x" * 5000}}


def _new_name() -> str:
    return f"user{uuid4().hex[:12]}"


async def _ask(client: httpx.AsyncClient, method: str, path: str, **body: Any) -> httpx.Response:
    """Send a request whose body is right in form, except for what `body` replaces."""
    right = _BODIES.get((method, path))
    sent = right | body if right is not None else None
    return await client.request(method, PATHS.get(path, path), json=sent)


def by_root(**body: Any) -> Provoke:
    """Provoke an error by this request of an administrator."""

    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        return await _ask(await administrator(api), method, path, **body)

    return provoke


async def _with_wrong_parts(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)
    if method == "GET":
        return await root.get(f"{path}?limit=0")
    return await root.request(method, PATHS.get(path, path), json=_WRONG[path])


async def _without_the_role(api: Api, method: str, path: str) -> httpx.Response:
    client = api.client("203.0.113.97")
    user = {"username": "mallory", "password": example_password(api.services.settings.password_min_length)}
    await client.post("/register", json=user)
    return await _ask(await sign_in(client, **user), method, path)


async def _by_a_key(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)
    await api.sql("DELETE FROM api_keys")  # a user can have 50
    program = with_key(api, (await create_key(api, "root")).text)
    if method == "PATCH":
        return await program.patch(f"{USERS}/{await _a_person(root)}", json={"metadata": {"a": 1}})
    return await _ask(program, method, path)


async def _until_it_is_too_much(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)
    while (response := await _ask(root, method, path)).status_code != 429:
        pass
    return response


def on(make: Callable[[httpx.AsyncClient], Awaitable[str]], **body: Any) -> Provoke:
    """Provoke an error by a request about the user whom `make` makes, and whose id it returns."""

    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        root = await administrator(api)
        user_id = await make(root)
        right = _BODIES.get((method, path))
        return await root.request(
            method, path.replace("{user_id}", user_id), json=right | body if right is not None else None
        )

    return provoke


async def _a_person(root: httpx.AsyncClient) -> str:
    return str((await create(root, _new_name(), password="x" * 40))["id"])


async def _a_service_account(root: httpx.AsyncClient) -> str:
    return str((await create(root, _new_name(), isServiceAccount=True, roles=["staff"]))["id"])


async def _somebody_disabled(root: httpx.AsyncClient) -> str:
    user_id = await _a_person(root)
    await root.patch(f"{USERS}/{user_id}", json={"disabled": True})
    return user_id


async def _one_with_fifty_keys(root: httpx.AsyncClient) -> str:
    user_id = await _a_service_account(root)
    for _ in range(50):
        await root.post(f"{USERS}/{user_id}/keys", json={"name": "x"})
    return user_id


async def _on_the_last_administrator(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)
    own = (await path_of(api, "root")).removeprefix(f"{USERS}/")
    # Others may have provoked the same error by an administrator of theirs.
    await api.sql("DELETE FROM user_roles WHERE user_id <> (SELECT id FROM users WHERE canonical_username = 'root')")
    body: dict[str, Any] | None = {"roles": []} if method == "PATCH" else None
    return await root.request(method, path.replace("{user_id}", own), json=body)


async def _with_the_address_of_another(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)
    if not (await root.get(USERS, params={"query": "owner@example.com"})).json()["users"]:
        name = _new_name()
        await create(root, name, password="x" * 40)
        await set_email(api, "owner@example.com", name)
    return await _ask(root, method, path, email="owner@example.com")


async def _while_too_many_passwords_wait(api: Api, method: str, path: str) -> httpx.Response:
    root = await administrator(api)

    def fail(*_: Any, **__: Any) -> None:
        raise Overloaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHasher, "hash", fail)
        return await _ask(root, method, path, password="x" * 40)


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "role_required": _without_the_role,
    ("last_administrator", ONE): _on_the_last_administrator,
    ("last_administrator", FORCE): _on_the_last_administrator,
    "roles_invalid": by_root(roles=["a,b"]),
    ("roles_invalid", ONE): on(_a_person, roles=["a,b"]),
    "metadata_invalid": by_root(**_MANY),
    "service_account": on(_a_service_account),
    ("service_account", USERS): by_root(isServiceAccount=True, password="x" * 40),
    "user_disabled": on(_somebody_disabled),
    "no_service_account": on(_a_person),
    "links_unavailable": by_root(),
    ("links_unavailable", LINK): on(_a_person),
    ("username_invalid", USERS): by_root(username="two words"),
    ("username_taken", USERS): by_root(username="root"),
    ("password_too_short", USERS): by_root(password="short"),
    ("password_too_long", USERS): by_root(password="x" * 1025),
    ("password_too_common", USERS): by_root(password="passwordpassword"),
    ("email_invalid", USERS): by_root(email="nobody"),
    ("email_invalid", INVITATIONS): by_root(email="nobody"),
    ("email_taken", USERS): _with_the_address_of_another,
    ("email_taken", INVITATIONS): _with_the_address_of_another,
    ("registration_closed", INVITATIONS): by_root(),
    ("mail_unavailable", USERS): by_root(email="bob@example.com", password="x" * 40),
    ("overloaded", USERS): _while_too_many_passwords_wait,
    ("api_key_name_invalid", KEYS): on(_a_service_account, name="\x1b"),
    ("api_key_expiry_invalid", KEYS): on(_a_service_account, expiresAt="2026-01-01T00:00:00Z"),
    ("api_key_roles_invalid", KEYS): on(_a_service_account, roles=["boss"]),
    ("too_many_api_keys", KEYS): on(_one_with_fifty_keys),
    **{("validation_failed", path): _with_wrong_parts for path in (USERS, INVITATIONS, ONE, KEYS)},
    **{("not_found", path): by_root() for path in PATHS},
    **{("insufficient_user_authentication", path): by_root() for path in _EVERYWHERE},
    **{("session_required", path): _by_a_key for path in _EVERYWHERE},
    **{("too_many_attempts", path): _until_it_is_too_much for path in _EVERYWHERE},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "insufficient_user_authentication": {"mfa_required": "admins"},
    "links_unavailable": {"account_page_enabled": False},
    "too_many_attempts": {"admin_rate_limit": "2/15 minutes"},
}


async def _frank(api: Api) -> tuple[httpx.AsyncClient, str]:
    """Return an administrator, and the path of the user of the examples."""
    root = await administrator(api)
    if not (await root.get(USERS, params={"query": "frank"})).json()["users"]:
        await _create(api, root)
    return root, await path_of(api, "frank")


async def _create(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    root = await administrator(api)
    for user in (await root.get(USERS, params={"query": "frank"})).json()["users"]:
        await root.delete(f"{USERS}/{user['id']}")
    password = example_password(api.services.settings.password_min_length)
    body = {"username": "frank", "password": password, "email": None, "metadata": {"department": "sales"}}
    return await root.post(USERS, json=body | {"roles": ["staff"], "isServiceAccount": False})


def _of_frank(method: str, below: str = "", **request: Any) -> Request:
    async def ask(api: Api, _: httpx.AsyncClient) -> httpx.Response:
        root, path = await _frank(api)
        return await root.request(method, f"{path}{below}", **request)

    return ask


def _of(make: Callable[[httpx.AsyncClient], Awaitable[str]], method: str, below: str = "", **request: Any) -> Request:
    async def ask(api: Api, _: httpx.AsyncClient) -> httpx.Response:
        root = await administrator(api)
        return await root.request(method, f"{USERS}/{await make(root)}{below}", **request)

    return ask


async def _search(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    root, _path = await _frank(api)
    return await root.get(USERS, params={"query": "frank"})


async def _invite(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await administrator(api)).post(INVITATIONS, json={"email": "erin@example.com", "roles": ["staff"]})


async def _with_one_session(api: Api) -> tuple[httpx.AsyncClient, str]:
    root, path = await _frank(api)
    await root.delete(f"{path}/sessions")
    password = example_password(api.services.settings.password_min_length)
    await sign_in(api.client(**{"User-Agent": "Mozilla/5.0 (X11)"}), "frank", password)
    return root, path


async def _list_sessions(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    root, path = await _with_one_session(api)
    return await root.get(f"{path}/sessions")


async def _end_session(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    root, path = await _with_one_session(api)
    (session,) = (await root.get(f"{path}/sessions")).json()["sessions"]
    return await root.delete(f"{path}/sessions/{session['id']}")


async def _with_one_key(root: httpx.AsyncClient) -> str:
    user_id = await _a_service_account(root)
    await root.post(f"{USERS}/{user_id}/keys", json={"name": "Nightly backup"})
    return user_id


async def _revoke_key(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    root = await administrator(api)
    path = f"{USERS}/{await _with_one_key(root)}/keys"
    (key,) = (await root.get(path)).json()["keys"]
    return await root.delete(f"{path}/{key['id']}")


REQUESTS: dict[str, Request] = {
    "searchUsers": _search,
    "createUser": _create,
    "invite": _invite,
    "readUser": _of_frank("GET"),
    "changeUser": _of_frank("PATCH", json={"roles": ["staff"], "metadata": {"department": "sales"}}),
    "deleteUser": _of(_a_person, "DELETE"),
    "forcePasswordReset": _of(_a_person, "POST", "/force-password-reset"),
    "makeResetLink": _of_frank("POST", "/reset-link"),
    "resetSecondFactors": _of(_a_person, "POST", "/reset-mfa"),
    "listSessionsOfUser": _list_sessions,
    "endSessionsOfUser": _of(_a_person, "DELETE", "/sessions"),
    "endSessionOfUser": _end_session,
    "listApiKeysOfUser": _of(_with_one_key, "GET", "/keys"),
    "createApiKeyOfUser": _of(_a_service_account, "POST", "/keys", json={"name": "Nightly backup", "roles": []}),
    "revokeApiKeyOfUser": _revoke_key,
}
