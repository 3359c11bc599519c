import pytest
from fastapi.routing import APIRoute

from jwtapi.authentication.dependencies import get_principal
from jwtapi.authentication.fast_path import PrincipalEndpoint
from jwtapi.composition import features

ROUTES = {
    route.path: route
    for feature in features().values()
    for router in feature.routers
    for route in router.routes
    if isinstance(route, APIRoute) and route.methods == {"GET"}
}

ENDPOINTS = [endpoint for feature in features().values() for endpoint in feature.fast_endpoints]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_an_endpoint_that_skips_fastapi_depends_on_the_principal_alone(endpoint: PrincipalEndpoint) -> None:
    route = ROUTES[endpoint.path]
    assert route.endpoint is endpoint.answer
    assert {dependency.call for dependency in route.dependant.dependencies} == {get_principal}
    assert [*route.dependant.query_params, *route.dependant.header_params, *route.dependant.cookie_params] == []
