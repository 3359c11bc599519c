"""GET, POST and DELETE /api/keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from jwtapi.api_keys.bodies import CreatedApiKey, NewApiKeyRequest, UserApiKey, UserApiKeyList
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.authentication.dependencies import PrincipalDep, get_session_principal
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.features.api_keys import documentation
from jwtapi.features.api_keys.service import OwnApiKeys
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.routes import PathId, StrictRoute

router = APIRouter(
    prefix="/api/keys", route_class=StrictRoute, tags=["keys"], dependencies=[Depends(get_session_principal)]
)

ApiKeyServiceDep = Annotated[ApiKeyService, provided(ApiKeyService)]


@router.post(
    "", status_code=201, summary="Make an API key", responses=documentation.CREATE, dependencies=[RecentSignIn]
)
async def create_api_key(
    body: NewApiKeyRequest,
    principal: PrincipalDep,
    keys: Annotated[OwnApiKeys, provided(OwnApiKeys)],
    caller: CallerDep,
) -> CreatedApiKey:
    """Make a key by which a program acts as the user. It is a bearer token, as an access token is.

    It cannot change how the user signs in, and can make no keys. A user has at most 50 keys.
    """
    return CreatedApiKey.of(await keys.create(principal, body.wanted(), caller))


@router.get("", summary="List the API keys", responses=documentation.LIST)
async def list_api_keys(principal: PrincipalDep, keys: ApiKeyServiceDep) -> UserApiKeyList:
    """Return the keys of the user. Nobody can show a key again."""
    return UserApiKeyList(keys=[UserApiKey.of(key) for key in await keys.list(principal.user_id)])


@router.delete("/{id}", status_code=204, summary="Revoke an API key", responses=documentation.REVOKE)
async def revoke_api_key(
    key_id: Annotated[PathId, Path(alias="id")],
    principal: PrincipalDep,
    keys: ApiKeyServiceDep,
    caller: CallerDep,
) -> None:
    """Refuse a key from now on, permanently."""
    await keys.revoke(key_id, principal.user_id, caller)
