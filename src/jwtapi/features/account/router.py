"""GET /profile, and the endpoints under /api."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response
from fastapi.responses import StreamingResponse

from jwtapi.authentication.dependencies import CurrentUser, PrincipalDep, get_principal
from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.features.account import documentation
from jwtapi.features.account.schemas import (
    Account,
    AccountPatch,
    AccountSettings,
    DeleteAccountRequest,
    Profile,
    SettingsPatch,
)
from jwtapi.features.account.service import AccountService
from jwtapi.sign_in.dependencies import CookiesDep
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.documentation import Responses, error_responses, success
from jwtapi.web.errors import missing_field
from jwtapi.web.routes import StrictRoute

_PROFILE: Responses = {200: success("The user name.")}

AccountServiceDep = Annotated[AccountService, provided(AccountService)]

router = APIRouter(route_class=StrictRoute, tags=["account"], responses=error_responses(*ACCESS_TOKEN_ERRORS))

# The access token is required here, once for all routes under /api, so that no route can be added without it.
api = APIRouter(
    prefix="/api",
    route_class=StrictRoute,
    tags=["account"],
    dependencies=[Depends(get_principal)],
    responses=error_responses(*ACCESS_TOKEN_ERRORS),
)


@router.get("/profile", summary="Get the user name", responses=_PROFILE)
def profile(principal: PrincipalDep) -> Profile:
    """Return the user name of the access token."""
    return Profile(username=principal.username)


@api.get("/profile", summary="Get the user name, under /api", responses=_PROFILE)
def api_profile(principal: PrincipalDep) -> Profile:
    """Return the user name of the access token, as `/profile` does."""
    return Profile(username=principal.username)


@api.get("/account", summary="Read the account", responses={200: success("The account.")})
async def read_account(user: CurrentUser) -> Account:
    """Return the account of the signed-in user."""
    return Account.of(user)


@api.patch("/account", summary="Change the user name", responses=documentation.RENAME, dependencies=[RecentSignIn])
async def change_account(
    patch: Annotated[AccountPatch, Body(media_type="application/merge-patch+json")],
    principal: PrincipalDep,
    user: CurrentUser,
    account: AccountServiceDep,
    caller: CallerDep,
) -> Account:
    """Change the user name. Access tokens with the old name are refused from now on: refresh them.

    The Content-Type may also be `application/json`.
    """
    if "username" in patch.model_fields_set:
        user = await account.rename(principal, user, patch.username, caller)
    return Account.of(user)


@api.get("/account/export", summary="Export the account", responses=documentation.EXPORT, dependencies=[RecentSignIn])
async def export_account(user: CurrentUser, account: AccountServiceDep) -> StreamingResponse:
    """Return all that is kept of the signed-in user. If the server fails in the middle, the JSON is not complete."""
    headers = {"Content-Disposition": 'attachment; filename="account.json"'}
    return StreamingResponse(await account.export(user), headers=headers, media_type="application/json")


@api.delete(
    "/account",
    status_code=204,
    summary="Delete the account",
    responses=documentation.DELETE,
    dependencies=[RecentSignIn],
)
async def delete_account(  # noqa: PLR0913, PLR0917  each is a dependency
    body: DeleteAccountRequest,
    principal: PrincipalDep,
    user: CurrentUser,
    response: Response,
    account: AccountServiceDep,
    cookies: CookiesDep,
    caller: CallerDep,
) -> None:
    """Delete the account of the signed-in user with everything that belongs to it. Nothing can be undone.

    All sessions end immediately. Nobody else can register the user name for 30 days.
    """
    if body.password is None and user.password_hash is not None:
        raise missing_field("password")
    password = body.password.get_secret_value() if body.password is not None else None
    await account.delete(principal, password, caller)
    cookies.clear_refresh_token(response)


@api.get("/settings", summary="Read the settings", responses={200: success("The settings; `{}` at first.")})
async def read_settings(user: CurrentUser) -> AccountSettings:
    """Return the settings that the app has stored for the signed-in user."""
    return AccountSettings(user.settings)


@api.patch(
    "/settings",
    summary="Change the settings",
    responses=documentation.CHANGE_SETTINGS,
)
async def change_settings(
    patch: Annotated[SettingsPatch, Body(media_type="application/merge-patch+json")],
    principal: PrincipalDep,
    account: AccountServiceDep,
) -> AccountSettings:
    """Change some settings with a JSON merge patch (RFC 7396): values replace, `null` removes, objects merge.

    The Content-Type may also be `application/json`.
    """
    return AccountSettings(await account.change_settings(principal.user_id, patch.root))
