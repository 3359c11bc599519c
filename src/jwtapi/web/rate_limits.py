"""How often an address may try, and how often an account may be tried."""

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import limits
from fastapi import Request
from limits.strategies import RateLimiter
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded

from jwtapi.errors import TooManyRequests
from jwtapi.settings import Settings

REFRESH_LIMIT = "1000/15 minutes"
"""From one address. A session needs one refresh in 15 minutes; an office behind one address has many sessions."""

_ACCOUNT = "account"


class Scope(StrEnum):
    """What is counted together."""

    LOGIN = "login"
    REGISTER = "register"
    REFRESH = "refresh"


class _Gate(NamedTuple):
    limit: limits.RateLimitItem
    check: Callable[..., None]


class RateLimits:
    """Moving windows: at no moment have there been more attempts within the time before it than the limit allows."""

    def __init__(self, settings: Settings) -> None:
        uri = settings.rate_limit_storage_uri.get_secret_value()
        self._is_remote = not uri.startswith("memory:")
        self._enabled = settings.rate_limit_enabled
        options: dict[str, Any] = {"socket_timeout": 1, "socket_connect_timeout": 1} if self._is_remote else {}
        self._limiter = Limiter(
            key_func=_network_of,
            strategy="moving-window",
            storage_uri=uri,
            storage_options=options,
            in_memory_fallback_enabled=self._is_remote,
            enabled=self._enabled,
        )
        login = settings.login_rate_limit
        self._account_limit = limits.parse(login)
        self._gates = {
            Scope.LOGIN: self._gate(Scope.LOGIN, login),
            Scope.REGISTER: self._gate(Scope.REGISTER, login),
            Scope.REFRESH: self._gate(Scope.REFRESH, REFRESH_LIMIT),
        }

    async def admit(self, scope: Scope, request: Request) -> None:
        """Count a request of this address.

        Raises:
            TooManyRequests: the limit is used up.
        """
        gate = self._gates[scope]
        # slowapi checks a request once; one may count in two scopes.
        request.state._rate_limiting_complete = False  # noqa: SLF001  slowapi has no other way to say so
        try:
            await self._call(gate.check, request=request)
        except RateLimitExceeded:
            raise await self._refusal(gate.limit, _network_of(request), scope) from None

    async def admit_account(self, key: str) -> None:
        """Count an attempt on an account as failed, until `forget_account` says otherwise.

        Raises:
            TooManyRequests: the limit is used up.
        """
        if self._enabled and not await self._call(self._strategy.hit, self._account_limit, _ACCOUNT, key):
            raise await self._refusal(self._account_limit, _ACCOUNT, key)

    async def forget_account(self, key: str) -> None:
        """Forget the failures: somebody knew the password."""
        if self._enabled:
            await self._call(self._strategy.clear, self._account_limit, _ACCOUNT, key)

    def storage_answers(self) -> bool:
        """Ask the storage; over the network this takes up to a second."""
        return bool(self._strategy.storage.check())

    @property
    def _strategy(self) -> RateLimiter:
        return self._limiter.limiter

    def _gate(self, scope: Scope, limit: str) -> _Gate:
        def check(request: Request) -> None:
            """Slowapi's decorator counts, and raises RateLimitExceeded instead of calling this."""

        check.__name__ = scope  # slowapi keeps its limits by the name of what it decorates
        return _Gate(limits.parse(limit), self._limiter.shared_limit(limit, scope=scope)(check))

    async def _refusal(self, limit: limits.RateLimitItem, *key: str) -> TooManyRequests:
        window = await self._call(self._strategy.get_window_stats, limit, *key)
        return TooManyRequests(retry_after=max(1, math.ceil(window.reset_time - time.time())))

    async def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # The storages are synchronous: one that has to be asked over the network must not stop the event loop.
        if self._is_remote:
            return await asyncio.to_thread(function, *args, **kwargs)
        return function(*args, **kwargs)


def _network_of(request: Request) -> str:
    """The address, or for IPv6 its /64: that is what one subscriber gets."""
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
