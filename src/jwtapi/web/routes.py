"""The route class of every router: first who sent it, then limits, then the body, strictly, then the endpoint.

FastAPI reads the body before it calls dependencies or decorated endpoints, so a limit there would not count the
requests whose body is malformed. And what a page of another origin sent must not be counted, or any page could use up
its visitors' limits.
"""

from collections.abc import Callable, Coroutine
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message as ASGIMessage
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from jwtapi import strict_json
from jwtapi.errors import InvalidInput, UnsupportedMediaType
from jwtapi.web.dependencies import services_of
from jwtapi.web.origins import refuse_other_origins
from jwtapi.web.rate_limits import RateLimits, Scope

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_SCOPE = "jwtapi_rate_limit"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: they change nothing, whoever sends them."""


class InvalidJson(InvalidInput):
    code = "invalid_json"
    meaning = "the body is not strict JSON (RFC 8259): syntax, UTF-8, duplicate names, NaN, depth"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The body is not valid JSON: {reason}")


def limited_as(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Count the requests to an endpoint, by address, in the given scope. Endpoints of one scope share its limit.

    An endpoint that knows only later whether a request shall count asks `RateLimits.admit` itself.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SCOPE, scope)
        return endpoint

    return mark


class StrictRoute(APIRoute):
    async def handle(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if self._changes_nothing:
            await super().handle(scope, receive, send)
            return
        limits = services_of(scope)[RateLimits]

        async def settle_and_send(message: ASGIMessage) -> None:
            """Every answer passes here, refusals included."""
            if message["type"] == "http.response.start":
                await limits.settle(scope, succeeded=message["status"] < HTTPStatus.BAD_REQUEST)
                message["headers"] = [*message["headers"], *limits.headers(scope)]
            await send(message)

        try:
            await super().handle(scope, receive, settle_and_send)
        finally:
            await limits.settle(scope, succeeded=False)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        scope: Scope | None = getattr(self.endpoint, _SCOPE, None)
        takes_json = self.body_field is not None
        changes_nothing = self._changes_nothing

        async def handle(request: Request) -> Response:
            if not changes_nothing:
                refuse_other_origins(request)
            if scope is not None:
                limits = services_of(request.scope)[RateLimits]
                await limits.admit(scope, request)
            if takes_json:
                request = _JsonRequest(request.scope, request.receive)
                await request.parse()
            return await answer(request)

        return handle

    @cached_property
    def _changes_nothing(self) -> bool:
        return _SAFE_METHODS.issuperset(self.methods or ())


class _JsonRequest(Request):
    _value: Any = None

    async def parse(self) -> None:
        """Raises: InvalidJson, UnsupportedMediaType."""
        if self.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType("Content-Encoding is not taken")
        body = await self.body()
        if not body:
            return
        if not _is_json(self.headers.get("content-type", "")):
            raise UnsupportedMediaType
        try:
            self._value = strict_json.loads(body)
        except ValueError as error:
            raise InvalidJson(str(error)) from None

    async def json(self) -> Any:
        return self._value


def _is_json(content_type: str) -> bool:
    essence = content_type.partition(";")[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
