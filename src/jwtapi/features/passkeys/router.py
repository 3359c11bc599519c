"""POST /login/passkey, /api/passkeys and GET /.well-known/webauthn."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from jwtapi.authentication.dependencies import CurrentUser, PrincipalDep, get_session_principal
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.errors import NotFound
from jwtapi.features.passkeys import documentation
from jwtapi.features.passkeys.schemas import (
    AddedPasskey,
    CredentialRequest,
    NewPasskeyRequest,
    Options,
    OptionsRequest,
    PasskeyList,
    RelatedOrigins,
    RenameRequest,
    UserPasskey,
)
from jwtapi.second_factors.limits import PASSKEY_OPTIONS
from jwtapi.second_factors.passkeys import Passkeys
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.security.passkeys import authenticator_name, text_of
from jwtapi.sign_in.dependencies import CookiesDep, DiagnoseCookies, token_response
from jwtapi.sign_in.limits import LOGIN
from jwtapi.sign_in.schemas import LoginAnswer
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.passkeys import Passkey
from jwtapi.web.dependencies import CallerDep, provided, services_of
from jwtapi.web.rate_limits import rate_limited
from jwtapi.web.routes import PathId, StrictRoute, parse_id

router = APIRouter(route_class=StrictRoute, tags=["passkeys"])
api = APIRouter(
    prefix="/api/passkeys", route_class=StrictRoute, tags=["passkeys"], dependencies=[Depends(get_session_principal)]
)

PasskeysDep = Annotated[Passkeys, provided(Passkeys)]


@router.post("/login/passkey/options", summary="Begin to log in with a passkey", responses=documentation.LOGIN_OPTIONS)
@rate_limited(PASSKEY_OPTIONS)
async def begin_passkey_login(
    body: OptionsRequest,
    request: Request,  # noqa: ARG001  the limit reads it
    passkeys: PasskeysDep,
    second_factors: Annotated[SecondFactors, provided(SecondFactors)],
) -> Options:
    """Return the options for the browser's `navigator.credentials.get`.

    Without a ticket, they name nobody: the authenticator knows its users.
    """
    user = (await second_factors.find(body.ticket.get_secret_value()))[1] if body.ticket is not None else None
    return Options(dict(await passkeys.request_options(user)))


@router.post(
    "/login/passkey",
    summary="Log in with a passkey",
    responses=documentation.LOGIN,
    dependencies=[DiagnoseCookies],
)
@rate_limited(LOGIN)
async def log_in_with_passkey(  # noqa: PLR0913, PLR0917  each is a dependency
    body: CredentialRequest,
    request: Request,
    response: Response,
    passkeys: PasskeysDep,
    sign_in: Annotated[SignIn, provided(SignIn)],
    cookies: CookiesDep,
    caller: CallerDep,
) -> LoginAnswer:
    """Sign in without a name or a password. No second factor is asked, because the authenticator has verified its user.

    The response is that of a login.
    """
    proof = await passkeys.prove(body.credential, caller, cookies.device_tokens(request))
    signed_in = await sign_in.proceed(proof, caller)
    cookies.set_device_token(response, signed_in.device_token)
    return token_response(LoginAnswer, signed_in.tokens, response, cookies)


@api.get("", summary="List the passkeys", responses=documentation.LIST)
async def list_passkeys(user: CurrentUser, passkeys: PasskeysDep) -> PasskeyList:
    """Return the passkeys of the user, and what the browser needs to tell authenticators about them."""
    listed, handle = await passkeys.list(user.id)
    return PasskeyList(
        passkeys=[_shown(passkey) for passkey in listed],
        rp_id=passkeys.rp_id,
        user_handle=text_of(handle) if handle is not None else None,
        user_name=user.username,
    )


@api.post("/options", summary="Begin to add a passkey", responses=documentation.OPTIONS, dependencies=[RecentSignIn])
@rate_limited(PASSKEY_OPTIONS)
async def begin_passkey(
    principal: PrincipalDep,
    request: Request,  # noqa: ARG001  the limit reads it
    passkeys: PasskeysDep,
) -> Options:
    """Return the options for the browser's `navigator.credentials.create`."""
    return Options(dict(await passkeys.creation_options(principal)))


@api.post(
    "",
    status_code=201,
    summary="Add a passkey",
    responses=documentation.ADD,
    response_model_exclude_unset=True,
    dependencies=[RecentSignIn],
)
async def add_passkey(
    body: NewPasskeyRequest, principal: PrincipalDep, passkeys: PasskeysDep, caller: CallerDep
) -> AddedPasskey:
    """Send what the authenticator has made. From now on, a password alone does not suffice."""
    passkey, codes = await passkeys.register(principal, body.name, body.credential, caller)
    added = AddedPasskey(**_shown(passkey).model_dump())
    return added.model_copy(update={"recovery_codes": list(codes)}) if codes else added


@api.patch("/{id}", summary="Rename a passkey", responses=documentation.RENAME)
async def rename_passkey(
    # Not a PathId: FastAPI checks a path before the body, and an invalid body is answered whatever the id is.
    passkey_id: Annotated[str, Path(alias="id", json_schema_extra={"format": "uuid"})],
    body: RenameRequest,
    principal: PrincipalDep,
    passkeys: PasskeysDep,
) -> UserPasskey:
    """Give a passkey another name, for people."""
    return _shown(await passkeys.rename(parse_id(passkey_id), principal.user_id, body.name))


@api.delete(
    "/{id}",
    status_code=204,
    summary="Remove a passkey",
    responses=documentation.REMOVE,
    dependencies=[RecentSignIn],
)
async def remove_passkey(
    passkey_id: Annotated[PathId, Path(alias="id")],
    principal: PrincipalDep,
    passkeys: PasskeysDep,
    caller: CallerDep,
) -> None:
    """Remove a passkey, and end all other sessions.

    This one goes on after a refresh, unless only a passkey had opened it.
    """
    await passkeys.remove(passkey_id, principal, caller)


@router.get(
    "/.well-known/webauthn",
    summary="List the origins that may use passkeys",
    responses=documentation.RELATED,
)
def get_related_origins(request: Request) -> RelatedOrigins:
    """Return the origins of PASSKEY_ORIGINS, for browsers (WebAuthn §5.11)."""
    origins = services_of(request.scope).settings.of(MfaSettings).passkey_origins
    if not origins:
        raise NotFound
    return RelatedOrigins(origins=list(origins))


def _shown(passkey: Passkey) -> UserPasskey:
    return UserPasskey(
        id=passkey.id,
        name=passkey.name,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
        backed_up=passkey.backed_up,
        authenticator=authenticator_name(passkey.aaguid),
        rp_id=passkey.rp_id,
        credential_id=text_of(passkey.credential_id),
    )
