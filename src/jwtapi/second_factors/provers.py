"""What a kind of second factor does. A feature gives each to `SecondFactors.add`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jwtapi.caller import Caller
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.sign_in.proof import AuthenticationMethod
from jwtapi.storage.login_tickets import LoginTicket
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class FactorAnswer:
    """What a client sends with its ticket."""

    method: FactorMethod
    code: str | None = field(default=None, repr=False)
    credential: Mapping[str, Any] | None = field(default=None, repr=False)
    """AuthenticationResponseJSON (WebAuthn §5.1)."""


class FactorProof(ABC):
    """The answer was right when it was judged."""

    methods: Sequence[AuthenticationMethod]
    """What it adds to `amr`."""

    recovery_codes: Sequence[str] = ()
    """New ones, if the answer has set up the first second factor."""

    @abstractmethod
    def accept(self, uow: UnitOfWork, user: User) -> bool:
        """Consume the answer, in the transaction that opens the session. The row of the user is locked.

        Return False if another request has consumed it, or if the factor is gone.
        """


class FactorProver(ABC):
    method: FactorMethod

    @abstractmethod
    def is_possible(self, uow: UnitOfWork, user: User) -> bool:
        """Return whether the user can answer with this method now."""

    @abstractmethod
    async def judge(self, user: User, ticket: LoginTicket, answer: FactorAnswer, caller: Caller) -> FactorProof | None:
        """Judge an answer that was counted. None: it is wrong. It holds no transaction open while it computes.

        Raises:
            StorageUnavailable
        """
