"""What happens to a user whose second factors change. Each function is part of a unit that has locked the user."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.mail.notices import Notices
from jwtapi.principal import Principal
from jwtapi.second_factors.events import FACTOR_ADDED, FACTOR_REMOVED, MFA_RESET
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.ways_in import may_lose_all_passkeys
from jwtapi.security.recovery_codes import RecoveryCodes
from jwtapi.sessions.cache import methods_of
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.proof import AuthenticationMethod
from jwtapi.storage.passkeys import PasskeyRepository
from jwtapi.storage.recovery_codes import RecoveryCodeRepository
from jwtapi.storage.totp_secrets import TotpSecretRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

_OF_PASSKEYS = {
    AuthenticationMethod.HARDWARE_KEY,
    AuthenticationMethod.SOFTWARE_KEY,
    AuthenticationMethod.USER_PRESENCE,
}
_ADDED_BY = {
    FactorMethod.TOTP: {AuthenticationMethod.ONE_TIME_PASSWORD},
    FactorMethod.PASSKEY: _OF_PASSKEYS,
}
_PASSWORD_AND_CODE = {AuthenticationMethod.PASSWORD, AuthenticationMethod.ONE_TIME_PASSWORD}


class Reset(NamedTuple):
    """What a reset has removed, and what it has left."""

    totp: bool
    passkeys: int
    kept_passkeys: int
    """They stay if they are the only way in."""
    has_password: bool

    @property
    def has_removed(self) -> bool:
        return self.totp or self.passkeys > 0


class FactorChanges:
    def __init__(  # noqa: PLR0913  changes need all of them
        self,
        sessions: SessionService,
        recovery_codes: RecoveryCodes,
        notices: Notices,
        clock: Clock,
        *,
        rp_id: str | None,
        sends_mail: bool,
    ) -> None:
        """`rp_id`: the domain whose passkeys can answer now. None: no passkey can."""
        self._sessions = sessions
        self._recovery_codes = recovery_codes
        self._notices = notices
        self._clock = clock
        self._rp_id = rp_id
        self._sends_mail = sends_mail

    def added(self, uow: UnitOfWork, user: User, method: FactorMethod, caller: Caller) -> Sequence[str]:
        """Record that a factor was stored. Return new recovery codes if the user had no factor before, else nothing.

        From now on the password alone does not suffice.
        """
        now = self._clock()
        uow.users.set_second_factor_since(user.id, user.second_factor_since or now)
        event = audit.event(FACTOR_ADDED, at=now, caller=caller, user_id=user.id, details={"method": method.value})
        uow.events.add(event)
        self._notices.second_factor_changed(uow, user, caller, change=f"{method.value}_added")
        return self.new_codes(uow, user) if user.second_factor_since is None else ()

    def removed(
        self, uow: UnitOfWork, user: User, method: FactorMethod, caller: Caller, *, principal: Principal
    ) -> None:
        """Record that a factor was deleted: end all other sessions, and take the factor from this one.

        With the last factor go the recovery codes.
        """
        now = self._clock()
        remains = TotpSecretRepository(uow.connection).get(user.id)
        has_totp = remains is not None and remains.confirmed_at is not None
        # A passkey of a domain that the server had before could not answer. It would only shut the user out.
        passkeys = PasskeyRepository(uow.connection)
        has_passkey = self._rp_id is not None and passkeys.count(user.id, rp_id=self._rp_id) > 0
        has_any = has_totp or has_passkey
        uow.users.set_second_factor_since(user.id, user.second_factor_since if has_any else None)
        if not has_any:
            RecoveryCodeRepository(uow.connection).delete_all(user.id)
        event = audit.event(FACTOR_REMOVED, at=now, caller=caller, user_id=user.id, details={"method": method.value})
        uow.events.add(event)
        self._sessions.end_all(uow, user.id, caller, keep=principal.session_id)
        if principal.session_id is not None:
            self._lower(uow, principal.session_id, user.id, method, caller)
        self._notices.second_factor_changed(uow, user, caller, change=f"{method.value}_removed")

    def reset(self, uow: UnitOfWork, user: User, caller: Caller, *, spares_only_way_in: bool = True) -> Reset:
        """Remove all second factors, and end all sessions. Remembered devices and tickets become void.

        With `spares_only_way_in`, passkeys stay if without them the user could not sign in any more. Where a second
        factor is required, the grace begins anew.
        """
        passkeys = PasskeyRepository(uow.connection)
        had_totp = TotpSecretRepository(uow.connection).delete(user.id)
        may_go = not spares_only_way_in or may_lose_all_passkeys(user, sends_mail=self._sends_mail)
        removed = len(passkeys.delete_all(user.id)) if may_go else 0
        kept = passkeys.count(user.id)
        uow.users.set_second_factor_due(user.id, None)
        outcome = Reset(had_totp, removed, kept, has_password=user.password_hash is not None)
        if not outcome.has_removed and (kept or user.second_factor_since is None):
            return outcome
        uow.users.set_second_factor_since(user.id, user.second_factor_since if kept else None)
        if not kept:
            RecoveryCodeRepository(uow.connection).delete_all(user.id)
        uow.events.add(audit.event(MFA_RESET, at=self._clock(), caller=caller, user_id=user.id))
        self._sessions.end_all(uow, user.id, caller)
        self._notices.second_factor_changed(uow, user, caller, change="reset")
        return outcome

    def wake(self) -> None:
        """Let the notices be sent now. Call it after the unit was committed."""
        self._notices.wake()

    def new_codes(self, uow: UnitOfWork, user: User) -> Sequence[str]:
        """Make ten recovery codes in place of all others. They are shown once."""
        codes = self._recovery_codes.new()
        macs = [self._recovery_codes.mac_of(user.id, code) for code in codes]
        RecoveryCodeRepository(uow.connection).replace(user.id, macs, self._clock())
        return codes

    def _lower(self, uow: UnitOfWork, session_id: UUID, user_id: UUID, method: FactorMethod, caller: Caller) -> None:
        """Take from `amr` what the removed factor had added. Access tokens that claim more are refused from then on.

        A session that nothing else had opened ends.
        """
        session = uow.sessions.get(session_id)
        if session is None:
            return
        remaining = [each for each in methods_of(session) if each not in _ADDED_BY[method]]
        if not (_PASSWORD_AND_CODE.issubset(remaining) or _OF_PASSKEYS.intersection(remaining)):
            remaining = [each for each in remaining if each != AuthenticationMethod.MULTIPLE]
        if remaining:
            uow.sessions.set_amr(session_id, remaining)
        else:
            self._sessions.end(uow, session_id, user_id, caller)
