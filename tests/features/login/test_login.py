import asyncio
import threading
from unittest.mock import Mock

import bcrypt
import httpx
import jwt
import pytest

from jwtapi.security.passwords import PasswordHasher
from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register

REQUIRED = (400, "credentials_required", "Username and password are required")
WRONG = (401, "invalid_credentials", "Invalid credentials")


@pytest.fixture(autouse=True)
async def alice_exists(client: httpx.AsyncClient) -> None:
    await register(client, "alice")


async def log_in(client: httpx.AsyncClient, username: str = "alice", password: str = PASSWORD) -> httpx.Response:
    return await client.post("/login", json={"username": username, "password": password})


async def test_an_access_token_is_in_the_answer_and_the_refresh_token_in_a_cookie(client: httpx.AsyncClient) -> None:
    response = await log_in(client)
    body = response.json()
    assert response.status_code == 200
    assert body.keys() == {"accessToken", "token", "tokenType", "expiresIn"}
    assert body["token"] == body["accessToken"]
    assert (body["tokenType"], body["expiresIn"]) == ("bearer", 900)
    assert client.cookies["refreshToken"] not in response.text


@on_sqlite
async def test_the_refresh_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    response = await log_in(client)
    cookie = next(line for line in response.headers.get_list("set-cookie") if line.startswith("refreshToken="))
    assert cookie.endswith("; HttpOnly; Max-Age=604800; Path=/; SameSite=strict")


@on_sqlite
async def test_in_production_cookies_are_secure_and_browsers_told_to_use_https(run_api: RunApi) -> None:
    async with run_api(environment="production", bcrypt_rounds=10, cookie_name="__Host-refreshToken") as api:
        response = await log_in(api.client())
        assert [line.partition("=")[0] for line in response.headers.get_list("set-cookie")] == [
            "__Host-refreshTokenDevice",
            "__Host-refreshToken",
        ]
        assert all("; Secure" in line for line in response.headers.get_list("set-cookie"))
        assert "max-age" in response.headers["strict-transport-security"]


@on_sqlite
async def test_the_access_token_has_the_documented_claims(client: httpx.AsyncClient) -> None:
    token = (await log_in(client)).json()["accessToken"]
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt"}
    claims = jwt.decode(token, JWT_SECRET, ["HS256"])
    assert claims.keys() == {
        "iss",
        "sub",
        "client_id",
        "username",
        "sid",
        "gen",
        "jti",
        "iat",
        "exp",
        "auth_time",
        "amr",
        "roles",
    }
    assert (claims["iss"], claims["username"], claims["roles"]) == ("jwtapi", "alice", [])
    assert claims["gen"] == 0
    assert claims["exp"] - claims["iat"] == 900


async def test_two_logins_give_different_sessions(client: httpx.AsyncClient) -> None:
    tokens = [(await log_in(client)).json()["accessToken"] for _ in range(2)]
    first, second = (jwt.decode(token, JWT_SECRET, ["HS256"]) for token in tokens)
    assert first["sid"] != second["sid"]
    assert first["jti"] != second["jti"]


@on_sqlite
@pytest.mark.parametrize(
    "body",
    (
        {},
        {"username": "alice"},
        {"password": PASSWORD},
        {"username": "", "password": ""},
        {"username": "alice", "password": ""},
        {"username": None, "password": PASSWORD},
    ),
)
@pytest.mark.parametrize("path", ("/login", "/register"))
async def test_name_and_password_are_required_and_which_is_missing_is_named(
    client: httpx.AsyncClient, path: str, body: dict[str, str | None]
) -> None:
    response = await client.post(path, json=body)
    assert error_of(response) == REQUIRED
    assert response.json()["errors"] == [
        {"field": name, "message": f"{name.capitalize()} is required"}
        for name in ("username", "password")
        if not body.get(name)
    ]


@on_sqlite
@pytest.mark.parametrize("name", ("ALICE", "Ａｌｉｃｅ", "aLiCe"))
async def test_case_and_width_of_the_name_do_not_matter(client: httpx.AsyncClient, name: str) -> None:
    assert (await log_in(client, name)).status_code == 200


