"""The proof of a user who has answered with a ticket."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.devices import DeviceToRemember
from jwtapi.second_factors.errors import SecondFactorInvalid, TicketInvalid
from jwtapi.second_factors.limits import SECOND_FACTORS
from jwtapi.second_factors.provers import FactorProof
from jwtapi.second_factors.tickets import state_of
from jwtapi.sign_in.limits import FAILED_LOGINS
from jwtapi.sign_in.passwords import is_of_device
from jwtapi.sign_in.proof import AuthenticationMethod, Proof
from jwtapi.storage.login_tickets import LoginTicket, LoginTicketRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class CompletedProof(Proof):
    """Both proofs were right."""

    refusal = TicketInvalid

    ticket: LoginTicket
    factor: FactorProof
    user: User
    """As stored when the second one was judged."""
    proved_at: datetime
    limiter: RateLimiter = field(repr=False)
    record_failure: Callable[[], Awaitable[None]] = field(repr=False)
    device: DeviceToRemember | None = None
    """The device on which the user wants to be asked for no second factor."""

    @property
    def recovery_codes(self) -> Sequence[str]:
        """New ones, if the user has set up the first second factor."""
        return self.factor.recovery_codes

    @property
    def user_id(self) -> UUID:  # type: ignore[override]  # read-only here
        return self.user.id

    @property
    def methods(self) -> Sequence[AuthenticationMethod]:  # type: ignore[override]  # read-only here
        first = (AuthenticationMethod(method) for method in self.ticket.amr)
        return tuple(dict.fromkeys((*first, *self.factor.methods, AuthenticationMethod.MULTIPLE)))

    @property
    def new_device_of(self) -> User | None:  # type: ignore[override]  # read-only here
        return self.user if not is_of_device(self.ticket.bucket) else None

    def accept(self, uow: UnitOfWork, user: User) -> User | None:
        """Use up the ticket and the answer, unless the user has changed meanwhile.

        What is used up here stays so after a refusal. The ticket comes first: of two right answers to one ticket, the
        second one must cost no recovery code. An answer that another ticket has used costs this ticket.

        Raises:
            TicketInvalid: another answer has used the ticket.
        """
        if self.ticket.user_state != state_of(user):
            return None
        if not LoginTicketRepository(uow.connection).use(self.ticket.token_hash):
            raise TicketInvalid
        if not self.factor.accept(uow, user):
            return None
        changed = uow.users.get(user.id)  # the first factor changes the row
        if self.device is not None and changed is not None:
            # In the state in which the session opens. Later the password might be another one.
            self.device.remember(uow, changed)
        return changed

    async def renewed(self, user: User) -> "CompletedProof":
        await self.record_failure()
        raise TicketInvalid if self.ticket.user_state != state_of(user) else SecondFactorInvalid

    async def session_opened(self) -> None:
        await self.limiter.clear(FAILED_LOGINS, self.ticket.bucket)
        await self.limiter.clear(SECOND_FACTORS, str(self.user.id))
