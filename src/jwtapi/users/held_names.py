"""Holds back the names of users who have deleted their accounts, so that nobody can pose as them."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

from jwtapi.clock import Clock
from jwtapi.security.name_macs import NameMacs
from jwtapi.storage.held_names import HeldName
from jwtapi.storage.unit_of_work import UnitOfWork

HELD = timedelta(days=30)


class HeldNames:
    def __init__(self, macs: NameMacs, clock: Clock) -> None:
        self._macs = macs
        self._clock = clock

    def is_held(self, uow: UnitOfWork, canonical_name: str) -> bool:
        return uow.held_names.is_held(self._macs.all(canonical_name), self._clock())

    def held_among(self, uow: UnitOfWork, canonical_names: Iterable[str]) -> set[str]:
        """Return those of the names that are held, by one statement."""
        names = {mac: name for name in canonical_names for mac in self._macs.all(name)}
        return {names[mac] for mac in uow.held_names.held_among(names, self._clock())} if names else set()

    def is_free(self, uow: UnitOfWork, canonical_name: str) -> bool:
        """Return whether a new user could have the name.

        Both are always looked up, so that the work does not show which one it is. The order matters: if the name is
        given back meanwhile, one of the two statements sees it.
        """
        is_taken = uow.users.by_name(canonical_name) is not None
        is_held = self.is_held(uow, canonical_name)
        return not is_taken and not is_held

    def hold(self, uow: UnitOfWork, canonical_name: str) -> None:
        """Hold the name back from now on."""
        uow.held_names.add(HeldName(uuid4(), self._macs.new(canonical_name), self._clock() + HELD))
