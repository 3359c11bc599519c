"""Authenticator apps and recovery codes."""

import asyncio
import re
from typing import Any

import httpx
import jwt
import pyotp
import pytest
import zxingcpp

from jwtapi.second_factors.events import FACTOR_ADDED, FACTOR_REMOVED, RECOVERY_CODE_USED
from tests.conftest import REFRESH_SECRET, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of
from tests.support.mfa import App, answer, sign_in_with, ticket_of, with_totp

WRONG = (401, "mfa_invalid", "The code or passkey is not valid")
CONFIRM = "/api/mfa/totp/confirm"


def claims_of(client: httpx.AsyncClient) -> dict[str, Any]:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def code_of(response: httpx.Response) -> str:
    code: str = response.json()["code"]
    return code


async def types_of(api: Api) -> list[str]:
    return [event.type for event in await api.events()]


def read_qr(svg: str) -> str:
    """Draw the SVG, whose path has only horizontal strokes, and read it with another library."""
    size = int(re.findall(r'd="M0 0h(\d+)v', svg)[0])
    dots = [[255] * size for _ in range(size)]
    x, y = 0.0, 0.0
    path = re.findall(r'class="qrline"[^>]*d="([^"]+)"', svg)[0]
    for command, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path):
        if command == "M":
            x, y = float(first), float(second)
        elif command == "m":
            x, y = x + float(first), y + float(second)
        else:
            for column in range(int(x), int(x + float(first))):
                dots[int(y)][column] = 0
            x += float(first)
    scale = 4
    pixels = bytes(dot for row in dots for _ in range(scale) for dot in row for _ in range(scale))
    image = memoryview(pixels).cast("B", (size * scale, size * scale))
    (found,) = zxingcpp.read_barcodes(image)
    text: str = found.text
    return text


async def test_an_app_is_set_up_and_signs_in(api: Api, alice: httpx.AsyncClient) -> None:
    begun = await alice.post("/api/mfa/totp")
    assert begun.status_code == 200
    assert begun.json().keys() == {"secret", "uri", "qrSvg"}
    assert (await api.user()).second_factor_since is None
    app = App(api, begun.json()["secret"], [])
    codes = (await alice.post(CONFIRM, json={"code": app.code()})).json()["recoveryCodes"]
    assert len(set(codes)) == 10
    client = await sign_in_with(api.client(), app.next_code())
    assert claims_of(client)["amr"] == ["pwd", "otp", "mfa"]
    assert (await client.get("/profile")).json() == {"username": "alice"}
    assert FACTOR_ADDED.name in await types_of(api)


async def test_another_library_reads_the_qr_code(alice: httpx.AsyncClient) -> None:
    begun = (await alice.post("/api/mfa/totp")).json()
    assert "style" not in begun["qrSvg"]
    assert read_qr(begun["qrSvg"]) == begun["uri"]
    parsed = pyotp.parse_uri(begun["uri"])
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (begun["secret"], "alice", "jwtapi")


async def test_the_confirming_code_counts_as_used_and_so_does_every_other(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), app.code())) == WRONG
    code = app.next_code()
    await sign_in_with(client, code)
    assert error_of(await answer(client, await ticket_of(client), code)) == WRONG


@pytest.mark.parametrize("steps", (-1, 1))
async def test_a_code_of_the_step_before_or_after_is_accepted(api: Api, alice: httpx.AsyncClient, steps: int) -> None:
    app = await with_totp(api, alice)
    api.clock.advance(90)
    await sign_in_with(api.client(), app.code(steps=steps))


@pytest.mark.parametrize("steps", (-2, 2))
async def test_a_code_of_two_steps_before_or_after_is_wrong(api: Api, alice: httpx.AsyncClient, steps: int) -> None:
    app = await with_totp(api, alice)
    api.clock.advance(120)
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), app.code(steps=steps))) == WRONG


async def test_a_step_before_an_accepted_one_is_wrong(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    api.clock.advance(90)
    await sign_in_with(api.client(), app.code(steps=1))
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), app.code())) == WRONG


@on_sqlite
@pytest.mark.parametrize(
    "code", ("", " ", "12345", "1234567", "１２３４５６", "١٢٣٤٥٦", "12345\n", "0" * 10_000, "12 34 5a", "-12345")
)
async def test_odd_digits_are_a_wrong_code(api: Api, alice: httpx.AsyncClient, code: str) -> None:
    await with_totp(api, alice)
    client = api.client()
    for method in ("totp", "recovery_code"):
        assert error_of(await answer(client, await ticket_of(client), code, method)) == WRONG
    await alice.delete("/api/mfa/totp")


