"""Limits on addresses: which endpoints have one, how a request is admitted, and the headers of its response."""

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

from fastapi import Request
from slowapi.errors import RateLimitExceeded

from jwtapi.rate_limiting.limiter import RateLimiter, Standing
from jwtapi.rate_limiting.limits import Limit
from jwtapi.web.client_network import network_of
from jwtapi.web.slowapi_limits import SlowapiLimits

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_LIMIT = "jwtapi_limit"
"""The attribute of an endpoint that has its limit."""

_STANDINGS = "jwtapi.standings"
"""The key of a request's standings in its ASGI scope."""


def rate_limited(limit: Limit) -> Callable[[Endpoint], Endpoint]:
    """Count requests to an endpoint by address. Endpoints with the same limit share its windows.

    `StrictRoute` counts, before it reads the body. An endpoint that must read the body first calls
    `AddressLimiter.admit` instead.
    """

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _LIMIT, limit)
        return endpoint

    return declare


def limit_of(endpoint: Callable[..., Any]) -> Limit | None:
    limit: Limit | None = getattr(endpoint, _LIMIT, None)
    return limit


class AddressLimiter:
    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._slowapi = SlowapiLimits()

    async def admit(self, limit: Limit, request: Request) -> None:
        """Count a request of this address. `settle` may release it.

        Raises:
            TooManyRequests: the limit's own error.
            StorageUnavailable
        """
        if not self._limiter.enabled:
            return
        standing = await self._limiter.acquire(limit, network_of(request))
        request.scope.setdefault(_STANDINGS, []).append(standing)
        try:
            self._slowapi.check(request, standing)
        except RateLimitExceeded:
            raise limit.error(retry_after=standing.retry_after) from None

    async def settle(self, scope: MutableMapping[str, Any], *, succeeded: bool) -> None:
        """Settle all that was counted of a request. Idempotent."""
        for standing in _standings(scope):
            await self._limiter.settle(standing, succeeded=succeeded)


def rate_limit_headers(scope: MutableMapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-11.

    They cover only the limits on the address. A limit on an account would show other people how often its owner signs
    in.
    """
    standings = _standings(scope)
    if not standings:
        return []
    policies = [f'"{each.limit.name}";q={each.item.amount};w={each.item.get_expiry()}' for each in standings]
    states = [f'"{each.limit.name}";r={each.remaining};t={each.retry_after}' for each in standings]
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]


def _standings(scope: MutableMapping[str, Any]) -> list[Standing]:
    standings: list[Standing] = scope.get(_STANDINGS, [])
    return standings
