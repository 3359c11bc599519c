"""Other implementations verify what jwtapi has stored, and what an authenticator answers."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity, UserVerificationRequirement

from jwtapi.storage.database import Database
from jwtapi.storage.passkeys import Passkey, PasskeyRepository
from tests.conftest import on_sqlite
from tests.features.passkeys.provoked import API, LOGIN, OF_LOGIN, OPTIONS
from tests.support.api import Api
from tests.support.authenticator import ORIGIN, Authenticator, Key, decoded, encoded, new_ec_key
from tests.support.node import printed_by

NODE_FOLDER = Path(__file__).parents[2] / "javascript"

KEYS: dict[str, Callable[[], Key]] = {
    "ES256": new_ec_key,
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}

VERIFY = """
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
const { registration, answer, stored, origin, rpID } = JSON.parse(process.env.GIVEN);
const common = { expectedOrigin: origin, expectedRPID: rpID, requireUserVerification: true };
const made = await verifyRegistrationResponse({ ...common, ...registration });
const key = { id: stored.id, publicKey: Buffer.from(stored.publicKey, "base64url"), counter: 0 };
const used = await verifyAuthenticationResponse({ ...common, ...answer, credential: key });
const id = made.registrationInfo.credential.id;
console.log(JSON.stringify({ made: made.verified, used: used.verified, id }));
"""


async def ceremonies(api: Api, alice: httpx.AsyncClient, key: Key) -> tuple[dict[str, Any], dict[str, Any], Passkey]:
    """Add a passkey and sign in with it. Return both answers with their options, and what was stored."""
    authenticator = Authenticator(key=key)
    creation = (await alice.post(OPTIONS)).json()
    made = authenticator.create(creation)
    assert (await alice.post(API, json={"credential": made})).status_code == 201
    request = (await api.client().post(OF_LOGIN, json={})).json()
    used = authenticator.get(request)
    assert (await api.client().post(LOGIN, json={"credential": used})).status_code == 200
    user = await api.user()
    (stored,) = await api.services[Database].read(lambda uow: PasskeyRepository(uow.connection).list(user.id))
    return (
        {"response": made, "expectedChallenge": creation["challenge"]},
        {"response": used, "expectedChallenge": request["challenge"]},
        stored,
    )


@on_sqlite
@pytest.mark.parametrize("algorithm", KEYS)
async def test_fido2_verifies_an_answer_with_the_stored_key(api: Api, alice: httpx.AsyncClient, algorithm: str) -> None:
    _, answer, stored = await ceremonies(api, alice, KEYS[algorithm]())
    server = Fido2Server(PublicKeyCredentialRpEntity(id="localhost", name="jwtapi"), verify_origin=ORIGIN.__eq__)
    length = len(stored.credential_id).to_bytes(2, "big")
    known = AttestedCredentialData(stored.aaguid.bytes + length + stored.credential_id + stored.public_key)
    state = {"challenge": answer["expectedChallenge"], "user_verification": UserVerificationRequirement.REQUIRED}
    assert server.authenticate_complete(state, [known], answer["response"]) == known
    bent = json.loads(json.dumps(answer["response"]))
    bent["response"]["authenticatorData"] = encoded(decoded(bent["response"]["authenticatorData"])[:-1] + b"x")
    with pytest.raises(ValueError, match="signature"):
        server.authenticate_complete(state, [known], bent)


@on_sqlite
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
@pytest.mark.skipif(not (NODE_FOLDER / "node_modules").exists(), reason="no `npm ci` was run in tests/javascript")
@pytest.mark.parametrize("algorithm", KEYS)
async def test_simplewebauthn_verifies_both_answers_and_the_stored_key(
    api: Api, alice: httpx.AsyncClient, algorithm: str
) -> None:
    registration, answer, stored = await ceremonies(api, alice, KEYS[algorithm]())
    given = {
        "registration": registration,
        "answer": answer,
        "stored": {"id": encoded(stored.credential_id), "publicKey": encoded(stored.public_key)},
        "origin": ORIGIN,
        "rpID": "localhost",
    }
    environment = os.environ | {"GIVEN": json.dumps(given)}
    verified = printed_by(VERIFY, environment, folder=NODE_FOLDER)
    assert verified == {"made": True, "used": True, "id": encoded(stored.credential_id)}
