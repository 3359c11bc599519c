"""GET /profile and what lies under /api."""

from typing import Annotated

from fastapi import APIRouter, Depends

from jwtapi.account.errors import SettingsTooLarge
from jwtapi.account.schemas import Account, AccountSettings, Profile
from jwtapi.account.service import AccountService
from jwtapi.auth.dependencies import AccessClaimsDep, CurrentUser, get_access_claims
from jwtapi.auth.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.web.dependencies import ResourcesDep
from jwtapi.web.documentation import problems
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["account"], responses=problems(*ACCESS_TOKEN_ERRORS))

# The guard of everything under /api: set here once, so that no route can be added without it.
api = APIRouter(
    prefix="/api",
    route_class=StrictRoute,
    tags=["account"],
    dependencies=[Depends(get_access_claims)],
    responses=problems(*ACCESS_TOKEN_ERRORS),
)


async def get_account_service(resources: ResourcesDep) -> AccountService:
    return AccountService(resources)


@router.get("/profile")
def profile(claims: AccessClaimsDep) -> Profile:
    """Who is signed in."""
    return Profile(username=claims.username)


@api.get("/profile")
def api_profile(claims: AccessClaimsDep) -> Profile:
    """Who is signed in; the same as /profile."""
    return Profile(username=claims.username)


@api.get("/account")
async def read_account(user: CurrentUser) -> Account:
    """The signed-in user's account."""
    return Account(id=user.id, username=user.username, roles=user.roles, created_at=user.created_at)


@api.get("/settings")
async def read_settings(user: CurrentUser) -> AccountSettings:
    """The signed-in user's settings."""
    return AccountSettings(user.settings)


@api.patch("/settings", responses=problems(*ACCESS_TOKEN_ERRORS, CrossOriginRefused, SettingsTooLarge, body=True))
async def change_settings(
    patch: AccountSettings,
    claims: AccessClaimsDep,
    account: Annotated[AccountService, Depends(get_account_service)],
) -> AccountSettings:
    """Change settings by JSON merge patch (RFC 7396): members replace, null removes, objects merge."""
    return AccountSettings(await account.change_settings(claims.user_id, patch.root))
