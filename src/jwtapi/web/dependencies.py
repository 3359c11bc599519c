"""The dependencies that any endpoint may have."""

from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.types import Scope

from jwtapi.access_log import client_address
from jwtapi.caller import MAX_USER_AGENT, Caller
from jwtapi.clock import Clock
from jwtapi.languages import best_language
from jwtapi.log_fields import request_id
from jwtapi.services import Services
from jwtapi.web.rate_limits import AddressLimiter


def services_of(scope: Scope) -> Services:
    """The services of the app that answers the request of this ASGI scope."""
    services: Services = scope["app"].state.services
    return services


@cache
def provider(kind: type[Any]) -> Any:
    """Return the dependency that provides the service of a class. It is a key of `app.dependency_overrides`."""

    async def provide(request: Request) -> Any:
        return services_of(request.scope)[kind]

    return provide


def provided(kind: type[Any]) -> Any:
    """Use for a parameter that is a service: `notes: Annotated[NoteService, provided(NoteService)]`."""  # noqa: D402
    return Depends(provider(kind))  # type: ignore[arg-type]  # a class is hashable


async def get_caller(request: Request) -> Caller:
    user_agent = request.headers.get("user-agent", "")[:MAX_USER_AGENT]
    if not user_agent.isprintable():
        user_agent = "".join(filter(str.isprintable, user_agent))
    return Caller(
        address=client_address(request.scope),
        request_id=request_id.get(),
        user_agent=user_agent or None,
        key_id=getattr(request.state, "key_id", None),  # the guard of an endpoint comes first
        language=best_language(request.headers.get("accept-language", "")),
    )


async def get_clock(request: Request) -> Clock:
    return services_of(request.scope).clock


AddressLimiterDep = Annotated[AddressLimiter, provided(AddressLimiter)]
ClockDep = Annotated[Clock, Depends(get_clock)]
CallerDep = Annotated[Caller, Depends(get_caller)]
