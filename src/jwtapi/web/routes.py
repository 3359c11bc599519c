"""The route class of every router. It checks the origin, then the limit, then the body; then it calls the endpoint.

FastAPI reads the body before it calls dependencies or decorated endpoints. A limit there would not count requests with
a malformed body. The origin comes first because requests that pages of other origins send must not count: any page
could use up the limits of its visitors.

This file leans on FastAPI's `APIRoute`: `get_route_handler` is documented, but a comment in FastAPI announces its end.
`body_field`, and that every answer passes through `handle`, are not documented.
"""

from collections.abc import Callable, Coroutine
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi import strict_json
from jwtapi.errors import InvalidInput, NotFound, UnsupportedMediaType
from jwtapi.rate_limiting.limits import Limit
from jwtapi.web.dependencies import services_of
from jwtapi.web.origins import refuse_other_origins
from jwtapi.web.rate_limits import AddressLimiter, limit_of, rate_limit_headers

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: requests with these methods change nothing."""


class InvalidJson(InvalidInput):
    code = "invalid_json"
    meaning = "the body is not strict JSON (RFC 8259): syntax, UTF-8, duplicate names, NaN, depth"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The body is not valid JSON: {reason}")


class StrictRoute(APIRoute):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.settling(super().handle)(scope, receive, send)

    def settling(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with its limits settled after the response, errors included, and their headers added to it."""
        if self._changes_nothing:
            return app

        async def settled(scope: Scope, receive: Receive, send: Send) -> None:
            limiter = services_of(scope)[AddressLimiter]

            async def settle_and_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await limiter.settle(scope, succeeded=message["status"] < HTTPStatus.BAD_REQUEST)
                    message["headers"] = [*message["headers"], *rate_limit_headers(scope)]
                await send(message)

            try:
                await app(scope, receive, settle_and_send)
            finally:
                await limiter.settle(scope, succeeded=False)

        return settled

    async def admit(self, request: Request) -> None:
        """Check the origin, then the limit.

        Raises:
            CrossOriginRefused, TooManyRequests, StorageUnavailable
        """
        if not self._changes_nothing:
            refuse_other_origins(request)
        if self._limit is not None:
            await services_of(request.scope)[AddressLimiter].admit(self._limit, request)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        takes_json = self.body_field is not None

        async def handle(request: Request) -> Response:
            await self.admit(request)
            if takes_json:
                request = _JsonRequest(request.scope, request.receive)
                await request.parse()
            return await answer(request)

        return handle

    @cached_property
    def _limit(self) -> Limit | None:
        return limit_of(self.endpoint)

    @cached_property
    def _changes_nothing(self) -> bool:
        return _SAFE_METHODS.issuperset(self.methods or ())


class _JsonRequest(Request):
    _value: Any = None

    async def parse(self) -> None:
        """Raises: InvalidJson, UnsupportedMediaType."""
        if self.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType("Content-Encoding is not accepted")
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


def parse_id(text: str) -> UUID:
    """Return the id in a path. Raise NotFound for text that is the id of nothing."""
    try:
        parsed = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(parsed) != text.lower():  # Python also accepts other spellings
        raise NotFound
    return parsed


PathId = Annotated[UUID, BeforeValidator(parse_id)]
"""An id in a path. A malformed one gets the same answer as that of nobody. FastAPI would answer another error."""
