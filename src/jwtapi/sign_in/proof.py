"""Proofs: that a caller is a certain user."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from jwtapi.errors import JwtapiError
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


class AuthenticationMethod(StrEnum):
    """How a caller proved to be a user: the values of `amr` (RFC 8176)."""

    PASSWORD = "pwd"  # noqa: S105  the RFC's name of a method


class Proof(ABC):
    """What `prove` returns and `SignIn.proceed` accepts. Passwords have one; passkeys and codes can have one too."""

    user_id: UUID
    methods: Sequence[AuthenticationMethod]
    """`amr` of the session and of its access tokens."""
    proved_at: datetime
    """`auth_time` of the session and of its access tokens."""

    unchanged_user: User | None = None
    """The user as proved, if nothing else is to be accepted than that the password hash is still the same and the user
    enabled. One statement opens the session then, without `accept`."""

    new_device_of: User | None = None
    """The user, if the owner may get a notice, because no token shows that this device has signed in before."""

    @abstractmethod
    def accept(self, uow: UnitOfWork, user: User) -> User | None:
        """Return the user if the proof still holds, in the transaction that opens the session; else None.

        The row of the user is locked. Here a proof writes what it consumes or renews.
        """

    @abstractmethod
    async def renewed(self, user: User) -> "Proof":
        """Prove it again, for the user as stored now. Called after `accept` returned None.

        Raises:
            InvalidCredentials: the proof no longer holds. The failure has been recorded.
        """

    @abstractmethod
    async def session_opened(self) -> None:
        """Clear the failures that were counted. Called after the session was committed."""


class FurtherFactor(Protocol):
    """Asks for more than one proof, such as a second factor. A feature gives it to `SignIn.add_further_factor`."""

    def refusal(self, uow: UnitOfWork, user: User, proof: Proof) -> JwtapiError | None:
        """Return the error to respond with instead of opening a session, or None if the proof is enough.

        Rows that are written here are committed, such as a ticket for the next step.
        """
