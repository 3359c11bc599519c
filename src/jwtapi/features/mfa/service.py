"""The second factors of the signed-in user, except passkeys."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from jwtapi import audit
from jwtapi.authentication.lock import lock_user
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.devices import UNKNOWN_DEVICE, device_names
from jwtapi.errors import NotFound
from jwtapi.mail.notices import Notices
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors import tickets
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.second_factors.errors import MfaCodeWrong, MfaOff, TotpNotBegun
from jwtapi.second_factors.events import RECOVERY_CODES_MADE
from jwtapi.second_factors.limits import SECOND_FACTORS
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.service import SecondFactors
from jwtapi.second_factors.totp import TotpFactor
from jwtapi.security.totp import TotpSetUp
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.proof import AuthenticationMethod
from jwtapi.storage.database import Database
from jwtapi.storage.passkeys import PasskeyRepository
from jwtapi.storage.recovery_codes import RecoveryCodeRepository
from jwtapi.storage.remembered_devices import RememberedDevice, RememberedDeviceRepository
from jwtapi.storage.totp_secrets import TotpSecretRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class FactorState:
    totp_since: datetime | None
    recovery_codes: int
    passkeys: int
    required: bool
    methods: Sequence[FactorMethod]
    remember_device_seconds: int


class ListedDevice(NamedTuple):
    remembered: RememberedDevice
    device: str


class MfaService:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        second_factors: SecondFactors,
        totp: TotpFactor,
        changes: FactorChanges,
        sessions: SessionService,
        limiter: RateLimiter,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._database = database
        self._second_factors = second_factors
        self._totp = totp
        self._changes = changes
        self._sessions = sessions
        self._limiter = limiter
        self._notices = notices
        self._clock = clock

    async def state(self, user: User) -> FactorState:
        def read(uow: UnitOfWork) -> FactorState:
            secret = TotpSecretRepository(uow.connection).get(user.id)
            return FactorState(
                totp_since=secret.confirmed_at if secret is not None else None,
                recovery_codes=RecoveryCodeRepository(uow.connection).count(user.id),
                passkeys=PasskeyRepository(uow.connection).count(user.id),
                required=self._second_factors.is_required_of(user),
                methods=self._second_factors.offered,
                remember_device_seconds=self._second_factors.remember_seconds,
            )

        return await self._database.read(read)

    async def begin_totp(self, user: User) -> TotpSetUp:
        """Raises: TotpOn; TooManyRequests, as `confirm_totp`: each beginning costs the time of a QR code."""
        await self._limiter.spend(SECOND_FACTORS, str(user.id))
        return await self._totp.begin(user)

    async def confirm_totp(self, principal: Principal, code: str, caller: Caller) -> Sequence[str]:
        """Turn the authenticator app on by its first code. Return new recovery codes if there was no factor before.

        Raises:
            TotpNotBegun, MfaCodeWrong
            AccessTokenInvalid: as `lock_user`.
            TooManyRequests: the user has sent too many wrong codes.
        """
        await self._limiter.spend(SECOND_FACTORS, str(principal.user_id))
        waiting = await self._totp.waiting(principal.user_id)
        if waiting is None:
            raise TotpNotBegun
        step = self._totp.step_of(waiting, code)
        if step is None:
            raise MfaCodeWrong

        def confirm(uow: UnitOfWork) -> Sequence[str]:
            user = lock_user(uow, principal, self._clock())
            if not TotpSecretRepository(uow.connection).confirm(waiting, step, self._clock()):
                raise TotpNotBegun
            codes = self._changes.added(uow, user, FactorMethod.TOTP, caller)
            methods = (AuthenticationMethod.ONE_TIME_PASSWORD, AuthenticationMethod.MULTIPLE)
            self._sessions.reauthenticate(uow, principal, caller, methods=methods, auth_time=self._clock())
            return codes

        codes = await self._database.write(confirm)
        await self._limiter.clear(SECOND_FACTORS, str(principal.user_id))
        self._notices.wake()
        return codes

    async def remove_totp(self, principal: Principal, caller: Caller) -> None:
        """Turn the authenticator app off, end all other sessions, and lower this one.

        Raises:
            NotFound: there is none.
            AccessTokenInvalid: as `lock_user`.
        """

        def remove(uow: UnitOfWork) -> None:
            user = lock_user(uow, principal, self._clock())
            if not TotpSecretRepository(uow.connection).delete(user.id):
                raise NotFound
            self._changes.removed(uow, user, FactorMethod.TOTP, caller, principal=principal)

        await self._database.write(remove)
        self._notices.wake()

    async def new_recovery_codes(self, principal: Principal, caller: Caller) -> Sequence[str]:
        """Make ten recovery codes in place of all others.

        Raises:
            MfaOff: the user has no second factor.
            AccessTokenInvalid: as `lock_user`.
        """

        def make(uow: UnitOfWork) -> Sequence[str]:
            user = lock_user(uow, principal, self._clock())
            if user.second_factor_since is None:
                raise MfaOff
            made = audit.event(RECOVERY_CODES_MADE, at=self._clock(), caller=caller, user_id=user.id)
            uow.events.add(made)
            self._notices.second_factor_changed(uow, user, caller, change="recovery_codes_made")
            return self._changes.new_codes(uow, user)

        codes = await self._database.write(make)
        self._notices.wake()
        return codes

    async def devices(self, user: User) -> list[ListedDevice]:
        """Return the remembered devices, the last one first."""
        state, now = tickets.state_of(user), self._clock()
        found = await self._database.read(
            lambda uow: RememberedDeviceRepository(uow.connection).list(user.id, state, now)
        )
        user_agents = list(dict.fromkeys(each.user_agent for each in found if each.user_agent is not None))
        names = await asyncio.to_thread(device_names, user_agents) if user_agents else {}
        return [ListedDevice(each, names.get(each.user_agent or "", UNKNOWN_DEVICE)) for each in found]

    async def forget_device(self, device_id: UUID, user_id: UUID) -> None:
        """Raises: NotFound: there is no such device, or it is another user's. The work is the same."""
        deleted = await self._database.write(
            lambda uow: RememberedDeviceRepository(uow.connection).delete(device_id, user_id), autocommit=True
        )
        if not deleted:
            raise NotFound

    async def forget_devices(self, user_id: UUID) -> None:
        await self._database.write(
            lambda uow: RememberedDeviceRepository(uow.connection).delete_all(user_id), autocommit=True
        )
