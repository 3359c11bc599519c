"""Libraries of other projects check the tokens of a real server: those of docs/checking-tokens.md, with its code."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jwt
import pytest
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.foreign_tokens import AUDIENCE, Tokens, issuing_server, tokens_of
from tests.support.node import printed_by
from tests.support.server import Server, running_server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/checking-tokens.md").read_text()
NODE_FOLDER = ROOT / "tests/javascript"

Check = Callable[[str], dict[str, Any]]
"""Returns the claims of a token, or raises."""


class Stage(NamedTuple):
    server: Server
    algorithm: str
    tokens: Tokens

    def printed(self, heading: str, language: str, containing: str = "") -> str:
        """Return the code of the page with the addresses and the algorithm of this stage."""
        (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
        (code,) = [block for block in blocks if containing in block]
        code = code.replace("https://auth.example.com", self.server.base_url)
        return code.replace('"ES256"', f'"{self.algorithm}"')


@pytest.fixture(scope="module", params=("ES256", "EdDSA", "RS256"))
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    server = issuing_server(tmp_path_factory.mktemp(request.param), request.param)
    server.start()
    try:
        yield Stage(server, request.param, tokens_of(server))
    finally:
        server.stop()


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102  the code of our own page
    return namespace


def pyjwt(stage: Stage) -> Check:
    check: Check = run(stage.printed("Python", "python", "PyJWKClient"))["claims_of"]
    return check


def joserfc(stage: Stage) -> Check:
    printed = run(stage.printed("Python", "python", "joserfc"))
    keys = printed["fetched_keys"]()
    return lambda token: printed["claims_of"](token, keys)


class AuthlibValidator(JWTBearerTokenValidator):  # type: ignore[misc]
    def get_jwks(self) -> Any:
        return KeySet.import_key_set(httpx.get(f"{self.issuer}/.well-known/jwks.json", trust_env=False).json())


def authlib(stage: Stage) -> Check:
    if stage.algorithm == "EdDSA":
        pytest.skip("Authlib takes no EdDSA")
    validator = AuthlibValidator(issuer=stage.server.base_url, resource_server=AUDIENCE)

    def check(token: str) -> dict[str, Any]:
        claims = validator.authenticate_token(token)
        validator.validate_token(claims, [], None)
        return dict(claims)

    return check


REFUSALS = (jwt.PyJWTError, JoseError, ValueError, OAuth2Error)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # by joserfc, for Ed25519 of RFC 9864
@pytest.mark.parametrize("library", (pyjwt, joserfc, authlib), ids=lambda library: library.__name__)
def test_a_library_for_python_accepts_the_good_token_and_refuses_every_bad_one(
    stage: Stage, library: Callable[[Stage], Check]
) -> None:
    check = library(stage)
    assert check(stage.tokens.good)["username"] == "alice"
    for what, token in stage.tokens.bad.items():
        with pytest.raises(REFUSALS):
            pytest.fail(f"{what}: {check(token)}")


OTHERS = """
import jsonwebtoken from "jsonwebtoken";
import jwksClient from "jwks-rsa";
import { JwtVerifier } from "aws-jwt-verify";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

const { algorithm, tokens } = JSON.parse(process.env.STAGE);
const client = jwksClient({ jwksUri: `${issuer}/.well-known/jwks.json` });
const keyOf = (header, done) => client.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey()));
// By itself it fetches by https only.
const fetcher = { fetch: async (uri) => new Uint8Array(await (await fetch(uri)).arrayBuffer()) };
const verifier = JwtVerifier.create({ issuer, audience }, { jwksCache: new SimpleJwksCache({ fetcher }) });
const libraries = {
  jose: claimsOf,
  "aws-jwt-verify": (token) => verifier.verify(token),
};
if (algorithm !== "EdDSA") {
  libraries["jsonwebtoken"] = (token) =>
    new Promise((resolve, reject) => {
      const rules = { issuer, audience, algorithms: [algorithm] };
      jsonwebtoken.verify(token, keyOf, rules, (error, claims) => (error ? reject(error) : resolve(claims)));
    });
}
const result = {};
for (const [library, check] of Object.entries(libraries)) {
  result[library] = {};
  for (const [what, token] of Object.entries(tokens)) {
    result[library][what] = await check(token).then((claims) => claims.username, (error) => `refused: ${error.name}`);
  }
}
console.log(JSON.stringify(result));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on the PATH")
@pytest.mark.skipif(not (NODE_FOLDER / "node_modules").exists(), reason="no `npm ci` was run in tests/javascript")
def test_each_library_for_node_accepts_the_good_token_and_refuses_every_bad_one(stage: Stage) -> None:
    tokens = {"good": stage.tokens.good, **stage.tokens.bad}
    stated = {"algorithm": stage.algorithm, "tokens": tokens}
    program = stage.printed("Node.js", "js") + OTHERS
    result = printed_by(program, {"STAGE": json.dumps(stated)}, folder=NODE_FOLDER)
    expected = {"jose", "aws-jwt-verify", *(() if stage.algorithm == "EdDSA" else ("jsonwebtoken",))}
    assert result.keys() == expected
    for library, answers in result.items():
        assert answers.pop("good") == "alice", library
        accepted = {what: answer for what, answer in answers.items() if not answer.startswith("refused: ")}
        assert accepted == {}, library
        assert answers.keys() == stage.tokens.bad.keys()


def test_the_code_for_hs256_accepts_the_good_token_and_refuses_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = {"username": "alice", "password": PASSWORD}
    secrets = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
    with running_server(tmp_path, **secrets) as server, server.client() as client:
        client.post("/register", json=alice)
        good = client.post("/login", json=alice).json()["accessToken"]
        refresh_token = client.cookies["refreshToken"]
    claims = jwt.decode(good, options={"verify_signature": False})
    monkeypatch.setenv("JWT_SECRET", JWT_SECRET)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.partition("\n## HS256\n")[2], re.DOTALL | re.MULTILINE)
    check = run(code)["claims_of"]
    assert check(good) == claims

    def signed(claims: dict[str, Any], secret: str = JWT_SECRET, **header: str) -> str:
        return jwt.encode(claims, secret, headers={"typ": "at+jwt"} | header)

    assert check(signed(claims)) == claims
    long_ago = {"iat": claims["iat"] - 1000, "exp": claims["iat"] - 100}
    for bad in (
        *(refresh_token, signed(claims, REFRESH_SECRET), signed(claims, typ="JWT"), signed(claims | long_ago)),
        *(signed(claims | {"iss": "another"}), signed(claims | {"aud": "another"}), f"{good.rpartition('.')[0]}."),
    ):
        with pytest.raises(jwt.PyJWTError):
            check(bad)
