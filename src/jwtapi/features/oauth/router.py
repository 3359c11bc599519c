"""POST /token, /introspect and /revoke."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from jwtapi.clients.dependencies import ClientAuthenticationDep, require_client
from jwtapi.clients.form import FormDep, required
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.features.oauth import documentation
from jwtapi.features.oauth.errors import InvalidGrant, InvalidScope
from jwtapi.features.oauth.form import (
    INTROSPECTION_REQUEST,
    REVOCATION_REQUEST,
    TOKEN_REQUEST,
    ClientCredentialsGrant,
    GrantDep,
    MfaGrant,
    PasswordGrant,
)
from jwtapi.features.oauth.schemas import OAuthTokens, TokenState
from jwtapi.features.oauth.service import IssuedTokens
from jwtapi.second_factors.errors import SecondFactorInvalid, SecondFactorRequired, TicketInvalid
from jwtapi.second_factors.limits import MFA
from jwtapi.second_factors.service import SecondFactors
from jwtapi.sessions.errors import RefreshTokenInvalid
from jwtapi.sessions.limits import REFRESH
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.sign_in.limits import LOGIN
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.proof import Wanted
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.clients import Client
from jwtapi.web.dependencies import AddressLimiterDep, CallerDep, provided, services_of
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["auth"])


async def get_clients_required(request: Request) -> bool:
    return services_of(request.scope).settings.clients_required


ClientsRequiredDep = Annotated[bool, Depends(get_clients_required)]
IssuedTokensDep = Annotated[IssuedTokens, provided(IssuedTokens)]


@router.post(
    "/token",
    summary="Get tokens as an OAuth2 client",
    responses=documentation.TOKEN,
    openapi_extra=TOKEN_REQUEST,
    response_model_exclude_none=True,
)
@rate_limited(REFRESH)
async def token(  # noqa: PLR0913, PLR0917  each is a dependency
    grant: GrantDep,
    request: Request,
    clients_required: ClientsRequiredDep,
    authentication: ClientAuthenticationDep,
    clients: Annotated[ClientService, provided(ClientService)],
    passwords: Annotated[PasswordProver, provided(PasswordProver)],
    sign_in: Annotated[SignIn, provided(SignIn)],
    second_factors: Annotated[SecondFactors, provided(SecondFactors)],
    sessions: Annotated[SessionService, provided(SessionService)],
    limiter: AddressLimiterDep,
    caller: CallerDep,
) -> OAuthTokens:
    """Sign in, or stay signed in, without cookies. This is for phone apps, OAuth2 libraries, curl and the page `/docs`.

    It is the token endpoint of RFC 6749 for the grants `password` (§4.3), `refresh_token` (§6) and
    `client_credentials` (§4.4). The grant `urn:jwtapi:oauth:grant-type:mfa` (§4.5) sends the second factor with the
    ticket of `mfa_required`. Browser apps use `/login` and `/refresh`, which keep the refresh token away from scripts.
    """
    if isinstance(grant, ClientCredentialsGrant):
        return _service_token(clients, await authentication.by_required_secret(), grant)
    client = await authentication.by_required_secret() if clients_required else None
    client_id = client.id if client is not None else None
    try:
        if isinstance(grant, PasswordGrant):
            # The form names the grant, so this limit can only count after the form was read.
            await limiter.admit(LOGIN, request)
            proof = await passwords.prove(grant.username, grant.password, caller)
            tokens = (await sign_in.proceed(proof, caller, client_id=client_id)).tokens
        elif isinstance(grant, MfaGrant):
            await limiter.admit(MFA, request)
            completed = await second_factors.prove(grant.ticket, grant.answer, caller, Wanted(client_id=client_id))
            tokens = (await sign_in.proceed(completed, caller, client_id=client_id)).tokens
        else:
            tokens = await sessions.refresh([grant.refresh_token], caller, client_id=client_id)
    except (InvalidCredentials, RefreshTokenInvalid) as error:
        raise InvalidGrant(error.message) from None
    except (SecondFactorRequired, TicketInvalid, SecondFactorInvalid) as error:
        if isinstance(error, SecondFactorRequired):  # the password was right: as at `/login`
            await limiter.settle(request.scope, succeeded=True)
        raise InvalidGrant(error.message, error) from None
    return OAuthTokens(
        access_token=tokens.access_token, expires_in=tokens.expires_in, refresh_token=tokens.refresh_token
    )


def _service_token(clients: ClientService, client: Client, grant: ClientCredentialsGrant) -> OAuthTokens:
    """Raises: InvalidScope."""
    wanted = client.scopes if grant.scopes is None else grant.scopes
    scopes = [scope for scope in client.scopes if scope in wanted]
    if len(scopes) < len(set(wanted)):
        raise InvalidScope
    issued = clients.issue_token(client, scopes)
    return OAuthTokens(access_token=issued.access_token, expires_in=issued.expires_in, scope=" ".join(scopes) or None)


@router.post(
    "/introspect",
    summary="Ask whether a token is active",
    responses=documentation.INTROSPECTION,
    openapi_extra=INTROSPECTION_REQUEST,
    response_model_exclude_none=True,
)
async def introspect(
    form: FormDep, _client: Annotated[Client, require_client(Scope.INTROSPECT)], tokens: IssuedTokensDep
) -> TokenState:
    """Return what is true of an access token or an API key now (RFC 7662). This is for services that are clients.

    A token is active while every endpoint here accepts it: it has not expired, and its session has not ended. A
    refresh token is never active, because it is for no service.
    """
    return TokenState(**await tokens.introspect(*required(form, "token")))


@router.post(
    "/revoke",
    summary="Sign out as an OAuth2 client",
    responses=documentation.REVOCATION,
    openapi_extra=REVOCATION_REQUEST,
    response_class=Response,
)
async def revoke(
    form: FormDep,
    clients_required: ClientsRequiredDep,
    authentication: ClientAuthenticationDep,
    tokens: IssuedTokensDep,
    caller: CallerDep,
) -> Response:
    """End the session of an access token or of a refresh token (RFC 7009), as `/logout` does.

    A token that is not valid any more is not an error. With CLIENTS_REQUIRED, a client needs the scope `revoke` for
    sessions that it did not open.
    """
    client = await (authentication.by_required_secret() if clients_required else authentication.by_secret())
    (token,) = required(form, "token")
    await tokens.revoke(token, caller, by=client if clients_required else None)
    return Response()
