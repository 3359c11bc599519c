"""The OpenAPI document, held against what the server does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, NoReturn
from unittest.mock import Mock

import httpx
import pytest
import structlog

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.clients.errors import OAuthError
from jwtapi.errors import StorageUnavailable
from jwtapi.security.passwords import Overloaded, PasswordHasher
from jwtapi.storage.database import Database
from jwtapi.storage.readiness import Readiness
from jwtapi.web.errors import catalogue
from jwtapi.web.request_body import RequestBodyLimits
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api
from tests.support.documented import NOT_DOCUMENTED, documented_codes
from tests.support.examples import Asker, Document, document_of, example_of, operations
from tests.support.provoking import RIGHT, Provoke, alice, by, by_nobody, declared, real_path

FORM = {"grant_type": "password", **RIGHT}
DIFFER = {
    "at",
    "client_id",
    "auth_time",
    "createdAt",
    "device",
    "email",
    "emailVerified",
    "exp",
    "exportedAt",
    "iat",
    "id",
    "iss",
    "jti",
    "kid",
    "backedUp",
    "authenticator",
    "challenge",
    "credentialId",
    "displayName",
    "excludeCredentials",
    "expiresAt",
    "lastLoginAt",
    "lastUsedAt",
    "name",
    "passkeys",
    "pendingEmail",
    "pubKeyCredParams",
    "methods",
    "enabled",
    "requiredFrom",
    "since",
    "totpSince",
    "uri",
    "userHandle",
    "userName",
    "qrSvg",
    "recoveryCodes",
    "roles",
    "secret",
    "sid",
    "sub",
    "until",
    "x",
    "y",
    "actorId",
    "clients",
    "countedAt",
    "hashQueue",
    "limitsHit",
    "mailsFailed",
    "mailsWaiting",
    "next",
    "nextAttemptAt",
    "requestId",
    "sessionId",
    "sessionsAlive",
    "signIns",
    "userId",
    "users",
}
"""Members of answers that differ from user to user."""


def assert_is_like(example: Any, real: Any) -> None:
    """The same, but for what follows the dots at a token's end."""
    if isinstance(example, dict):
        for name, value in example.items():
            assert name in real
            if name not in DIFFER:
                assert_is_like(value, real[name])
    elif isinstance(example, list):
        for one, real_one in zip(example, real, strict=True):
            assert_is_like(one, real_one)
    elif isinstance(example, str) and example.endswith("..."):
        assert real.startswith(example.removesuffix("..."))
    else:
        assert real == example


def without_tokens(cookie: str) -> str:
    return re.sub(r"=eyJ[\w.-]+;", "=eyJ;", cookie)


UNDESCRIBED_HEADERS = {
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "content-length",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "x-content-type-options",
}


@on_sqlite
@pytest.mark.parametrize("settings", ({}, {"cookie_name": "it", "password_min_length": 40}))
async def test_the_examples_of_requests_work_and_those_of_successes_are_what_comes_back(
    run_api: RunApi, settings: dict[str, Any]
) -> None:
    public: dict[str, Any] = {"public_url": "https://auth.example.com", "metrics_enabled": True}
    public["passkey_origins"] = "https://app.example.com"
    async with run_api(rate_limit_enabled=True, refresh_token_ttl=3600, **public, **settings) as api:
        document = await document_of(api)
        asker = Asker(api, document)
        answers = await asker.ask_everything()
    assert answers.keys() == asker.operations.keys()
    for operation_id, answer in answers.items():
        responses = asker.operations[operation_id].described["responses"]
        (status,) = [status for status in responses if status < "300"]
        described = responses[status]
        assert answer.status_code == int(status), operation_id
        assert {name.lower() for name in described["headers"]} == answer.headers.keys() - UNDESCRIBED_HEADERS
        cookies = described["headers"].get("Set-Cookie", {}).get("examples", {}).values()
        real_cookies = answer.headers.get_list("set-cookie")
        assert {without_tokens(cookie["value"]) for cookie in cookies} == set(map(without_tokens, real_cookies))
        contents = described.get("content", {})
        assert not contents or any(answer.headers["content-type"].startswith(media_type) for media_type in contents)
        if (content := contents.get("application/json")) is not None:
            example = content.get("example") or example_of(content["schema"], document)
            assert_is_like(example, answer.json())


