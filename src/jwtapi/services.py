"""The services of a process: one instance of each class, found by its class."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar, cast

from jwtapi.clock import Clock
from jwtapi.settings import Settings

T = TypeVar("T")


class Services:
    """What `jwtapi.composition` makes, for the app, the command line, the background tasks and the tests.

    `services[SessionService]` is the instance; a constructor never takes `Services`, but what it uses.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self._instances: dict[type, Any] = {}
        self._closing = AsyncExitStack()

    def add(self, *instances: object) -> None:
        """Keep each instance under its class.

        Raises:
            ValueError: there is one of this class.
        """
        for instance in instances:
            if type(instance) in self._instances:
                raise ValueError(f"There are two services of the class {type(instance).__name__}")
            self._instances[type(instance)] = instance

    def __getitem__(self, kind: type[T]) -> T:
        """Return the instance of a class.

        Raises:
            KeyError: there is none.
        """
        return cast("T", self._instances[kind])

    def on_close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Await `close` when the services are closed; the last one comes first."""
        self._closing.push_async_callback(close)

    async def close(self) -> None:
        """Close what the services have opened."""
        await self._closing.aclose()
