"""Opens the session of a user who has proved to be that user."""

from dataclasses import dataclass, field

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import JwtapiError
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.sessions.service import SessionService, TokenPair
from jwtapi.sign_in.errors import InvalidCredentials
from jwtapi.sign_in.events import LOGIN_FAILED, LOGIN_SUCCEEDED
from jwtapi.sign_in.proof import FurtherFactor, Proof
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class SignedIn:
    tokens: TokenPair
    device_token: str = field(repr=False)
    """The browser sends it at its next login; see security/device_tokens.py."""


class SignIn:
    def __init__(
        self,
        database: Database,
        sessions: SessionService,
        device_tokens: DeviceTokens,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._device_tokens = device_tokens
        self._metrics = metrics
        self._clock = clock
        self._further_factors: list[FurtherFactor] = []

    def add_further_factor(self, factor: FurtherFactor) -> None:
        """Ask `factor` each time before a session opens. A feature calls this where it makes its services."""
        self._further_factors.append(factor)

    async def proceed(self, proof: Proof, caller: Caller) -> SignedIn:
        """Open a session, if the proof still holds and is enough.

        Raises:
            InvalidCredentials: the user has been disabled or deleted since the proof, or the proof no longer holds.
            JwtapiError: a further factor is required.
        """
        while True:
            async with self._database.write() as uow:
                user = await self._enabled_user(uow, proof, caller)
                outcome = await self._open(uow, user, proof, caller) if user is not None else None
            if user is None:
                self._metrics.count_login(LoginOutcome.FAILED)
                raise InvalidCredentials
            if isinstance(outcome, JwtapiError):
                raise outcome
            if outcome is not None:
                return await self._signed_in(outcome, proof)
            # The user has another password now, or the same one with a renewed hash.
            proof = await proof.renewed(user)

    async def _enabled_user(self, uow: UnitOfWork, proof: Proof, caller: Caller) -> User | None:
        # Lock the user: a command that disables the user waits for this block, and then also ends the new session.
        user = await uow.users.get_for_update(proof.user_id)
        if user is not None and user.disabled_at is None:
            return user
        await audit.record(uow, LOGIN_FAILED, at=self._clock(), caller=caller, user_id=proof.user_id)
        return None

    async def _open(
        self, uow: UnitOfWork, user: User, proof: Proof, caller: Caller
    ) -> SessionOfUser | JwtapiError | None:
        """Open a session. Return None if the proof no longer holds, and an error if a further factor is required."""
        accepted = await proof.accept(uow, user)
        if accepted is None:
            return None
        for factor in self._further_factors:
            if (refusal := await factor.refusal(uow, accepted, proof)) is not None:
                return refusal
        session = await self._sessions.open(uow, accepted, caller, amr=proof.methods, auth_time=proof.proved_at)
        await audit.record(
            uow, LOGIN_SUCCEEDED, at=session.created_at, caller=caller, user_id=accepted.id, session_ids=(session.id,)
        )
        return SessionOfUser(session, accepted)

    async def _signed_in(self, opened: SessionOfUser, proof: Proof) -> SignedIn:
        """Make the tokens after the commit, so that none exists for a session that was rolled back."""
        self._metrics.count_login(LoginOutcome.SUCCEEDED)
        await proof.session_opened()
        return SignedIn(
            tokens=self._sessions.issue(opened.session, opened.user),
            device_token=self._device_tokens.issue(opened.user.id, opened.user.password_hash, self._clock()),
        )
