"""An authenticator app that another library computes reads what the server shows, and signs in."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.support.api import Api
from tests.support.mfa import sign_in_with
from tests.support.node import printed_by

FOLDER = Path(__file__).parents[2] / "javascript"
APP = """
import { generate } from "otplib";
const { uri, epoch } = JSON.parse(process.env.SHOWN);
const { protocol, host, pathname, searchParams } = new URL(uri);
if (protocol !== "otpauth:" || host !== "totp") throw new Error(uri);
const [issuer, name] = decodeURIComponent(pathname.slice(1)).split(":");
const code = await generate({ secret: searchParams.get("secret"), epoch });
const others = [...searchParams.keys()].filter((key) => key !== "secret" && key !== "issuer");
console.log(JSON.stringify({ code, name, issuer, sameIssuer: searchParams.get("issuer") === issuer, others }));
"""


def code_of(uri: str, at: datetime) -> str:
    shown = json.dumps({"uri": uri, "epoch": int(at.timestamp())})
    printed = printed_by(APP, {"SHOWN": shown}, folder=FOLDER)
    code: str = printed.pop("code")
    # Apps take six digits, 30 seconds and SHA-1 if the URI names nothing else.
    assert printed == {"name": "alice", "issuer": "jwtapi", "sameIssuer": True, "others": []}
    return code


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on the PATH")
@pytest.mark.skipif(not (FOLDER / "node_modules/otplib").exists(), reason="no `npm ci` was run in tests/javascript")
async def test_an_app_of_another_library_is_set_up_and_signs_in(api: Api, alice: httpx.AsyncClient) -> None:
    uri = (await alice.post("/api/mfa/totp")).json()["uri"]
    confirmed = await alice.post("/api/mfa/totp/confirm", json={"code": code_of(uri, api.clock())})
    assert confirmed.status_code == 200
    api.clock.advance(30)
    await sign_in_with(api.client(), code_of(uri, api.clock()))
