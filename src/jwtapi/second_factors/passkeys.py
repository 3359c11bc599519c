"""Passkeys: making them, and signing in with them, alone or as a second factor."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import structlog

from jwtapi import audit
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.metrics import LoginOutcome, Metrics
from jwtapi.principal import Principal
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.second_factors.errors import (
    MfaUnavailable,
    PasskeyNotAccepted,
    PasskeyRefused,
    TooManyPasskeys,
)
from jwtapi.second_factors.events import PASSKEY_COUNTER
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.provers import FactorAnswer, FactorProof, FactorProver
from jwtapi.second_factors.relying_party import RelyingParty
from jwtapi.second_factors.ways_in import LastWayIn, may_lose_a_passkey
from jwtapi.security import passkeys as ceremonies
from jwtapi.security.device_tokens import DeviceTokens
from jwtapi.security.passkeys import Answer, Assertion, Ceremonies, CeremonyFailed, KnownCredential, NewCredential
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.events import LOGIN_FAILED
from jwtapi.sign_in.proof import AuthenticationMethod, Proof
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event, EventType
from jwtapi.storage.login_tickets import LoginTicket
from jwtapi.storage.passkey_challenges import PasskeyChallengeRepository
from jwtapi.storage.passkeys import DuplicatePasskey, FoundPasskey, Passkey, PasskeyRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

MAX_PASSKEYS = 20
"""Of one user."""

_CREATE, _GET = "create", "get"
_LIFETIME = timedelta(seconds=ceremonies.TIMEOUT_SECONDS)

log = structlog.get_logger()


class NewPasskey(NamedTuple):
    passkey: Passkey
    recovery_codes: Sequence[str]
    """Of the first second factor; else empty."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A right answer, but for the counter, which is compared in the transaction that opens the session."""

    passkey: Passkey
    """As stored when the answer was judged."""
    assertion: Assertion
    caller: Caller
    at: datetime

    @property
    def methods(self) -> tuple[AuthenticationMethod, AuthenticationMethod]:
        return _methods_of(self.passkey)

    def record(self, uow: UnitOfWork) -> bool:
        """Record the use of the passkey. The row of the user is locked, so that copies of a key wait for each other.

        Return False if the passkey is gone, or if its counter has not increased (§6.1.1): somebody may have copied the
        key. Copies of a synchronised passkey are meant to exist, so that is recorded, and not refused. The caller
        records the failure.
        """
        passkeys = PasskeyRepository(uow.connection)
        stored = passkeys.get(self.passkey.id, self.passkey.user_id)
        if stored is not None and not _increased(stored.sign_count, self.assertion.sign_count):
            details = {"passkey_id": str(stored.id), "refused": not stored.backup_eligible}
            uow.events.add(self.event(PASSKEY_COUNTER, details))
            if not stored.backup_eligible:
                stored = None
        if stored is None:
            return False
        highest = max(stored.sign_count, self.assertion.sign_count)
        passkeys.record_use(stored.id, sign_count=highest, backed_up=self.assertion.backed_up, at=self.at)
        return True

    def event(self, kind: EventType, details: dict[str, Any] | None = None) -> Event:
        return audit.event(kind, at=self.at, caller=self.caller, user_id=self.passkey.user_id, details=details)


