"""Tells Schemathesis what user names look like, because JSON Schema has no words for RFC 8265, and signs in.

CLIENT_ID and CLIENT_SECRET in the environment are of a client with every scope, for the operations of clients.
"""

import os
import secrets
from base64 import b64encode
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st

from jwtapi.security.link_tokens import TEXT_LENGTH

_OF_CLIENTS = ("/introspect", "/revocations")
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
    if case.path == "/api/passkeys/options" and case.method in {"PATCH", "DELETE", "OPTIONS"}:
        case.method = "PUT"  # the others, and `Allow`, are those of /api/passkeys/{id} too
    if isinstance(case.body, dict) and "username" in case.body and _has_wrong_format(case):
        case.body = case.body | {"username": 0}
    if case.path == "/register" and isinstance(case.body, dict):
        invitation = case.body.get("invitation")
        if isinstance(invitation, str) and len(invitation) <= TEXT_LENGTH:
            case.body = {name: value for name, value in case.body.items() if name != "invitation"}


def _has_wrong_format(case: schemathesis.Case) -> bool:
    description = getattr(case.meta.phase.data, "description", None) if case.meta is not None else None
    return "`format`" in (description or "") and "username" in (description or "")


@schemathesis.auth(refresh_interval=1)
class NewUser:
    """Signs in as another user every second, because requests end sessions, and rename and delete users."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:  # noqa: ARG002
        url = case.operation.schema.get_base_url().rstrip("/")
        user = {"username": f"user-{secrets.token_hex(8)}", "password": "correct horse battery staple"}
        requests.post(f"{url}/register", json=user, timeout=10).raise_for_status()
        answer = requests.post(f"{url}/login", json=user, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["accessToken"])

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:  # noqa: ARG002
        if case.path in _OF_CLIENTS:
            credentials = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
            case.headers["Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
        else:
            case.headers["Authorization"] = f"Bearer {data}"
