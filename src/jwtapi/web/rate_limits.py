"""How often an address may try, and how often an account may be tried."""

import ipaddress
import math
import time
from enum import StrEnum

import limits
import structlog
from fastapi import Request

from jwtapi.errors import TooManyRequests
from jwtapi.rate_limiting.windows import Windows
from jwtapi.settings import Settings

REFRESH_LIMIT = "1000/15 minutes"
"""From one address. A session needs one refresh in 15 minutes; an office behind one address has many sessions."""

_MAX_REMEMBERED = 10_000

log = structlog.get_logger()


class Scope(StrEnum):
    """What is counted together."""

    LOGIN = "login"
    REGISTER = "register"
    REFRESH = "refresh"


class RateLimits:
    def __init__(self, settings: Settings, windows: Windows) -> None:
        self._enabled = settings.rate_limit_enabled
        self._windows = windows
        login = limits.parse(settings.login_rate_limit)
        self._account_limit = login
        self._limits = {Scope.LOGIN: login, Scope.REGISTER: login, Scope.REFRESH: limits.parse(REFRESH_LIMIT)}
        self._refused_until: dict[str, float] = {}

    async def admit(self, scope: Scope, request: Request) -> None:
        """Count a request of this address.

        Raises:
            TooManyRequests: the limit is used up.
            StorageUnavailable
        """
        if not self._enabled:
            return
        key = f"{scope}:{_network_of(request)}"
        # Nothing shortens an address's wait, so whoever goes on trying meanwhile costs no look at what is counted.
        wait = self._refused_until.get(key, 0.0) - time.monotonic()
        if wait <= 0:
            refused = await self._windows.hit(self._limits[scope], key)
            if refused is None:
                return
            wait = refused
            log.warning("address over its limit", scope=scope, address=_network_of(request))
            if len(self._refused_until) >= _MAX_REMEMBERED:
                self._refused_until.clear()
            self._refused_until[key] = time.monotonic() + wait
        raise _refusal(wait)

    async def admit_account(self, key: str) -> None:
        """Count an attempt on an account as failed, until `forget_account` says otherwise.

        Raises:
            TooManyRequests: the limit is used up.
            StorageUnavailable
        """
        if self._enabled and (wait := await self._windows.hit(self._account_limit, f"account:{key}")) is not None:
            raise _refusal(wait)

    async def forget_account(self, key: str) -> None:
        """Forget the failures: somebody knew the password."""
        if self._enabled:
            await self._windows.clear(self._account_limit, f"account:{key}")


def _refusal(wait: float) -> TooManyRequests:
    return TooManyRequests(retry_after=max(1, math.ceil(wait)))


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
