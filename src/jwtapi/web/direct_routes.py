"""Calls endpoints without FastAPI, which takes most of the time of a short request.

This file leans on `APIRoute.dependant`, on the fields of `Dependant`, and on the form of FastAPI's responses, which it
reproduces.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from starlette.types import ASGIApp, Receive, Scope, Send

from jwtapi.errors import JwtapiError
from jwtapi.web.errors import handle_error
from jwtapi.web.routes import StrictRoute

_Call = Callable[[Request, Response], Awaitable[Any]]

_KNOWN = frozenset(
    ("call", "dependencies", "name", "path", "request_param_name", "response_param_name", "scope", "use_cache")
)
"""The fields of a Dependant that this file understands. The others must be empty, such as parameters of the query."""


class DirectRoutes:
    """Sends the response that FastAPI would send, and calls the same functions for it: dependencies and endpoint.

    FastAPI also has the routes: for the OpenAPI document, for other methods, and for an app that has
    `dependency_overrides` or a middleware of the program that embeds it.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[StrictRoute]) -> None:
        """Each endpoint returns a schema, reads no body, and sets nothing but headers in its `response`.

        Raises:
            TypeError: an endpoint or a dependency needs something that only FastAPI provides.
        """
        self._app = app
        self._direct = {
            (method, route.path): (route, _direct(route)) for route in routes for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None or scope["app"].dependency_overrides or scope["app"].user_middleware:
            await self._app(scope, receive, send)
            return
        scope["route"], answer = found  # the metrics read the path of the route
        await answer(scope, receive, send)


def _direct(route: StrictRoute) -> ASGIApp:
    call = _call_of(route.dependant)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)  # without `receive`: an endpoint that reads the body fails
        additions = Response()
        additions.raw_headers = []
        try:
            await route.admit(request)
            body = (await call(request, additions)).model_dump_json(by_alias=True)
        except JwtapiError as error:
            response: Response = await handle_error(request, error)
        else:
            response = Response(body, route.status_code or 200, media_type="application/json")
            response.raw_headers += additions.raw_headers
        await response(scope, receive, send)

    return route.settling(answer)


def _call_of(dependant: Dependant) -> _Call:
    """Return a function that calls the dependencies and then the function itself.

    Raises:
        TypeError: as `DirectRoutes`.
    """
    function = dependant.call
    unknown = {field.name for field in fields(dependant) if getattr(dependant, field.name)} - _KNOWN
    if function is None or not iscoroutinefunction(function) or unknown:
        raise TypeError(f"{function} needs FastAPI: it is not a coroutine function, or has {unknown}")
    dependencies = [(each.name, _call_of(each)) for each in dependant.dependencies]
    request_name, response_name = dependant.request_param_name, dependant.response_param_name

    async def call(request: Request, response: Response) -> Any:
        values: dict[Any, Any] = {name: await dependency(request, response) for name, dependency in dependencies}
        values.pop(None, None)  # a dependency that is called, but not passed on
        if request_name is not None:
            values[request_name] = request
        if response_name is not None:
            values[response_name] = response
        return await function(**values)

    return call
