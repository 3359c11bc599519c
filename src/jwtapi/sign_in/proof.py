"""Proofs: that a caller is a certain user."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol
from uuid import UUID

from jwtapi.errors import JwtapiError
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


class AuthenticationMethod(StrEnum):
    """How a caller proved to be a user: the values of `amr` (RFC 8176)."""

    PASSWORD = "pwd"  # noqa: S105  the RFC's name of a method
    ONE_TIME_PASSWORD = "otp"  # noqa: S105
    """A code of an authenticator app, or a recovery code."""
    HARDWARE_KEY = "hwk"
    """A passkey that cannot leave its authenticator."""
    SOFTWARE_KEY = "swk"
    """A passkey that can be synchronised to other devices."""
    USER_PRESENCE = "user"
    MULTIPLE = "mfa"
    """More than one factor. A passkey counts as two, because the authenticator has verified its user."""


class Proof(ABC):
    """What `prove` returns and `SignIn.proceed` accepts. Passwords have one; passkeys and codes can have one too."""

    user_id: UUID
    methods: Sequence[AuthenticationMethod]
    """`amr` of the session and of its access tokens."""
    proved_at: datetime
    """`auth_time` of the session and of its access tokens."""

    refusal: ClassVar[type[JwtapiError]] = InvalidCredentials
    """What the caller gets if the user has been disabled or deleted since the proof."""

    unchanged_user: User | None = None
    """The user as proved, if nothing else is to be accepted than that the password hash is still the same and the user
    enabled. One statement opens the session then, without `accept`."""

    new_device_of: User | None = None
    """The user, if the owner may get a notice, because no token shows that this device has signed in before."""

    bucket: str | None = None
    """Where the attempt was counted. None: nowhere."""

    remembered_devices: Sequence[str] = ()
    """The cookies of devices on which users asked not to be asked for a second factor."""

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


class Wanted(NamedTuple):
    """What a proof shall open."""

    client_id: UUID | None = None
    """The client that alone will refresh the session."""
    session_id: UUID | None = None
    """The session that gets a new time of sign-in. None: a new session."""


class FurtherFactor(Protocol):
    """Asks for more than one proof, such as a second factor. It is given to `SignIn.add_further_factor`."""

    def concerns(self, user: User, proof: Proof) -> bool:
        """Return whether `refusal` has anything to do. It reads nothing but the user's row and the proof."""

    def refusal(self, uow: UnitOfWork, user: User, proof: Proof, wanted: Wanted) -> JwtapiError | None:
        """Return the error to respond with instead of opening a session, or None if the proof is enough.

        Rows that are written here are committed, such as a ticket for the next step.
        """
