"""Asks for second factors, and judges the answers."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import JwtapiError, TooManyRequests
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors import tickets
from jwtapi.second_factors.devices import DeviceToRemember
from jwtapi.second_factors.errors import MfaEnrolmentRequired, MfaRequired, SecondFactorInvalid, TicketInvalid
from jwtapi.second_factors.limits import SECOND_FACTORS
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.proof import CompletedProof
from jwtapi.second_factors.provers import FactorAnswer, FactorProver
from jwtapi.second_factors.settings import MfaRequirement, MfaSettings
from jwtapi.settings import Settings
from jwtapi.sign_in.events import LOGIN_FAILED
from jwtapi.sign_in.limits import FAILED_LOGINS
from jwtapi.sign_in.proof import AuthenticationMethod, FurtherFactor, Proof, Wanted
from jwtapi.storage.database import Database
from jwtapi.storage.login_tickets import LoginTicket, LoginTicketRepository
from jwtapi.storage.remembered_devices import RememberedDeviceRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.administrators import ADMIN


class SecondFactors(FurtherFactor):
    def __init__(
        self, settings: Settings, database: Database, limiter: RateLimiter, metrics: Metrics, clock: Clock
    ) -> None:
        wanted = settings.of(MfaSettings)
        self._required = wanted.mfa_required
        self._grace = timedelta(seconds=wanted.mfa_grace)
        self.remember_seconds = wanted.mfa_remember_device
        """How long a device is remembered. 0: no device is."""
        self._database = database
        self._limiter = limiter
        self._metrics = metrics
        self._clock = clock
        self._provers: dict[FactorMethod, FactorProver] = {}

    def add(self, prover: FactorProver) -> None:
        """Offer a method. A feature calls this where it makes its services."""
        self._provers[prover.method] = prover

    def is_required_of(self, user: User) -> bool:
        """Return whether MFA_REQUIRED asks this user for a second factor."""
        return self._required is MfaRequirement.ALL or (self._required is MfaRequirement.ADMINS and ADMIN in user.roles)

    def methods_of(self, uow: UnitOfWork, user: User) -> list[FactorMethod]:
        """Return what the user can answer with."""
        return [prover.method for prover in self._provers.values() if prover.is_possible(uow, user)]

    def concerns(self, user: User, proof: Proof) -> bool:
        if AuthenticationMethod.MULTIPLE in proof.methods:
            return False
        return user.second_factor_since is not None or self.is_required_of(user)

    def refusal(self, uow: UnitOfWork, user: User, proof: Proof, wanted: Wanted) -> JwtapiError | None:
        if not self.concerns(user, proof):
            return None
        if user.second_factor_since is None:
            # A user who is signed in sets up a factor in the session.
            return self._enrolment(uow, user, proof, wanted) if wanted.session_id is None else None
        now = self._clock()
        remembered = [tickets.hash_of(token) for token in proof.remembered_devices]
        if (
            self.remember_seconds
            and remembered
            and RememberedDeviceRepository(uow.connection).knows(remembered, user.id, tickets.state_of(user), now)
        ):
            return None
        return MfaRequired(self._ticket(uow, user, proof, wanted), self.methods_of(uow, user))

    def _enrolment(self, uow: UnitOfWork, user: User, proof: Proof, wanted: Wanted) -> JwtapiError | None:
        """The grace begins with the first sign-in that asks, so that nobody who was away finds it over."""
        now, due = self._clock(), user.second_factor_due_at
        if due is None:
            due = now + self._grace
            uow.users.set_second_factor_due(user.id, due)
        if now < due:
            return None
        return MfaEnrolmentRequired(self._ticket(uow, user, proof, wanted, enrols=True), [FactorMethod.TOTP])

    def _ticket(self, uow: UnitOfWork, user: User, proof: Proof, wanted: Wanted, *, enrols: bool = False) -> str:
        text, token_hash = tickets.new_token()
        ticket = LoginTicket(
            token_hash=token_hash,
            user_id=user.id,
            user_state=tickets.state_of(user),
            amr=list(proof.methods),
            proved_at=proof.proved_at,
            # Strangers must not be able to use up what a signed-in user needs.
            bucket=proof.bucket or f"signed in:{user.id}",
            client_id=wanted.client_id,
            session_id=wanted.session_id,
            enrols=enrols,
            expires_at=tickets.expiry(self._clock()),
        )
        LoginTicketRepository(uow.connection).add(ticket)
        return text

    async def find(self, ticket: str) -> tuple[LoginTicket, User]:
        """Return a ticket that is valid now, without counting a try, and its user.

        Raises:
            TicketInvalid
        """
        token_hash = tickets.hash_of(ticket)

        def find(uow: UnitOfWork) -> tuple[LoginTicket, User] | None:
            found = LoginTicketRepository(uow.connection).get(token_hash, self._clock())
            user = uow.users.get(found.user_id) if found is not None else None
            return (found, user) if found is not None and user is not None and _holds(found, user) else None

        valid = await self._database.read(find)
        if valid is None:
            raise TicketInvalid
        return valid

    async def prove(
        self,
        ticket: str,
        answer: FactorAnswer,
        caller: Caller,
        wanted: Wanted = Wanted(),  # noqa: B008  immutable
        *,
        remember: bool = False,
    ) -> CompletedProof:
        """Count and judge an answer. `SignIn.proceed` or `SignIn.reauthenticate` takes the proof.

        A ticket opens only what it was made for. With `remember`, the device is remembered when the session opens,
        unless MFA_REMEMBER_DEVICE is 0.

        Raises:
            TicketInvalid: the ticket is unknown, expired, used, used up or void.
            SecondFactorInvalid: the answer is wrong. The failure was counted and recorded.
            TooManyRequests: too many attempts on this account failed.
        """
        token_hash = tickets.hash_of(ticket)

        def claim(uow: UnitOfWork) -> tuple[LoginTicket, User] | None:
            # Committed before the answer is judged, so that guesses in parallel do not share a try.
            claimed = LoginTicketRepository(uow.connection).claim_try(token_hash, self._clock())
            user = uow.users.get(claimed.user_id) if claimed is not None else None
            return (claimed, user) if claimed is not None and user is not None and _holds(claimed, user) else None

        claimed = await self._database.write(claim, autocommit=True)
        if claimed is None:
            raise TicketInvalid
        found, user = claimed
        if Wanted(found.client_id, found.session_id) != wanted:
            raise TicketInvalid
        try:
            await self._limiter.spend(FAILED_LOGINS, found.bucket)
            # A device cookie gives no more tries than there are without one.
            await self._limiter.spend(SECOND_FACTORS, str(user.id))
        except TooManyRequests:
            self._metrics.count_login(LoginOutcome.THROTTLED)
            raise
        prover = self._provers.get(answer.method)
        factor = await prover.judge(user, found, answer, caller) if prover is not None else None
        record_failure = partial(self._record_failure, user, caller)
        if factor is None:
            await record_failure()
            raise SecondFactorInvalid
        return CompletedProof(
            ticket=found,
            factor=factor,
            user=user,
            proved_at=self._clock(),
            limiter=self._limiter,
            record_failure=record_failure,
            device=self._device(caller) if remember else None,
        )

    async def _record_failure(self, user: User, caller: Caller) -> None:
        failure = audit.event(LOGIN_FAILED, at=self._clock(), caller=caller, user_id=user.id)
        await self._database.write(lambda uow: uow.events.add(failure), autocommit=True)
        self._metrics.count_login(LoginOutcome.FAILED)

    def _device(self, caller: Caller) -> DeviceToRemember | None:
        if not self.remember_seconds:
            return None
        now = self._clock()
        return DeviceToRemember(tickets.new_token().text, caller, now, now + timedelta(seconds=self.remember_seconds))

    def prune(self, uow: UnitOfWork, limit: int) -> int:
        return LoginTicketRepository(uow.connection).prune(self._clock(), limit=limit)

    def prune_devices(self, uow: UnitOfWork, limit: int) -> int:
        return RememberedDeviceRepository(uow.connection).prune(self._clock(), limit=limit)

    @property
    def offered(self) -> Sequence[FactorMethod]:
        """The methods that this server offers."""
        return tuple(self._provers)


def _holds(ticket: LoginTicket, user: User) -> bool:
    return user.may_sign_in and ticket.user_state == tickets.state_of(user)
