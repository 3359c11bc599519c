"""The dependencies that provide the client of a request."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import unquote_plus

from fastapi import Depends, Request
from fastapi.security import HTTPBasic, HTTPBearer
from starlette.requests import HTTPConnection

from jwtapi.clients.errors import InsufficientScope, InvalidClient, InvalidRequest
from jwtapi.clients.form import FormDep
from jwtapi.clients.limits import WRONG_SECRETS
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.storage.clients import Client
from jwtapi.web.dependencies import AddressLimiterDep, provided
from jwtapi.web.rate_limits import AddressLimiter

_MAX_CREDENTIALS = 512
"""Bytes of an Authorization header with Basic credentials. Ours have 150, percent-encoded 450."""


class _ClientSecret(HTTPBasic):
    """Documents the id and the secret of a client in the OpenAPI document."""

    def __init__(self) -> None:
        super().__init__(scheme_name="ClientSecret", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


class _ServiceToken(HTTPBearer):
    """Documents the token of a client in the OpenAPI document."""

    def __init__(self) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="ServiceToken", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What a request shows as the id and the secret of a client. It proves nothing until it was checked."""

    client_id: str
    secret: str = field(repr=False)


class ClientAuthentication:
    """Authenticates the client of a request, and counts wrong secrets by address."""

    def __init__(
        self, request: Request, form: Mapping[str, str], clients: ClientService, limiter: AddressLimiter
    ) -> None:
        self._request = request
        self._form = form
        self._clients = clients
        self._limiter = limiter

    async def by_secret(self) -> Client | None:
        """Return the client of the id and the secret that the request has (RFC 6749 §2.3.1). None if it has no secret.

        Raises:
            InvalidRequest: the request has two secrets.
            InvalidClient: they are wrong.
            TooManyRequests: they are wrong, as many before from this address.
            StorageUnavailable
        """
        scheme, value = _authorization(self._request)
        shown, in_header = _in_form(self._form), _basic(value) if scheme == b"basic" else None
        if in_header is not None:
            if shown is not None or self._form.get("client_id", in_header.client_id) != in_header.client_id:
                raise InvalidRequest("The client must authenticate in one way")
            shown = in_header
        return await self._check(shown) if shown is not None else None

    async def by_required_secret(self) -> Client:
        """As `by_secret`, but raise InvalidClient if the request has no secret."""
        client = await self.by_secret()
        if client is None:
            raise InvalidClient
        return client

    async def by_secret_or_token(self) -> Client:
        """As `by_secret`, but also accept a service token (RFC 6750 §2.1), and demand one of them.

        Raises:
            AccessTokenExpired, AccessTokenInvalid: of the service token.
            InvalidRequest, InvalidClient, TooManyRequests, StorageUnavailable: as `by_secret`.
        """
        scheme, value = _authorization(self._request)
        if scheme == b"bearer":
            if _in_form(self._form) is not None:
                raise InvalidRequest("The client must authenticate in one way")
            return await self._clients.authenticate_by_token(value.decode("latin-1"))
        return await self.by_required_secret()

    async def _check(self, shown: ClientSecret) -> Client:
        try:
            return await self._clients.authenticate(shown.client_id, shown.secret)
        except InvalidClient:
            # Count after the check, and only failures: nobody's wrong secrets delay a client that knows its own.
            await self._limiter.admit(WRONG_SECRETS, self._request)
            # Routes of GET settle nothing.
            await self._limiter.settle(self._request.scope, succeeded=False)
            raise


def _authorization(request: Request) -> tuple[bytes, bytes]:
    """Return the scheme, in lower case, and the rest of the Authorization header. Both are empty without one.

    Raises:
        InvalidRequest: there are two such headers. A proxy might read the other one.
    """
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(values) > 1:
        raise InvalidRequest("There are two Authorization headers")
    scheme, _, rest = (values[0] if values else b"").partition(b" ")
    return scheme.lower(), rest.strip()


def _basic(value: bytes) -> ClientSecret:
    """Read Basic credentials, whose parts are encoded as in a form (RFC 6749 §2.3.1).

    Raises:
        InvalidClient: they have not the form of credentials.
    """
    try:
        if len(value) > _MAX_CREDENTIALS:
            raise InvalidClient
        client_id, colon, secret = b64decode(value, validate=True).decode("ascii").partition(":")
        if not colon:
            raise InvalidClient
        return ClientSecret(unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict"))
    except (binascii.Error, ValueError):
        raise InvalidClient from None


def _in_form(form: Mapping[str, str]) -> ClientSecret | None:
    """Return the credentials in a form. A client_id alone is none: public clients send it (RFC 6749 §3.2.1)."""
    secret = form.get("client_secret")
    return ClientSecret(form.get("client_id", ""), secret) if secret else None


async def get_client_authentication(
    request: Request,
    form: FormDep,
    clients: Annotated[ClientService, provided(ClientService)],
    limiter: AddressLimiterDep,
    _client_secret: Annotated[None, Depends(_ClientSecret())],
) -> ClientAuthentication:
    """Provide the authentication, which the endpoint asks for when it knows what it needs."""
    return ClientAuthentication(request, form, clients, limiter)


ClientAuthenticationDep = Annotated[ClientAuthentication, Depends(get_client_authentication)]


def require_client(scope: Scope) -> Any:
    """Use for a parameter that is the client: `client: Annotated[Client, require_client(Scope.REVOKE)]`."""  # noqa: D402

    async def get_client(
        authentication: ClientAuthenticationDep, _service_token: Annotated[None, Depends(_ServiceToken())]
    ) -> Client:
        client = await authentication.by_secret_or_token()
        if scope not in client.scopes:
            raise InsufficientScope(scope)
        return client

    return Depends(get_client)
