"""slowapi declares the limits on addresses and checks requests against them; `rate_limiting` counts.

slowapi calls its storage synchronously, but ours are asynchronous. So a request is counted first, and slowapi's storage
holds the result for the check that follows. Nothing is awaited in between, so no other request interferes.
"""

import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import slowapi
from fastapi import Request
from limits.storage import MovingWindowSupport, Storage

import jwtapi
from jwtapi.rate_limiting.limiter import Standing
from jwtapi.rate_limiting.limits import Limit
from jwtapi.web.client_network import network_of

_SCHEME = "counted"

_EMPTY_FILE = Path(jwtapi.__file__).with_name("py.typed")
"""slowapi reads this instead of `.env`, which may have secrets, or have been changed since the server was started."""


class SlowapiLimits:
    def __init__(self) -> None:
        self._limiter = _Limiter()
        self._checks: dict[Limit, Callable[[Request], None]] = {}

    def check(self, request: Request, standing: Standing) -> None:
        """Check a request that was counted.

        Raises:
            RateLimitExceeded: it was not admitted.
        """
        check = self._checks.get(standing.limit)
        if check is None:
            check = self._checks[standing.limit] = self._declare(standing)
        storage = self._limiter.limiter.storage
        assert isinstance(storage, _CountedAttempts)  # noqa: S101  or slowapi has changed
        storage.admitted = {standing.window: standing.admitted}
        # slowapi marks the request's state and checks a marked request no further. An endpoint may have two limits.
        check(Request({**request.scope, "state": {}}))
        if storage.admitted:  # not an assertion: Python skips those with -O, and the request would be admitted
            raise RuntimeError("slowapi did not check the limit")

    def _declare(self, standing: Standing) -> Callable[[Request], None]:
        def admitted(request: Request) -> None:
            """Called by slowapi if the limit is not exceeded."""

        admitted.__name__ = standing.limit.name  # slowapi finds a function's limits by its name
        declare = self._limiter.shared_limit(str(standing.item), scope=standing.limit.name)
        check: Callable[[Request], None] = declare(admitted)
        return check


def _network_of(request: Request) -> str:
    return network_of(request)


# slowapi looks at the signature for each request. Without this attribute Python would build it each time.
vars(_network_of)["__signature__"] = inspect.signature(_network_of)


class _Limiter(slowapi.Limiter):
    def __init__(self) -> None:
        super().__init__(
            key_func=_network_of,
            storage_uri=f"{_SCHEME}://",
            storage_options={},
            strategy="moving-window",
            key_style="endpoint",
            config_filename=str(_EMPTY_FILE),
        )
        # RateLimiter logs an address once. slowapi warns of each refused request, and reports an unusable limit as an
        # error.
        self.logger.setLevel(logging.ERROR)

    def get_app_config(self, key: str, default_value: Any = None) -> Any:  # noqa: ARG002
        """Ignore the environment: slowapi would read RATELIMIT_ENABLED there and check nothing."""
        return default_value


class _CountedAttempts(Storage, MovingWindowSupport):
    """A storage of the `limits` library, for slowapi. It holds results of attempts that were counted elsewhere."""

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012  the library does not declare it a class variable

    def __init__(self, uri: str | None = None) -> None:
        super().__init__(uri)
        self.admitted: dict[str, bool] = {}
        """By window: whether the attempt that was just counted was admitted."""

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:  # noqa: ARG002
        """Raises KeyError if slowapi checks another window than the one that was counted."""
        return self.admitted.pop(key)

    def _unsupported(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError("this storage only answers acquire_entry")

    get_moving_window = incr = get = get_expiry = check = reset = clear = _unsupported

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()
