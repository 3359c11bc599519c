"""Reads the form of an OAuth2 token request (RFC 6749 §4.3.2, §4.4.2 and §6), and documents the forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends

from jwtapi.clients.errors import InvalidRequest
from jwtapi.clients.form import FORM, FormDep, required
from jwtapi.features.oauth.errors import InvalidScope, UnsupportedGrantType
from jwtapi.features.oauth.schemas import EXAMPLE_CLIENT_SECRET, EXAMPLE_SCOPE
from jwtapi.second_factors import methods
from jwtapi.second_factors.methods import MFA_GRANT, FactorMethod
from jwtapi.second_factors.provers import FactorAnswer
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.strict_json import loads
from jwtapi.web.schemas import EXAMPLE_ID


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshTokenGrant:
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentialsGrant:
    scopes: Sequence[str] | None
    """None asks for all scopes of the client."""


@dataclass(frozen=True, slots=True)
class MfaGrant:
    ticket: str = field(repr=False)
    answer: FactorAnswer


Grant = PasswordGrant | MfaGrant | RefreshTokenGrant | ClientCredentialsGrant


async def get_grant(form: FormDep) -> Grant:
    """Read the form.

    Raises:
        InvalidRequest, InvalidScope, UnsupportedGrantType
    """
    scope = form.get("scope") or None  # RFC 6749 §3.2: an empty parameter counts as omitted
    grant_type = form.get("grant_type") or None
    if grant_type == "client_credentials":
        return ClientCredentialsGrant(scope.split(" ") if scope is not None else None)
    if scope is not None:
        # RFC 6749 §3.3: a client would take silence as a grant of the scope.
        raise InvalidScope("Tokens of users have no scopes")
    match grant_type:
        case "password":
            return PasswordGrant(*required(form, "username", "password"))
        case "refresh_token":
            return RefreshTokenGrant(*required(form, "refresh_token"))
        case methods.MFA_GRANT:
            ticket, method = required(form, "ticket", "method")
            return MfaGrant(ticket, _answer(method, form))
        case None:
            raise InvalidRequest("grant_type is missing")
        case _:
            raise UnsupportedGrantType


def _answer(method: str, form: Mapping[str, str]) -> FactorAnswer:
    if method not in set(FactorMethod):
        raise InvalidRequest(f"method must be one of {', '.join(FactorMethod)}")
    if method != FactorMethod.PASSKEY:
        return FactorAnswer(FactorMethod(method), code=required(form, "code")[0])
    try:
        credential = loads(required(form, "credential")[0].encode())
    except ValueError:
        credential = None
    if not isinstance(credential, dict):
        raise InvalidRequest("credential must be a JSON object")
    return FactorAnswer(FactorMethod.PASSKEY, credential=credential)


GrantDep = Annotated[Grant, Depends(get_grant)]

_CLIENT_ID = {
    "type": "string",
    "description": "The client, unless it authenticates by HTTP Basic. Of a public client it is ignored.",
}
# It is no enum, because other grants ignore it.
_METHODS = ", ".join(f"`{method}`" for method in FactorMethod)
_CLIENT_SECRET = {"type": "string", "format": "password", "description": "As `client_id`."}
_TOKEN_TYPE_HINT = {"type": "string", "description": "Ignored, because each token shows its type. Libraries send it."}


def _request(
    properties: Mapping[str, Any], examples: Mapping[str, Any], *, required: Sequence[str], client_is_optional: bool
) -> dict[str, Any]:
    """Describe a request for the OpenAPI document. FastAPI would need python-multipart to describe a form.

    It has no oneOf, because generators of clients fail on it. The endpoint reports what is missing. It has no
    minLength, because an empty parameter counts as omitted (RFC 6749 §3.2).
    """
    schema = {"type": "object", "required": required, "properties": properties}
    body = {"required": True, "content": {FORM: {"schema": schema, "examples": examples}}}
    return {"requestBody": body} | ({"security": [{}]} if client_is_optional else {})


TOKEN_REQUEST = _request(
    {
        "grant_type": {
            "type": "string",
            "enum": ["password", MFA_GRANT, "refresh_token", "client_credentials"],
            "description": "Sign in, send the second factor, stay signed in, or get the token of a service.",
        },
        "username": {"type": "string", "description": "Needed by the grant `password`."},
        "password": {"type": "string", "format": "password", "description": "Needed by the grant `password`."},
        "ticket": {"type": "string", "description": "Of the error `mfa_required`. Needed to send a second factor."},
        "method": {"type": "string", "description": f"Needed with `ticket`: {_METHODS}."},
        "code": {"type": "string", "description": "The code, unless the method is `passkey`."},
        "credential": {"type": "string", "description": "Of the method `passkey`: its answer, as JSON."},
        "refresh_token": {
            "type": "string",
            "description": "Needed by the grant `refresh_token`: the token of the last response.",
        },
        "scope": {
            "type": "string",
            "description": "Of the grant `client_credentials`: some of the client's scopes, with spaces in between. "
            "Without it, all of them. Other grants have no scopes: omit it, or leave it empty.",
        },
        "client_id": {
            "type": "string",
            "description": "Needed, with `client_secret`, by the grant `client_credentials` unless the client "
            "authenticates by HTTP Basic. Other grants ignore both unless CLIENTS_REQUIRED is true.",
        },
        "client_secret": _CLIENT_SECRET,
    },
    {
        "password": {
            "summary": "Sign in",
            "value": {"grant_type": "password", "username": "alice", "password": EXAMPLE_PASSWORD},
        },
        "refresh_token": {
            "summary": "Stay signed in",
            "value": {"grant_type": "refresh_token", "refresh_token": EXAMPLE_REFRESH_TOKEN},
        },
        "client_credentials": {
            "summary": "Get the token of a service",
            "value": {
                "grant_type": "client_credentials",
                "scope": EXAMPLE_SCOPE,
                "client_id": EXAMPLE_ID,
                "client_secret": EXAMPLE_CLIENT_SECRET,
            },
        },
    },
    required=["grant_type"],
    client_is_optional=True,
)
INTROSPECTION_REQUEST = _request(
    {
        "token": {"type": "string", "description": "The token of which to ask."},
        "token_type_hint": _TOKEN_TYPE_HINT,
        "client_id": _CLIENT_ID,
        "client_secret": _CLIENT_SECRET,
    },
    {"access_token": {"summary": "Ask", "value": {"token": EXAMPLE_ACCESS_TOKEN}}},
    required=["token"],
    client_is_optional=False,
)
REVOCATION_REQUEST = _request(
    {
        "token": {"type": "string", "description": "An access token or a refresh token of a user."},
        "token_type_hint": _TOKEN_TYPE_HINT,
        "client_id": _CLIENT_ID,
        "client_secret": _CLIENT_SECRET,
    },
    {"refresh_token": {"summary": "Sign out", "value": {"token": EXAMPLE_REFRESH_TOKEN}}},
    required=["token"],
    client_is_optional=True,
)
