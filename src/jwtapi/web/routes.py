"""The route class of every router: limits come first, then the body, strictly, then the endpoint.

FastAPI reads the body before it calls dependencies or decorated endpoints, so a limit there would not count the
requests whose body is malformed.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute

from jwtapi import strict_json
from jwtapi.errors import InvalidInput, UnsupportedMediaType
from jwtapi.web.rate_limits import RateLimits, Scope

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_SCOPE = "jwtapi_rate_limit"


class InvalidJson(InvalidInput):
    code = "invalid_json"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The body is not valid JSON: {reason}")


def limited_as(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Count the requests to an endpoint, by address, in the given scope. Endpoints of one scope share its limit."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SCOPE, scope)
        return endpoint

    return mark


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        scope: Scope | None = getattr(self.endpoint, _SCOPE, None)
        takes_json = self.body_field is not None

        async def handle(request: Request) -> Response:
            if scope is not None:
                limits: RateLimits = request.app.state.rate_limits
                await limits.admit(scope, request)
            if takes_json:
                request = _JsonRequest(request.scope, request.receive)
                await request.parse()
            return await answer(request)

        return handle


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