async def test_every_failed_login_has_the_same_answer(api: Api, client: httpx.AsyncClient) -> None:
    await api.disable()
    disabled = await log_in(client)
    await register(client, "bob")
    wrong_password = await log_in(client, "bob", "not the password")
    unknown_user = await log_in(client, "nobody")
    no_name_at_all = await log_in(client, "\u202e not a name \u0000")
    mixed_scripts = await log_in(client, "аlice")
    reserved = await log_in(client, "root")
    answers = [disabled, wrong_password, unknown_user, no_name_at_all, mixed_scripts, reserved]
    assert {error_of(answer) for answer in answers} == {WRONG}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"x-request-id"})) for answer in answers}) == 1


@on_sqlite
@pytest.mark.parametrize("username", ("alice", " alice ", "nobody", "not a name", "аlice", "root"))
async def test_a_failed_login_computes_one_hash_for_every_kind_of_user_name(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    hashpw = Mock(wraps=bcrypt.hashpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    assert error_of(await log_in(client, username, "not the password")) == WRONG
    assert hashpw.call_count == 1


async def test_a_password_of_many_thousand_characters_is_a_wrong_one(client: httpx.AsyncClient) -> None:
    assert error_of(await log_in(client, password="x" * 60_000)) == WRONG


async def test_successful_and_failed_logins_are_recorded_as_events(api: Api, client: httpx.AsyncClient) -> None:
    await log_in(client)
    await log_in(client, password="not the password")
    await log_in(client, "nobody")
    assert await api.event_types() == ["user.registered", "login.succeeded", "login.failed"]
    failed = (await api.events())[-1]
    assert (failed.address, failed.session_id) == ("203.0.113.7", None)
    assert await api.event_types(None) == ["login.failed"]


async def test_a_password_that_is_changed_while_it_is_checked_opens_no_session(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = api.services[PasswordHasher].verify

    async def check_then_change(password: str, password_hash: str | None) -> bool:
        matches = await check(password, password_hash)
        await api.set_password("another password")
        return matches

    monkeypatch.setattr(type(api.services[PasswordHasher]), "verify", lambda _, *args: check_then_change(*args))
    assert error_of(await log_in(client)) == WRONG


async def test_a_hash_of_another_scheme_is_replaced_at_login(api: Api, client: httpx.AsyncClient) -> None:
    imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await api.import_password_hash(imported)
    assert (await log_in(client)).status_code == 200
    assert str((await api.user()).password_hash).startswith("$bcrypt-sha256$")
    assert (await log_in(client)).status_code == 200


async def test_simultaneous_logins_that_renew_the_same_hash_all_succeed(api: Api) -> None:
    imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await api.import_password_hash(imported)
    answers = await asyncio.gather(*(log_in(api.client()) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert "login.failed" not in await api.event_types()


async def test_a_disabled_user_gets_no_new_hash(
    api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await api.import_password_hash(imported)
    await api.disable()
    hashpw = Mock(wraps=bcrypt.hashpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    assert error_of(await log_in(client)) == WRONG
    assert hashpw.call_count == 1


async def test_logins_that_do_not_fit_into_the_queue_are_refused_with_retry_after(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api({"hashes_waiting_per_thread": 0}) as api:
        await more_logins_than_threads(api.client(), monkeypatch)


async def more_logins_than_threads(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    may_hash = threading.Event()
    hashpw = bcrypt.hashpw

    def hash_when_allowed(password: bytes, salt: bytes) -> bytes:
        may_hash.wait()
        return hashpw(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", hash_when_allowed)
    logins = [asyncio.create_task(log_in(client)) for _ in range(20)]
    await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)  # only a refusal comes without a hash
    may_hash.set()
    answers = await asyncio.gather(*logins)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert {error_of(answer)[1] for answer in refused} == {"overloaded"}
    assert all(answer.headers["retry-after"].isdigit() for answer in refused)
    assert {answer.status_code for answer in answers} == {200, 503}
    assert (await log_in(client)).status_code == 200


@on_sqlite
async def test_a_page_of_another_origin_cannot_sign_a_browser_in(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/login", json={"username": "alice", "password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert error_of(response)[:2] == (403, "cross_origin_refused")
    assert "set-cookie" not in response.headers