async def an_old_token(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    api.clock.advance(901)
    return await client.request(method, real_path(path))


async def no_value(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    wrong = declared("WRONG").get(path, {"username": 5, "password": "x"})
    return await client.request(method, real_path(path), json=wrong)


async def until_it_is_too_much(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    counted = {"/token": {"data": FORM}, "/refresh": {}} | declared("BODIES")
    while True:
        response = await client.request(method, real_path(path), **counted.get(path, {"json": RIGHT}))
        if response.status_code == 429:
            return response


async def a_body_that_never_ends(api: Api, method: str, path: str) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    client = await alice(api)
    takes_form = path in {"/token", "/introspect", "/revoke"}
    headers = {"Content-Type": "application/x-www-form-urlencoded" if takes_form else "application/json"}
    return await client.request(method, real_path(path), content=body(), headers=headers)


async def while_the_server_stops(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    api.services[Readiness].withdraw()
    return await client.request(method, real_path(path))


def by_a_failure(error: Exception) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        client = await alice(api)

        def fail(*_: Any, **__: Any) -> NoReturn:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            if isinstance(error, Overloaded):
                for name in ("hash", "verify"):
                    patch.setattr(PasswordHasher, name, fail)
            elif isinstance(error, StorageUnavailable):
                for block in ("read", "write"):
                    patch.setattr(type(api.services[Database]), block, fail)
                patch.setattr(type(api.services[Readiness]), "check", fail)
                patch.setattr(Authenticator, "verify", fail)
            else:
                patch.setattr(RequestBodyLimits, "__call__", fail)
                patch.setattr(Authenticator, "verify", fail)
            new = {"username": "carol", "password": PASSWORD}
            bodies = {"/token": {"data": FORM | new}} | declared("BODIES")
            return await client.request(method, real_path(path), **bodies.get(path, {"json": new}))

    return provoke


PROVOKED: dict[str, Provoke] = {
    "credentials_required": by(json={"username": "alice"}),
    "validation_failed": no_value,
    "invalid_json": by(content=b"\xff", headers={"Content-Type": "application/json"}),
    "unsupported_media_type": by(content=b"x", headers={"Content-Type": "text/plain"}),
    "username_invalid": by(json=RIGHT | {"username": "two words"}),
    "password_too_short": by(json=RIGHT | {"username": "bob", "password": "short"}),
    "password_too_long": by(json=RIGHT | {"username": "bob", "password": "x" * 1025}),
    "password_too_common": by(json=RIGHT | {"username": "bob", "password": "passwordpassword"}),
    "username_reserved": by(json=RIGHT | {"username": "admin"}),
    "username_taken": by(json=RIGHT),
    "invalid_credentials": by(json=RIGHT | {"password": "wrong"}),
    "access_token_required": by_nobody(),
    "token_expired": an_old_token,
    "token_invalid": by_nobody(headers=[("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer d.e.f")]),
    "refresh_token_required": by_nobody(),
    "refresh_token_invalid": by_nobody(headers={"Cookie": "refreshToken=forged"}),
    "cross_origin_refused": by(headers={"Origin": "https://evil.example"}),
    "too_many_attempts": until_it_is_too_much,
    "body_too_large": by(content=b"x" * 66_000, headers={"Content-Type": "application/x-www-form-urlencoded"}),
    "request_timeout": a_body_that_never_ends,
    "overloaded": by_a_failure(Overloaded()),
    "shutting_down": while_the_server_stops,
    "storage_unavailable": by_a_failure(StorageUnavailable()),
    "internal_error": by_a_failure(RuntimeError("a fault")),
}
"""How to provoke each error that is not of one feature."""

SETTINGS: dict[str, dict[str, Any]] = {
    "username_reserved": {"reserved_usernames": "admin"},
    "password_too_common": {"password_blocklist": True},
    "too_many_attempts": {
        "rate_limit_enabled": True,
        "login_rate_limit": "2/15 minutes",
        "refresh_rate_limit": "4/15 minutes",
    },
}
"""The settings with which an error can occur."""

PROVOKED |= {code: provoke for code, provoke in declared("PROVOKED").items() if isinstance(code, str)}
for code, of_code in declared("SETTINGS").items():
    SETTINGS[code] = SETTINGS.get(code, {}) | of_code


def provoke_of(code: str, path: str) -> Provoke:
    provoke: Provoke = declared("PROVOKED").get((code, path)) or PROVOKED[code]
    return provoke


def beyond_settings(code: str) -> dict[str, Any]:
    return {"body_seconds": 0} if code == "request_timeout" else {}


_documents: dict[str, Document] = {}


async def document_with(api: Api, settings: dict[str, Any]) -> Document:
    """Return the document of an API with these settings. To build one takes as long as to provoke an error."""
    key = repr(settings)
    if key not in _documents:
        _documents[key] = await document_of(api)
    return _documents[key]


@on_sqlite
@pytest.mark.parametrize("code", PROVOKED)
async def test_each_example_of_an_error_is_what_the_server_answers(run_api: RunApi, code: str) -> None:
    settings = SETTINGS.get(code, {})
    async with run_api(beyond_settings(code), **settings) as api:
        documented = [
            (operation, int(status), response, content["examples"][code]["value"])
            for operation in operations(await document_with(api, settings))
            for status, response in operation.described["responses"].items()
            for content in response.get("content", {}).values()
            if code in content.get("examples", {})
        ]
        assert documented
        for (method, path, _), status, response, body in documented:
            with structlog.testing.capture_logs():  # to print the traces of faults would take a minute
                answer = await provoke_of(code, path)(api, method, path)
            answered = answer.json() | ({"ticket": body["ticket"]} if "ticket" in answer.json() else {})
            assert (answer.status_code, answered) == (status, body), (method, path)
            assert {name.lower() for name in response["headers"]} <= answer.headers.keys()


@on_sqlite
@pytest.mark.parametrize("code", PROVOKED)
async def test_no_operation_answers_an_error_that_it_does_not_document(run_api: RunApi, code: str) -> None:
    """The requests of the other operations provoke errors too, and the client compares each with the document."""
    settings: dict[str, Any] = {"metrics_enabled": True} | SETTINGS.get(code, {})
    async with run_api(beyond_settings(code), **settings) as api:
        for method, path, described in operations(await document_with(api, settings)):
            if code == "too_many_attempts" and "429" not in described["responses"]:
                continue  # no number of requests is too much
            with structlog.testing.capture_logs():
                await provoke_of(code, path)(api, method, path)


@on_sqlite
async def test_each_error_code_is_documented_and_provoked_above_or_has_a_reason_not_to_be(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        described = [operation.described for operation in operations(await document_of(api))]
    documented = set().union(*(codes for each in described for codes in documented_codes(each).values()))
    assert documented == PROVOKED.keys()
    assert documented.isdisjoint(NOT_DOCUMENTED)
    assert documented | NOT_DOCUMENTED.keys() == {error.code for error in catalogue()}


@on_sqlite
async def test_generators_find_the_form_of_token_flat_and_each_code_in_one_enumeration(api: Api) -> None:
    document = await document_of(api)
    form = document["paths"]["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert form.keys() == {"type", "required", "properties"}
    assert form["required"] == ["grant_type"]
    error_code = document["components"]["schemas"]["ErrorCode"]
    assert error_code["enum"] == [error.code for error in catalogue()]
    for error in catalogue():
        assert f"- `{error.code}`: {error.meaning}\n" in error_code["description"]
    oauth_error = document["components"]["schemas"]["OAuthErrorBody"]["properties"]["error"]
    assert set(oauth_error["enum"]) == {error.code for error in catalogue() if issubclass(error, OAuthError)}
    text = json.dumps(document)
    for stumbling_block in ("oneOf", "anyOf", "allOf", "nullable", "discriminator", "writeOnly"):
        assert stumbling_block not in text


@on_sqlite
async def test_every_operation_in_the_document_names_its_security_schemes(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True, cookie_name="it") as api:
        document = await document_of(api)
    schemes = {
        operation.path: [scheme for either in operation.described["security"] for scheme in either or ("nobody",)]
        for operation in operations(document)
    }
    for path in ("/login/mfa", "/login/mfa/totp", "/login/passkey", "/login/passkey/options", "/.well-known/webauthn"):
        assert schemes.pop(path) == []
    for path in ("/", "/register", "/login", "/health/live", "/health/ready", "/metrics"):
        assert schemes.pop(path) == []
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        assert schemes.pop(path) == []
    for path in ("/password/forgot", "/password/reset", "/email/undo"):
        assert schemes.pop(path) == []
    assert schemes.pop("/refresh") == ["RefreshCookie"]
    assert set(schemes.pop("/revocations")) == {"ClientSecret", "ServiceToken"}
    assert set(schemes.pop("/token")) == set(schemes.pop("/revoke")) == {"ClientSecret", "nobody"}
    assert set(schemes.pop("/introspect")) == {"ClientSecret", "ServiceToken"}
    assert set(schemes.pop("/email/verify")) == {"Password", "AccessToken", "nobody"}
    assert set(schemes.pop("/logout")) == {"Password", "AccessToken", "RefreshCookie", "nobody"}
    for of_path in schemes.values():
        assert set(of_path) == {"Password", "AccessToken"}
    cookie = document["components"]["securitySchemes"]["RefreshCookie"]
    assert (cookie["type"], cookie["in"], cookie["name"]) == ("apiKey", "cookie", "it")


@on_sqlite
@pytest.mark.parametrize("path", ("/profile", "/nowhere"))
async def test_the_document_is_built_only_for_a_request_for_it(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("fastapi.applications.get_openapi", Mock(side_effect=AssertionError))
    async with run_api() as api:
        assert (await api.client().post(path)).status_code in {404, 405}
