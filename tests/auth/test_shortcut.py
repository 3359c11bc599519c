import pytest
from fastapi.routing import APIRoute

from jwtapi.account import router as account
from jwtapi.app import CLAIMS_ENDPOINTS
from jwtapi.auth import router as auth
from jwtapi.auth.dependencies import get_access_claims
from jwtapi.auth.shortcut import ClaimsEndpoint

ROUTES = {
    route.path: route
    for router in (auth.router, account.router, account.api)
    for route in router.routes
    if isinstance(route, APIRoute) and route.methods == {"GET"}
}


@pytest.mark.parametrize("endpoint", CLAIMS_ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_what_skips_fastapi_wants_the_access_claims_and_nothing_else(endpoint: ClaimsEndpoint) -> None:
    route = ROUTES[endpoint.path]
    assert route.endpoint is endpoint.answer
    assert {dependency.call for dependency in route.dependant.dependencies} == {get_access_claims}
    assert [*route.dependant.query_params, *route.dependant.header_params, *route.dependant.cookie_params] == []
