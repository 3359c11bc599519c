"""Opens the session of a user who has proved to be that user."""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias
from uuid import UUID

from jwtapi import audit
from jwtapi.authentication.errors import AccessTokenInvalid
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import JwtapiError
from jwtapi.mail.notices import Notices
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.principal import Principal
from jwtapi.security.access_tokens import IssuedAccessToken
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.sessions.service import SessionService, TokenPair
from jwtapi.sign_in.events import LOGIN_FAILED, LOGIN_SUCCEEDED
from jwtapi.sign_in.proof import FurtherFactor, Proof, Wanted
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.sessions import Owner, Session, SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class SignedIn:
    tokens: TokenPair
    device_token: str = field(repr=False)
    """The browser sends it at its next login; see security/device_tokens.py."""


class _Opened(NamedTuple):
    session: Session
    user: User


_Outcome: TypeAlias = _Opened | User | JwtapiError | None
"""The open session; the user, if the proof no longer holds; the error, if a further factor is required; or None, if the
user is disabled or deleted."""


class SignIn:
    def __init__(  # noqa: PLR0913, PLR0917  signing in needs all of them
        self,
        database: Database,
        sessions: SessionService,
        device_tokens: DeviceTokens,
        notices: Notices,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._device_tokens = device_tokens
        self._notices = notices
        self._metrics = metrics
        self._clock = clock
        self._further_factors: list[FurtherFactor] = []

    def add_further_factor(self, factor: FurtherFactor) -> None:
        """Ask `factor` each time before a session opens."""
        self._further_factors.append(factor)

    async def proceed(self, proof: Proof, caller: Caller, *, client_id: UUID | None = None) -> SignedIn:
        """Open a session, if the proof still holds and is enough. Only the client can refresh it, if there is one.

        Raises:
            JwtapiError: the user has been disabled or deleted meanwhile (`proof.refusal`), the proof no longer holds
                (as `proof.renewed`), or a further factor is required.
        """
        wanted = Wanted(client_id=client_id)
        user = proof.new_device_of
        # While a further factor may be required, nobody has signed in: then the unit counts the notice.
        tells_owner = user is not None and (self._concern(user, proof) or await self._notices.admits_new_device(user))
        while True:
            outcome: _Outcome = await self._open_at_once(proof, caller, wanted) if not tells_owner else None
            if outcome is None:
                unit = partial(self._open, proof=proof, caller=caller, wanted=wanted, tells_owner=tells_owner)
                outcome = await self._database.write(unit)
            match outcome:
                case _Opened():
                    if tells_owner:
                        self._notices.wake()
                    return await self._signed_in(outcome, proof)
                case User():  # the user has another password now, or the same one with a renewed hash
                    proof = await proof.renewed(outcome)
                case JwtapiError():
                    self._metrics.count_login(LoginOutcome.UNFINISHED)
                    raise outcome
                case None:
                    self._metrics.count_login(LoginOutcome.FAILED)
                    raise proof.refusal

    async def reauthenticate(self, principal: Principal, proof: Proof, caller: Caller) -> IssuedAccessToken:
        """Give the session of a signed-in user a new time of sign-in, if the proof holds and is enough.

        The further factors are asked as for a new session. Otherwise a password alone would renew what took two proofs.

        Raises:
            AccessTokenInvalid: the session has ended, or the principal has none.
            WrongPassword, SecondFactorInvalid: the password was changed, or the factor used, since it was checked.
            JwtapiError: a further factor is required.
        """
        unit = partial(self._reauthenticate, principal=principal, proof=proof, caller=caller)
        match await self._database.write(unit):
            case JwtapiError() as refusal:
                raise refusal
            case User() as user:
                await proof.renewed(user)
                raise AccessTokenInvalid  # never: a proof of a signed-in user is not renewed
            case SessionOfUser() as session:
                await proof.session_opened()
                return self._sessions.issue_access_token(session)

    def _reauthenticate(
        self, uow: UnitOfWork, *, principal: Principal, proof: Proof, caller: Caller
    ) -> SessionOfUser | User | JwtapiError:
        user = uow.users.get_for_update(principal.user_id)
        if user is None or not user.may_sign_in or user.id != proof.user_id:
            return AccessTokenInvalid()
        accepted = proof.accept(uow, user)
        if accepted is None:
            return user
        if (refusal := self._refusal(uow, accepted, proof, Wanted(session_id=principal.session_id))) is not None:
            return refusal
        session = self._sessions.reauthenticate(
            uow, principal, caller, methods=proof.methods, auth_time=proof.proved_at
        )
        if session is None:
            return AccessTokenInvalid()
        return SessionOfUser(session, _owner(accepted))

    def _concern(self, user: User, proof: Proof) -> bool:
        return any(factor.concerns(user, proof) for factor in self._further_factors)

    def _refusal(self, uow: UnitOfWork, user: User, proof: Proof, wanted: Wanted) -> JwtapiError | None:
        for factor in self._further_factors:
            if (refusal := factor.refusal(uow, user, proof, wanted)) is not None:
                return refusal
        return None

    async def _open_at_once(self, proof: Proof, caller: Caller, wanted: Wanted) -> _Opened | None:
        """Open a session by one statement, if that suffices and the proof still holds."""
        if proof.unchanged_user is None or self._concern(proof.unchanged_user, proof):
            return None
        session, opened = self._new(proof, caller, wanted.client_id)
        user = await self._sessions.open(session, proof.unchanged_user, caller, opened)
        return _Opened(session, user) if user is not None else None

    def _open(self, uow: UnitOfWork, *, proof: Proof, caller: Caller, wanted: Wanted, tells_owner: bool) -> _Outcome:
        # Lock the user: a command that disables the user waits for this unit, and then also ends the new session.
        user = uow.users.get_for_update(proof.user_id)
        if user is None or not user.may_sign_in:
            uow.events.add(audit.event(LOGIN_FAILED, at=self._clock(), caller=caller, user_id=proof.user_id))
            return None
        accepted = proof.accept(uow, user)
        if accepted is None:
            return user
        if (refusal := self._refusal(uow, accepted, proof, wanted)) is not None:
            return refusal
        session, opened = self._new(proof, caller, wanted.client_id)
        self._sessions.add(uow, session, caller, opened)
        if tells_owner:
            self._notices.new_device(uow, accepted, caller, is_bounded=self._concern(accepted, proof))
        return _Opened(session, accepted)

    def _new(self, proof: Proof, caller: Caller, client_id: UUID | None) -> tuple[Session, Event]:
        session = self._sessions.new(
            proof.user_id, caller, amr=proof.methods, auth_time=proof.proved_at, client_id=client_id
        )
        opened = audit.event(LOGIN_SUCCEEDED, at=session.created_at, caller=caller, user_id=proof.user_id)
        return session, opened

    async def _signed_in(self, opened: _Opened, proof: Proof) -> SignedIn:
        """Make the tokens after the commit, so that none exists for a session that was rolled back."""
        self._metrics.count_login(LoginOutcome.SUCCEEDED)
        await proof.session_opened()
        session, user = opened
        return SignedIn(
            tokens=self._sessions.issue(SessionOfUser(session, _owner(user))),
            device_token=self._device_tokens.issue(user.id, user.password_hash, self._clock()),
        )


def _owner(user: User) -> Owner:
    return Owner(user.username, user.roles, user.disabled_at, user.metadata)