@dataclass(frozen=True, slots=True)
class PasskeyProof(Proof):
    """A passkey alone. It counts as two factors, because the authenticator has verified its user."""

    refusal = PasskeyRefused

    judged: _Judged
    metrics: Metrics = field(repr=False)
    new_device_of: User | None = None

    @property
    def user_id(self) -> UUID:  # type: ignore[override]  # read-only here
        return self.judged.passkey.user_id

    @property
    def methods(self) -> Sequence[AuthenticationMethod]:  # type: ignore[override]  # read-only here
        return (*self.judged.methods, AuthenticationMethod.MULTIPLE)

    @property
    def proved_at(self) -> datetime:  # type: ignore[override]  # read-only here
        return self.judged.at

    def accept(self, uow: UnitOfWork, user: User) -> User | None:
        if self.judged.record(uow):
            return user
        uow.events.add(self.judged.event(LOGIN_FAILED))
        return None

    async def renewed(self, user: User) -> "PasskeyProof":  # noqa: ARG002
        self.metrics.count_login(LoginOutcome.FAILED)
        raise PasskeyRefused

    async def session_opened(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _PasskeyFactorProof(FactorProof):
    judged: _Judged

    @property
    def methods(self) -> Sequence[AuthenticationMethod]:  # type: ignore[override]  # read-only here
        return self.judged.methods

    def accept(self, uow: UnitOfWork, user: User) -> bool:  # noqa: ARG002
        return self.judged.record(uow)


class Passkeys(FactorProver):
    method = FactorMethod.PASSKEY

    def __init__(  # noqa: PLR0913, PLR0917  passkeys need all of them
        self,
        party: RelyingParty | None,
        database: Database,
        sessions: SessionService,
        changes: FactorChanges,
        device_tokens: DeviceTokens,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._ceremonies = Ceremonies(party.rp_id, party.origins) if party is not None else None
        self._database = database
        self._sessions = sessions
        self._changes = changes
        self._device_tokens = device_tokens
        self._metrics = metrics
        self._clock = clock

    @property
    def is_available(self) -> bool:
        return self._ceremonies is not None

    @property
    def rp_id(self) -> str:
        return self._available().rp_id

    def _available(self) -> Ceremonies:
        if self._ceremonies is None:
            raise MfaUnavailable
        return self._ceremonies

    def is_possible(self, uow: UnitOfWork, user: User) -> bool:
        party = self._ceremonies
        return party is not None and PasskeyRepository(uow.connection).count(user.id, rp_id=party.rp_id) > 0

    async def creation_options(self, principal: Principal) -> Mapping[str, Any]:
        """Return the options of WebAuthn for a new passkey.

        Raises:
            MfaUnavailable, TooManyPasskeys
            AccessTokenInvalid: as `lock_user`.
        """
        party, challenge = self._available(), ceremonies.new_challenge()

        def begin(uow: UnitOfWork) -> Mapping[str, Any]:
            user = lock_user(uow, principal, self._clock())
            existing = PasskeyRepository(uow.connection).list(user.id)
            if len(existing) >= MAX_PASSKEYS:
                raise TooManyPasskeys
            handle = uow.users.webauthn_handle(user.id)
            if handle is None:
                handle = ceremonies.new_handle()
                uow.users.set_webauthn_handle(user.id, handle)
            self._add_challenge(uow, challenge, _CREATE, user.id)
            return party.creation_options(challenge, handle=handle, username=user.username, exclude=_known(existing))

        return await self._database.write(begin)

    async def register(
        self, principal: Principal, name: str | None, credential: Mapping[str, Any], caller: Caller
    ) -> NewPasskey:
        """Store the passkey that an authenticator has made.

        Raises:
            MfaUnavailable, TooManyPasskeys
            PasskeyNotAccepted: the answer is not right, or somebody has this passkey.
            AccessTokenInvalid: as `lock_user`.
        """
        party = self._available()
        try:
            await self._use_challenge(credential, _CREATE, principal.user_id)
            made = await asyncio.to_thread(party.verify_creation, credential)
            shown = name or await asyncio.to_thread(ceremonies.authenticator_name, made.aaguid) or "Passkey"
        except CeremonyFailed as error:
            log.info("a new passkey was not accepted", reason=str(error), user_id=str(principal.user_id))
            raise PasskeyNotAccepted from None
        passkey = self._passkey(principal.user_id, shown[:64], made)

        def add(uow: UnitOfWork) -> NewPasskey:
            user = lock_user(uow, principal, self._clock())
            passkeys = PasskeyRepository(uow.connection)
            if passkeys.count(user.id) >= MAX_PASSKEYS:
                raise TooManyPasskeys
            passkeys.add(passkey)
            codes = self._changes.added(uow, user, FactorMethod.PASSKEY, caller)
            methods = (*_methods_of(passkey), AuthenticationMethod.MULTIPLE)
            self._sessions.reauthenticate(uow, principal, caller, methods=methods, auth_time=self._clock())
            return NewPasskey(passkey, codes)

        try:
            added = await self._database.write(add)
        except DuplicatePasskey:
            raise PasskeyNotAccepted from None
        self._changes.wake()
        return added

    def _passkey(self, user_id: UUID, name: str, made: NewCredential) -> Passkey:
        return Passkey(
            id=uuid4(),
            user_id=user_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            rp_id=self.rp_id,
            sign_count=made.sign_count,
            aaguid=made.aaguid,
            name=name,
            transports=list(made.transports),
            backup_eligible=made.backup_eligible,
            backed_up=made.backed_up,
            created_at=self._clock(),
        )

    async def list(self, user_id: UUID) -> tuple[Sequence[Passkey], bytes | None]:
        """Return the passkeys of a user, the oldest first, and the user's handle."""
        return await self._database.read(
            lambda uow: (PasskeyRepository(uow.connection).list(user_id), uow.users.webauthn_handle(user_id))
        )

    async def rename(self, passkey_id: UUID, user_id: UUID, name: str) -> Passkey:
        """Raises: NotFound."""

        def rename(uow: UnitOfWork) -> Passkey | None:
            passkeys = PasskeyRepository(uow.connection)
            passkeys.rename(passkey_id, user_id, name)
            return passkeys.get(passkey_id, user_id)

        renamed = await self._database.write(rename)
        if renamed is None:
            raise NotFound
        return renamed

    async def remove(self, passkey_id: UUID, principal: Principal, caller: Caller) -> None:
        """Delete a passkey, end all other sessions, and lower this one.

        Raises:
            NotFound, LastWayIn
            AccessTokenInvalid: as `lock_user`.
        """

        def remove(uow: UnitOfWork) -> None:
            user = lock_user(uow, principal, self._clock())
            passkeys = PasskeyRepository(uow.connection)
            every = passkeys.list(user.id)
            others = [each for each in every if each.id != passkey_id]
            if len(others) == len(every):
                raise NotFound
            if not may_lose_a_passkey(user, others, self._ceremonies.rp_id if self._ceremonies is not None else None):
                raise LastWayIn
            passkeys.delete(passkey_id, user.id)
            self._changes.removed(uow, user, FactorMethod.PASSKEY, caller, principal=principal)

        await self._database.write(remove)
        self._changes.wake()

    async def request_options(self, user: User | None) -> Mapping[str, Any]:
        """Return the options of WebAuthn for a sign-in: of anybody, or of a user who has a ticket.

        Those of anybody list no credentials: with names, they would tell who has passkeys (§14.6.2).

        Raises:
            MfaUnavailable
        """
        party, challenge = self._available(), ceremonies.new_challenge()

        def begin(uow: UnitOfWork) -> Sequence[KnownCredential]:
            self._add_challenge(uow, challenge, _GET, user.id if user is not None else None)
            if user is None:
                return ()
            return _known(
                [each for each in PasskeyRepository(uow.connection).list(user.id) if each.rp_id == party.rp_id]
            )

        return party.request_options(challenge, allow=await self._database.write(begin, autocommit=True))

    async def prove(
        self,
        credential: Mapping[str, Any],
        caller: Caller,
        device_tokens: Sequence[str] = (),
        *,
        user_id: UUID | None = None,
    ) -> PasskeyProof:
        """Check a passkey alone: of anybody, or of the signed-in user who must have it.

        Raises:
            MfaUnavailable
            PasskeyRefused: the failure was recorded.
        """
        self._available()
        found = None
        try:
            await self._use_challenge(credential, _GET, None)
            answer = ceremonies.read_answer(credential)
            found = await self._find(answer.credential_id)
            judged = await self._judge(answer, found, caller, user_id=user_id)
        except CeremonyFailed as error:
            of = user_id or (found.passkey.user_id if found is not None else None)
            _log_refusal(error, of)
            failed = audit.event(LOGIN_FAILED, at=self._clock(), caller=caller, user_id=of)
            await self._database.write(lambda uow: uow.events.add(failed), autocommit=True)
            self._metrics.count_login(LoginOutcome.FAILED)
            raise PasskeyRefused from None
        new_device_of = await self._new_device_of(judged, device_tokens) if user_id is None else None
        return PasskeyProof(judged, self._metrics, new_device_of)

    async def _new_device_of(self, judged: _Judged, device_tokens: Sequence[str]) -> User | None:
        """Return the user, unless a token shows that this device has signed in before."""
        user = await self._database.read(lambda uow: uow.users.get(judged.passkey.user_id))
        if user is None or any(
            self._device_tokens.device_of(token, user.id, user.password_hash, judged.at) for token in device_tokens
        ):
            return None
        return user

    async def judge(self, user: User, ticket: LoginTicket, answer: FactorAnswer, caller: Caller) -> FactorProof | None:
        """The challenge must have been made for this user's ticket. `SecondFactors.prove` records a failure."""
        if ticket.enrols or answer.credential is None or not self.is_available:
            return None
        try:
            await self._use_challenge(answer.credential, _GET, user.id)
            assertion = ceremonies.read_answer(answer.credential)
            found = await self._find(assertion.credential_id)
            # The user is known already, so that the authenticator need not tell the handle (§7.2, step 6).
            judged = await self._judge(assertion, found, caller, user_id=user.id, needs_handle=False)
        except CeremonyFailed as error:
            _log_refusal(error, user.id)
            return None
        return _PasskeyFactorProof(judged)

    async def _find(self, credential_id: bytes) -> FoundPasskey | None:
        return await self._database.read(lambda uow: PasskeyRepository(uow.connection).by_credential(credential_id))

    async def _judge(
        self,
        answer: Answer,
        found: FoundPasskey | None,
        caller: Caller,
        *,
        user_id: UUID | None,
        needs_handle: bool = True,
    ) -> _Judged:
        """Check what was signed, by whom. An unknown passkey takes the same work, and fails.

        Raises:
            CeremonyFailed
        """
        party = self._available()
        key = found.passkey.public_key if found is not None else ceremonies.NOBODYS_KEY
        assertion = await asyncio.to_thread(party.verify_assertion, answer, key)
        if found is None or not found.is_enabled:
            raise CeremonyFailed("an unknown passkey")
        passkey = found.passkey
        if user_id not in {None, passkey.user_id}:
            raise CeremonyFailed("another user's passkey")
        if answer.user_handle != found.handle and (needs_handle or answer.user_handle is not None):
            raise CeremonyFailed("another user handle")
        if passkey.rp_id != party.rp_id:
            raise CeremonyFailed("a passkey of another domain")
        if assertion.backup_eligible != passkey.backup_eligible:
            raise CeremonyFailed("the backup eligibility has changed")  # it never does (§6.1.3)
        return _Judged(passkey, assertion, caller, self._clock())

    def _add_challenge(self, uow: UnitOfWork, challenge: bytes, kind: str, user_id: UUID | None) -> None:
        expires_at = self._clock() + _LIFETIME
        PasskeyChallengeRepository(uow.connection).add(ceremonies.hash_of(challenge), kind, user_id, expires_at)

    async def _use_challenge(self, credential: Mapping[str, Any], kind: str, user_id: UUID | None) -> None:
        """Use up the challenge that a credential answers, before the rest of it is parsed.

        Raises:
            CeremonyFailed: there is none, or it is not ours, was used, has expired, or is for something else.
        """
        challenge_hash = ceremonies.hash_of(ceremonies.read_challenge(credential))
        used = await self._database.write(
            lambda uow: PasskeyChallengeRepository(uow.connection).use(challenge_hash, kind, user_id, self._clock()),
            autocommit=True,
        )
        if not used:
            raise CeremonyFailed("an unknown challenge")

    def prune(self, uow: UnitOfWork, limit: int) -> int:
        return PasskeyChallengeRepository(uow.connection).prune(self._clock(), limit=limit)


def _increased(stored: int, signed: int) -> bool:
    """Authenticators without a counter always send 0."""
    return signed > stored or signed == stored == 0


def _methods_of(passkey: Passkey) -> tuple[AuthenticationMethod, AuthenticationMethod]:
    key = AuthenticationMethod.SOFTWARE_KEY if passkey.backup_eligible else AuthenticationMethod.HARDWARE_KEY
    return key, AuthenticationMethod.USER_PRESENCE


def _log_refusal(error: CeremonyFailed, user_id: UUID | None) -> None:
    log.info("a passkey was refused", reason=str(error), user_id=str(user_id) if user_id is not None else None)


def _known(passkeys: Sequence[Passkey]) -> Sequence[KnownCredential]:
    return [KnownCredential(each.credential_id, each.transports) for each in passkeys]
