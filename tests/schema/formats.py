"""Tells Schemathesis what user names look like, because JSON Schema has no words for RFC 8265, and signs in.

CLIENT_ID and CLIENT_SECRET in the environment are of a client with every scope, for the operations of clients.
ADMIN_USERNAME and ADMIN_PASSWORD are of a user with the role admin, for the administration.
"""

import os
import secrets
from base64 import b64encode
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zlib import crc32

import requests
import schemathesis
from hypothesis import strategies as st

from jwtapi.security.link_tokens import TEXT_LENGTH

_OF_CLIENTS = ("/introspect", "/revocations")
_OF_ADMINISTRATORS = "/api/admin/"
_LONGEST_QUERY = 7 * 1024
"""Bytes. If a line is longer than 8 KiB, the server refuses it (414) before it knows the operation."""
_LONG = 64
_LONGEST = 1024
_LETTERS_DIGITS_PUNCTUATION_SYMBOLS = ("L", "N", "P", "S")

schemathesis.openapi.format(
    "username",
    st.text(
        st.characters(codec="ascii", categories=_LETTERS_DIGITS_PUNCTUATION_SYMBOLS, exclude_characters="@"),
        min_size=1,
        max_size=64,
    ).filter(lambda name: not name.startswith("-")),
)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    """Replace what a generator cannot know to be wrong or right.

    It takes each text that the strategy above does not make for a wrong name, but many are names. It makes no
    invitation that this server has issued. And `options` is the id of no passkey, but has the methods of one.
    """
    if len(urlencode(case.query or {}, doseq=True)) > _LONGEST_QUERY:
        case.query = {name: _briefly(value) for name, value in case.query.items()}
    if case.path == "/api/passkeys/options" and case.method in {"PATCH", "DELETE", "OPTIONS"}:
        case.method = "PUT"  # the others, and `Allow`, are those of /api/passkeys/{id} too
    if isinstance(case.body, dict) and "username" in case.body and _has_wrong_format(case):
        case.body = case.body | {"username": 0}
    if case.path == "/register" and isinstance(case.body, dict):
        invitation = case.body.get("invitation")
        if isinstance(invitation, str) and len(invitation) <= TEXT_LENGTH:
            case.body = {name: value for name, value in case.body.items() if name != "invitation"}


def _briefly(value: Any) -> Any:
    """Return a long text as another one that is as wrong, and takes one byte for a character in a URL."""
    return "x" * min(len(value), _LONGEST) if isinstance(value, str) and len(value) > _LONG else value


def _has_wrong_format(case: schemathesis.Case) -> bool:
    description = getattr(case.meta.phase.data, "description", None) if case.meta is not None else None
    return "`format`" in (description or "") and "username" in (description or "")


class Tokens(NamedTuple):
    user: str
    administrator: str


@schemathesis.auth(refresh_interval=1)
class SignedIn:
    """Signs in each second, as an administrator and as another user: requests end sessions, rename and delete users."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> Tokens:  # noqa: ARG002
        url = case.operation.schema.get_base_url().rstrip("/")
        user = {"username": f"user-{secrets.token_hex(8)}", "password": "correct horse battery staple"}
        requests.post(f"{url}/register", json=user, timeout=10).raise_for_status()
        administrator = {"username": os.environ["ADMIN_USERNAME"], "password": os.environ["ADMIN_PASSWORD"]}
        return Tokens(_token(url, user), _token(url, administrator))

    def set(self, case: schemathesis.Case, data: Tokens, context: schemathesis.AuthContext) -> None:  # noqa: ARG002
        if case.path in _OF_CLIENTS:
            credentials = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
            case.headers["Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
            return
        # A user without the role sends every eighth request to the administration.
        is_administrator = case.path.startswith(_OF_ADMINISTRATORS) and crc32(case.id.encode()) % 8 > 0
        case.headers["Authorization"] = f"Bearer {data.administrator if is_administrator else data.user}"


def _token(url: str, credentials: dict[str, str]) -> str:
    answer = requests.post(f"{url}/login", json=credentials, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["accessToken"])
