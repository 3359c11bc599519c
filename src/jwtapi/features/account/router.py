"""GET /profile, and the endpoints under /api."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from jwtapi.authentication.dependencies import CurrentUser, PrincipalDep, get_principal
from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.features.account.errors import SettingsTooLarge
from jwtapi.features.account.schemas import Account, AccountSettings, Profile, SettingsPatch
from jwtapi.features.account.service import AccountService
from jwtapi.web.dependencies import provided
from jwtapi.web.documentation import Responses, error_responses, json_body, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.routes import StrictRoute
from jwtapi.web.schemas import FieldError

_PROFILE: Responses = {200: success("The user name.")}
_NO_OBJECT = FieldError(field="", message="Input should be a valid dictionary")

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
    return Account(id=user.id, username=user.username, roles=user.roles, created_at=user.created_at)


@api.get("/settings", summary="Read the settings", responses={200: success("The settings; `{}` at first.")})
async def read_settings(user: CurrentUser) -> AccountSettings:
    """Return the settings that the app has stored for the signed-in user."""
    return AccountSettings(user.settings)


@api.patch(
    "/settings",
    summary="Change the settings",
    responses=error_responses(*ACCESS_TOKEN_ERRORS, CrossOriginRefused(), SettingsTooLarge(), *json_body(_NO_OBJECT))
    | {200: success("All settings, changed.")},
)
async def change_settings(
    patch: Annotated[SettingsPatch, Body(media_type="application/merge-patch+json")],
    principal: PrincipalDep,
    account: Annotated[AccountService, provided(AccountService)],
) -> AccountSettings:
    """Change some settings with a JSON merge patch (RFC 7396): values replace, `null` removes, objects merge.

    The Content-Type may also be `application/json`.
    """
    return AccountSettings(await account.change_settings(principal.user_id, patch.root))
