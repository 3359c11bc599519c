"""The dependencies that provide the principal or the user of a request."""

from collections.abc import Callable, Coroutine, Iterable
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security import HTTPBearer, OAuth2
from starlette.requests import HTTPConnection

from jwtapi.authentication.authenticator import Authenticator
from jwtapi.authentication.errors import AccessTokenInvalid, RoleRequired, SessionRequired
from jwtapi.principal import Principal
from jwtapi.security.api_keys import is_api_key
from jwtapi.storage.database import Database
from jwtapi.storage.users import User
from jwtapi.web.dependencies import provided


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the token of the Authorization header (RFC 6750 §2.1). None without the header or with another scheme.

    Raises:
        AccessTokenInvalid: there are two such headers. A proxy might read the other one.
    """
    authorization = None
    for name, value in headers:
        if name == b"authorization":
            if authorization is not None:
                raise AccessTokenInvalid
            authorization = value
    if authorization is None:
        return None
    return authorization[7:].decode("latin-1") or None if authorization[:7].lower() == b"bearer " else None


async def get_session_token(request: Request) -> str | None:
    """Return the access token of a request, checked or not.

    Raises:
        SessionRequired: it is an API key. No key is looked up here, so a wrong one gets the same answer.
    """
    token = bearer_token(request.scope["headers"])
    if token is not None and is_api_key(token):
        raise SessionRequired
    return token


class _PasswordFlow(OAuth2):
    """Documents a login form in the OpenAPI document. Swagger UI then asks for user name and password."""

    def __init__(self) -> None:
        flow = OAuthFlowPassword(tokenUrl="token", refreshUrl="token", scopes={})
        super().__init__(flows=OAuthFlows(password=flow), scheme_name="Password", auto_error=False)

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


class _BearerToken(HTTPBearer):
    """Documents a bearer token in the OpenAPI document. Swagger UI then has a field for a token."""

    def __init__(self) -> None:
        super().__init__(
            bearerFormat="JWT",
            scheme_name="AccessToken",
            description="An access token, or an API key where no `session_required` is documented.",
            auto_error=False,
        )

    async def __call__(self, request: HTTPConnection) -> None:  # noqa: ARG002
        return None


SessionTokenDep = Annotated[str | None, Depends(get_session_token)]


async def get_principal(
    request: Request,
    authenticator: Annotated[Authenticator, provided(Authenticator)],
    _bearer_token: Annotated[None, Depends(_BearerToken())],
    _password_flow: Annotated[None, Depends(_PasswordFlow())],  # Swagger UI puts the cursor into the last one
) -> Principal:
    """Authenticate the request. The parameters with an underscore are only for the OpenAPI document."""
    principal = await authenticator.authenticate(bearer_token(request.scope["headers"]))
    request.state.key_id = principal.key_id  # for `get_caller`
    return principal


PrincipalDep = Annotated[Principal, Depends(get_principal)]


async def get_session_principal(principal: PrincipalDep) -> Principal:
    """Return the principal of a request that a session authenticates.

    Raises:
        SessionRequired: an API key authenticates it. A key that leaked must not change how its owner signs in.
    """
    if principal.session_id is None:
        raise SessionRequired
    return principal


SessionPrincipalDep = Annotated[Principal, Depends(get_session_principal)]


@cache
def require_role(role: str) -> Callable[[Principal], Coroutine[Any, Any, Principal]]:
    """Return a dependency that refuses users, and API keys, without a role, and provides the principal.

    For single endpoints, `principal: Annotated[Principal, Depends(require_role("admin"))]`, and for all of a router,
    `APIRouter(dependencies=[Depends(require_role("admin"))])`. A role that was taken away is refused on every worker
    within 100 ms, old access tokens included.
    """

    async def with_role(principal: PrincipalDep) -> Principal:
        if role not in principal.roles:
            raise RoleRequired(role)
        return principal

    return with_role


async def get_current_user(principal: PrincipalDep, database: Annotated[Database, provided(Database)]) -> User:
    """Return the row of the signed-in user, for endpoints that need more than the principal contains."""
    user = await database.read(lambda uow: uow.users.get(principal.user_id))
    if user is None:
        raise AccessTokenInvalid
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]
