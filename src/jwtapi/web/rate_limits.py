"""How often an address may try, and how often an account may be tried."""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import limits
import structlog
from fastapi import Request

from jwtapi.errors import StorageUnavailable, TooManyLogins, TooManyRegistrations, TooManyRequests
from jwtapi.rate_limiting.windows import Hit, Windows
from jwtapi.settings import Settings

_MAX_REMEMBERED = 10_000

_SPARED_SECONDS = 1
"""How long an address is refused unseen where a success is given back: another process may be about to."""

_IN_FLIGHT_SECONDS = 2
"""When to come back while logins are checked that may yet give their count back."""

_STANDINGS = "jwtapi.standings"
"""Where a request's ASGI scope has them."""

log = structlog.get_logger()


class Scope(StrEnum):
    """What is counted together."""

    LOGIN = "login"
    REGISTER = "register"
    REFRESH = "refresh"


_REFUSALS: Mapping[Scope, type[TooManyRequests]] = {
    Scope.LOGIN: TooManyLogins,
    Scope.REGISTER: TooManyRegistrations,
    Scope.REFRESH: TooManyRequests,
}


@dataclass(slots=True)
class Standing:
    """Where an address stands in one limit after a request."""

    scope: Scope
    key: str
    remaining: int
    wait: float
    """Seconds until one more is let in."""
    hit: Hit | None
    """None: it was refused, or is settled."""


class _Refusal(NamedTuple):
    """What an address was told; all times are those of `time.monotonic`."""

    look_again_at: float
    come_back_at: float


class RateLimits:
    def __init__(self, settings: Settings, windows: Windows) -> None:
        self._enabled = settings.rate_limit_enabled
        self._windows = windows
        self._account_limit = limits.parse(settings.account_rate_limit)
        self._limits = {
            Scope.LOGIN: limits.parse(settings.login_rate_limit),
            Scope.REGISTER: limits.parse(settings.register_rate_limit or settings.login_rate_limit),
            Scope.REFRESH: limits.parse(settings.refresh_rate_limit),
        }
        self._spared = {Scope.LOGIN} if settings.login_rate_limit_spares_success else set()
        self._in_flight: Counter[str] = Counter()
        self._refusals: dict[str, _Refusal] = {}

    async def admit(self, scope: Scope, request: Request) -> None:
        """Count a request of this address, until `settle` says that it shall not count.

        Raises:
            TooManyRequests: the limit is used up.
            StorageUnavailable
        """
        if not self._enabled:
            return
        address = _network_of(request)
        key = f"{scope}:{address}"
        # Whoever goes on trying meanwhile costs no look at what is counted.
        wait = self._known_wait(key)
        if wait is None:
            hit = await self._windows.hit(self._limits[scope], key)
            if hit.admitted:
                _standings(request.scope).append(Standing(scope, key, hit.remaining, hit.wait, hit))
                self._in_flight[key] += 1
                self._refusals.pop(key, None)
                return
            if key not in self._refusals:
                log.warning("address over its limit", scope=scope, address=address)
            wait = self._remember_refusal(scope, key, hit.wait)
        _standings(request.scope).append(Standing(scope, key, 0, wait, None))
        raise _REFUSALS[scope](retry_after=_seconds(wait))

    def _known_wait(self, key: str) -> float | None:
        """How long an address has to wait, in seconds, if it is to be told so without another look."""
        now = time.monotonic()
        refusal = self._refusals.get(key)
        return refusal.come_back_at - now if refusal is not None and now < refusal.look_again_at else None

    def _remember_refusal(self, scope: Scope, key: str, wait: float) -> float:
        """Return what to tell the address."""
        known_for = wait
        if scope in self._spared:
            known_for = min(wait, _SPARED_SECONDS)
            if self._in_flight[key] > 0:
                wait = min(wait, _IN_FLIGHT_SECONDS)
        if len(self._refusals) >= _MAX_REMEMBERED:
            self._refusals.clear()
        now = time.monotonic()
        self._refusals[key] = _Refusal(look_again_at=now + known_for, come_back_at=now + wait)
        return wait

    async def settle(self, request_scope: Mapping[str, Any], *, succeeded: bool) -> None:
        """Give a request's counts back if it succeeded and its limit spares success. The second time does nothing.

        What cannot be given back now counts until its time is over; nobody is refused for it.
        """
        for standing in request_scope.get(_STANDINGS, ()):
            hit, standing.hit = standing.hit, None
            if hit is None:
                continue
            try:
                if succeeded and standing.scope in self._spared:
                    with suppress(StorageUnavailable):
                        await self._windows.take_back(hit)
                        standing.remaining += 1
                        self._refusals.pop(standing.key, None)
            finally:
                self._in_flight[standing.key] -= 1
                if self._in_flight[standing.key] <= 0:
                    del self._in_flight[standing.key]

    def headers(self, request_scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-11.

        Of the limits on the address alone: one on an account would tell strangers of others' logins.
        """
        standings: list[Standing] = request_scope.get(_STANDINGS, [])
        if not standings:
            return []
        policies = (
            f'"{standing.scope}";q={limit.amount};w={limit.get_expiry()}'
            for standing in standings
            for limit in (self._limits[standing.scope],)
        )
        present = (f'"{standing.scope}";r={standing.remaining};t={_seconds(standing.wait)}' for standing in standings)
        return [
            (b"ratelimit-policy", ", ".join(policies).encode()),
            (b"ratelimit", ", ".join(present).encode()),
        ]

    async def admit_account(self, key: str) -> None:
        """Count an attempt on an account as failed, until `forget_account` says otherwise.

        Raises:
            TooManyLogins: the limit is used up.
            StorageUnavailable
        """
        if self._enabled:
            hit = await self._windows.hit(self._account_limit, f"account:{key}")
            if not hit.admitted:
                raise TooManyLogins(retry_after=_seconds(hit.wait))

    async def forget_account(self, key: str) -> None:
        """Forget the failures: somebody knew the password. If that cannot be done now, they go on counting."""
        if self._enabled:
            with suppress(StorageUnavailable):
                await self._windows.clear(self._account_limit, f"account:{key}")


def _standings(request_scope: Any) -> list[Standing]:
    standings: list[Standing] = request_scope.setdefault(_STANDINGS, [])
    return standings


def _seconds(wait: float) -> int:
    return max(1, math.ceil(wait))


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
