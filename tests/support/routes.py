"""The routes of the app."""

from typing import NamedTuple

from fastapi.routing import APIRoute, iter_route_contexts

from jwtapi.app import _routed
from jwtapi.composition import features
from jwtapi.settings import Settings
from jwtapi.web.rate_limits import limit_of


class RouteOfApp(NamedTuple):
    method: str
    path: str


SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
"""RFC 9110 §9.2.1: they change nothing."""


def routes_of(settings: Settings) -> list[RouteOfApp]:
    """Return every method of every path, in the order in which the app matches them."""
    return [
        RouteOfApp(method, route.path)
        for route in iter_route_contexts(_routed(settings).routes)
        for method in sorted(route.methods or ())
        if route.path is not None
    ]


def changing_routes_of(settings: Settings) -> list[RouteOfApp]:
    return [route for route in routes_of(settings) if route.method not in SAFE_METHODS]


def rate_limited_routes() -> list[RouteOfApp]:
    """The routes of features whose endpoints are `@rate_limited`."""
    return [
        RouteOfApp(method, route.path)
        for feature in features().values()
        for router in feature.routers
        for route in router.routes
        if isinstance(route, APIRoute) and limit_of(route.endpoint) is not None
        for method in sorted(route.methods or ())
    ]