async def test_a_lone_surrogate_is_refused(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    client = api.client()
    body = f'{{"ticket": "{await ticket_of(client)}", "method": "totp", "code": "\\ud83d12345"}}'
    headers = {"Content-Type": "application/json"}
    assert (await client.post("/login/mfa", content=body, headers=headers)).status_code in {400, 401}


async def test_spaces_in_a_code_make_no_difference(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    code = app.next_code()
    await sign_in_with(api.client(), f" {code[:3]} {code[3:]} ")


async def test_a_wrong_first_code_turns_nothing_on(api: Api, alice: httpx.AsyncClient) -> None:
    begun = (await alice.post("/api/mfa/totp")).json()
    app = App(api, begun["secret"], [])
    assert error_of(await alice.post(CONFIRM, json={"code": app.wrong_code()}))[:2] == (403, "mfa_code_wrong")
    assert (await alice.get("/api/mfa")).json()["enabled"] is False


async def test_a_secret_waits_for_an_hour_and_a_new_one_replaces_it(api: Api, alice: httpx.AsyncClient) -> None:
    first = App(api, (await alice.post("/api/mfa/totp")).json()["secret"], [])
    second = App(api, (await alice.post("/api/mfa/totp")).json()["secret"], [])
    assert error_of(await alice.post(CONFIRM, json={"code": first.code()}))[:2] == (403, "mfa_code_wrong")
    await api.sql("UPDATE totp_secrets SET created_at = '2020-01-01 00:00:00'")
    assert error_of(await alice.post(CONFIRM, json={"code": second.code()}))[:2] == (409, "totp_not_begun")


async def test_two_confirmations_at_once_give_one_set_of_recovery_codes(api: Api, alice: httpx.AsyncClient) -> None:
    app = App(api, (await alice.post("/api/mfa/totp")).json()["secret"], [])
    responses = await asyncio.gather(*(alice.post(CONFIRM, json={"code": app.code()}) for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409, 409]


async def test_the_database_shows_neither_the_secret_nor_a_recovery_code(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    (encrypted,) = await api.sql("SELECT encrypted_secret FROM totp_secrets")
    assert app.secret.encode() not in bytes(encrypted[0])
    macs = [bytes(row[0]) for row in await api.sql("SELECT mac FROM recovery_codes")]
    assert len(macs) == 10
    assert all(len(mac) == 32 for mac in macs)


@on_sqlite
async def test_the_secret_survives_a_change_of_refresh_secret_and_is_encrypted_anew(
    run_api: RunApi, api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    new = "0" * 8 + REFRESH_SECRET[8:]
    (before,) = await api.sql("SELECT encrypted_secret FROM totp_secrets")
    async with run_api(refresh_secret=new, refresh_secret_previous=REFRESH_SECRET) as later:
        await sign_in_with(later.client(), app.next_code())
        codes = app.recovery_codes
        await sign_in_with(later.client(), codes[0], "recovery_code")
    (after,) = await api.sql("SELECT encrypted_secret FROM totp_secrets")
    assert before != after
    async with run_api(refresh_secret=new) as last:
        await sign_in_with(last.client(), app.next_code())


@on_sqlite
async def test_a_secret_that_nothing_opens_refuses_every_code(
    run_api: RunApi, api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    async with run_api(refresh_secret="0" * 8 + REFRESH_SECRET[8:]) as later:
        client = later.client()
        assert error_of(await answer(client, await ticket_of(client), app.next_code())) == WRONG


async def test_turning_it_off_ends_other_sessions_lowers_this_one_and_removes_the_codes(
    api: Api, alice: httpx.AsyncClient
) -> None:
    app = await with_totp(api, alice)
    here = await sign_in_with(api.client(), app.next_code())
    assert (await here.delete("/api/mfa/totp")).status_code == 204
    assert (await alice.get("/profile")).status_code == 401
    assert (await here.get("/profile")).status_code == 401
    here.headers["Authorization"] = f"Bearer {(await here.post('/refresh')).json()['accessToken']}"
    assert claims_of(here)["amr"] == ["pwd"]
    state = (await here.get("/api/mfa")).json()
    assert (state["enabled"], state["recoveryCodes"], state["totpSince"]) == (False, 0, None)
    assert FACTOR_REMOVED.name in await types_of(api)
    assert (await api.client().post("/login", json={"username": "alice", "password": PASSWORD})).status_code == 200


async def test_a_recovery_code_works_once_in_any_spelling(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    typed = app.recovery_codes[3].lower().replace("-", " ")
    client = await sign_in_with(api.client(), typed, "recovery_code")
    assert claims_of(client)["amr"] == ["pwd", "otp", "mfa"]
    assert (await client.get("/api/mfa")).json()["recoveryCodes"] == 9
    assert error_of(await answer(client, await ticket_of(client), typed, "recovery_code")) == WRONG
    assert RECOVERY_CODE_USED.name in await types_of(api)


async def test_two_uses_of_one_recovery_code_open_one_session(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    clients = [api.client() for _ in range(4)]
    tickets = [await ticket_of(client) for client in clients]
    responses = await asyncio.gather(
        *(
            answer(client, ticket, app.recovery_codes[0], "recovery_code")
            for client, ticket in zip(clients, tickets, strict=True)
        )
    )
    assert sorted(response.status_code for response in responses) == [200, 401, 401, 401]


async def test_a_new_set_of_recovery_codes_replaces_the_old_one(api: Api, alice: httpx.AsyncClient) -> None:
    app = await with_totp(api, alice)
    new = (await alice.post("/api/mfa/recovery-codes")).json()["recoveryCodes"]
    assert set(new).isdisjoint(app.recovery_codes)
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), app.recovery_codes[0], "recovery_code")) == WRONG
    await sign_in_with(client, new[0], "recovery_code")


async def test_a_recovery_code_of_another_user_is_wrong(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    bob = await with_totp(api, await api.signed_in("bob"))
    client = api.client()
    assert error_of(await answer(client, await ticket_of(client), bob.recovery_codes[0], "recovery_code")) == WRONG


async def test_confirming_raises_the_session_to_two_factors(api: Api, alice: httpx.AsyncClient) -> None:
    await with_totp(api, alice)
    alice.headers["Authorization"] = f"Bearer {(await alice.post('/refresh')).json()['accessToken']}"
    assert claims_of(alice)["amr"] == ["pwd", "otp", "mfa"]


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path"),
    (("POST", "/api/mfa/totp"), ("POST", CONFIRM), ("DELETE", "/api/mfa/totp"), ("POST", "/api/mfa/recovery-codes")),
)
async def test_a_change_needs_a_recent_sign_in(api: Api, alice: httpx.AsyncClient, method: str, path: str) -> None:
    api.clock.advance(601)
    response = await alice.request(method, path, json={"code": "123456"} if path == CONFIRM else None)
    assert code_of(response) == "insufficient_user_authentication"
