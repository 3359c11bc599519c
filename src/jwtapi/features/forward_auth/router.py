"""GET /auth/verify."""

from urllib.parse import quote

from fastapi import APIRouter, Response

from jwtapi.authentication.dependencies import PrincipalDep
from jwtapi.features.forward_auth import documentation
from jwtapi.web.routes import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["auth"])

_SAFE_IN_HEADERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "%,")


@router.get(
    "/auth/verify",
    status_code=204,
    response_class=Response,
    summary="Check a request for a proxy",
    responses=documentation.VERIFY,
)
def verify(principal: PrincipalDep) -> Response:
    """Check the access token or the API key for a proxy in front of other services. The headers name the user."""
    headers = {
        "X-Auth-User": quote(principal.username, _SAFE_IN_HEADERS),
        "X-Auth-User-Id": str(principal.user_id),
        "X-Auth-Roles": ",".join(quote(role, _SAFE_IN_HEADERS) for role in principal.roles),
        # Empty with an API key, but never missing: a proxy could then let through what the client has sent.
        "X-Auth-Session": str(principal.session_id) if principal.session_id is not None else "",
    }
    return Response(status_code=204, headers=headers)
