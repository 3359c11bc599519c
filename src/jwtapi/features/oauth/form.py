"""Reads the form of an OAuth2 token request (RFC 6749 §4.3.2 and §6)."""

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from jwtapi.features.oauth.errors import InvalidRequest, InvalidScope, UnsupportedGrantType
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.sign_in.schemas import EXAMPLE_REFRESH_TOKEN

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_MAX_BYTES = 16 * 1024
"""Of a form. The longest password, percent-encoded, is shorter. Decoding 64 KiB of percent signs would take 25 ms."""


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshTokenGrant:
    refresh_token: str = field(repr=False)


Grant = PasswordGrant | RefreshTokenGrant


async def get_grant(request: Request) -> Grant:
    """Parse the form. Clients are public, so client_id, client_secret and Basic credentials are ignored.

    Raises:
        InvalidRequest, InvalidScope, UnsupportedGrantType
    """
    fields = await _fields(request)
    if fields.get("scope"):
        # RFC 6749 §3.3: a client would take silence as a grant of the scope.
        raise InvalidScope
    match fields.get("grant_type") or None:  # RFC 6749 §3.2: an empty parameter counts as omitted
        case "password":
            return PasswordGrant(*_required(fields, "username", "password"))
        case "refresh_token":
            return RefreshTokenGrant(*_required(fields, "refresh_token"))
        case None:
            raise _missing("grant_type")
        case _:
            raise UnsupportedGrantType


async def _fields(request: Request) -> dict[str, str]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _FORM or request.headers.get("content-encoding", "identity") != "identity":
        raise InvalidRequest(f"Content-Type must be {_FORM}")
    body = await request.body()
    if len(body) > _MAX_BYTES:
        raise InvalidRequest("The form is too long")
    try:
        # Percent-encoding is ASCII. The decoded bytes must be UTF-8 (RFC 6749, appendix B).
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidRequest("The form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequest("A parameter occurs twice")
    return fields


def _required(fields: dict[str, str], *names: str) -> list[str]:
    if missing := [name for name in names if not fields.get(name)]:
        raise _missing(*missing)
    return [fields[name] for name in names]


def _missing(*names: str) -> InvalidRequest:
    return InvalidRequest(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing")


GrantDep = Annotated[Grant, Depends(get_grant)]

FORM_DOCUMENTATION = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                # Without oneOf, because generators of clients fail on it. The endpoint reports what a grant is missing.
                # Without minLength, because an empty parameter counts as omitted (RFC 6749 §3.2).
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {
                            "type": "string",
                            "enum": ["password", "refresh_token"],
                            "description": "Sign in, or stay signed in.",
                        },
                        "username": {
                            "type": "string",
                            "description": "Needed by the grant `password`.",
                        },
                        "password": {
                            "type": "string",
                            "format": "password",
                            "description": "Needed by the grant `password`.",
                        },
                        "refresh_token": {
                            "type": "string",
                            "description": "Needed by the grant `refresh_token`: the token of the last response.",
                        },
                        "scope": {
                            "type": "string",
                            "maxLength": 0,
                            "description": "This server has no scopes: omit it, or leave it empty.",
                        },
                        "client_id": {
                            "type": "string",
                            "description": "Ignored, because all clients are public. Libraries send it.",
                        },
                        "client_secret": {"type": "string", "format": "password", "description": "Ignored."},
                    },
                },
                "examples": {
                    "password": {
                        "summary": "Sign in",
                        "value": {"grant_type": "password", "username": "alice", "password": EXAMPLE_PASSWORD},
                    },
                    "refresh_token": {
                        "summary": "Stay signed in",
                        "value": {"grant_type": "refresh_token", "refresh_token": EXAMPLE_REFRESH_TOKEN},
                    },
                },
            }
        },
    }
}
"""The request body for the OpenAPI document. FastAPI would need python-multipart to generate it."""
