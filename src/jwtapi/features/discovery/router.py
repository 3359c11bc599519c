"""GET /.well-known/jwks.json and GET /.well-known/oauth-authorization-server."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from jwtapi.errors import NotFound
from jwtapi.features.discovery import documentation
from jwtapi.features.discovery.schemas import KeySet, ServerMetadata
from jwtapi.security.key_ring import KeyRing
from jwtapi.settings import Settings
from jwtapi.web.dependencies import provided, services_of
from jwtapi.web.routes import StrictRoute

JWKS = "/.well-known/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"

_MAX_AGE = 300

router = APIRouter(route_class=StrictRoute, tags=["discovery"])


@router.get(JWKS, summary="Get the public keys", responses=documentation.JWKS, response_model_exclude_none=True)
async def get_key_set(request: Request, response: Response, keys: Annotated[KeyRing, provided(KeyRing)]) -> KeySet:
    """Return the keys that access tokens are signed with now, soon or lately, the newest first (RFC 7517).

    There is none if only `JWT_SECRET` signs.
    """
    answer = KeySet.of(keys.published())
    _let_caches_keep(response, services_of(request.scope).settings)
    return answer


@router.get(METADATA, summary="Get the addresses of this server", responses=documentation.METADATA)
async def get_server_metadata(request: Request, response: Response) -> ServerMetadata:
    """Return the addresses and abilities of this server, for OAuth2 libraries (RFC 8414). It needs `PUBLIC_URL`.

    Below a path, such as `https://example.com/sso`, the RFC puts the path at the end of this address:
    `https://example.com/.well-known/oauth-authorization-server/sso`.
    """
    settings = services_of(request.scope).settings
    if settings.public_url is None:
        raise NotFound
    _let_caches_keep(response, settings)
    return ServerMetadata.of(settings.public_url, clients_required=settings.clients_required)


def _let_caches_keep(response: Response, settings: Settings) -> None:
    """Let caches keep the answer for less time than a new key is published before it signs."""
    response.headers["Cache-Control"] = f"public, max-age={min(_MAX_AGE, settings.signing_key_prepublish // 2)}"
