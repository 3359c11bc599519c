"""Authenticator apps: setting one up, and judging its codes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.second_factors.changes import FactorChanges
from jwtapi.second_factors.errors import TotpOn
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.provers import FactorAnswer, FactorProof, FactorProver
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.security.totp import OpenedSecret, TotpSecrets, TotpSetUp, UnreadableSecret
from jwtapi.settings import Settings
from jwtapi.sign_in.proof import AuthenticationMethod
from jwtapi.storage.database import Database
from jwtapi.storage.login_tickets import LoginTicket
from jwtapi.storage.totp_secrets import TotpSecret, TotpSecretRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

WAITS = timedelta(hours=1)
"""How long a secret waits for its first code."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TotpProof(FactorProof):
    """The code was right, and its step was not used before."""

    step: int
    methods: Sequence[AuthenticationMethod] = (AuthenticationMethod.ONE_TIME_PASSWORD,)

    def accept(self, uow: UnitOfWork, user: User) -> bool:
        return TotpSecretRepository(uow.connection).use_step(user.id, self.step)


@dataclass(slots=True)
class EnrolmentProof(FactorProof):
    """The first code of a secret that the user set up with a ticket was right."""

    secret: TotpSecret
    step: int
    caller: Caller
    changes: FactorChanges
    clock: Clock
    methods: Sequence[AuthenticationMethod] = (AuthenticationMethod.ONE_TIME_PASSWORD,)
    recovery_codes: Sequence[str] = field(default=(), repr=False)

    def accept(self, uow: UnitOfWork, user: User) -> bool:
        if not TotpSecretRepository(uow.connection).confirm(self.secret, self.step, self.clock()):
            return False
        self.recovery_codes = self.changes.added(uow, user, FactorMethod.TOTP, self.caller)
        return True


class TotpFactor(FactorProver):
    method = FactorMethod.TOTP

    def __init__(
        self, settings: Settings, database: Database, secrets: TotpSecrets, changes: FactorChanges, clock: Clock
    ) -> None:
        self._issuer = settings.of(MfaSettings).totp_issuer or _default_issuer(settings)
        self._database = database
        self._secrets = secrets
        self._changes = changes
        self._clock = clock

    def is_possible(self, uow: UnitOfWork, user: User) -> bool:
        secret = TotpSecretRepository(uow.connection).get(user.id)
        return secret is not None and secret.confirmed_at is not None

    async def begin(self, user: User) -> TotpSetUp:
        """Make a secret that waits for its first code, in place of one that waits.

        Raises:
            TotpOn: the user has an authenticator app.
        """
        set_up = self._secrets.new(user.username, self._issuer)
        encrypted = self._secrets.encrypt(user.id, set_up.secret)
        stored = await self._database.write(
            lambda uow: TotpSecretRepository(uow.connection).put(user.id, encrypted, self._clock()), autocommit=True
        )
        if not stored:
            raise TotpOn
        return set_up

    async def waiting(self, user_id: UUID) -> TotpSecret | None:
        """Return the secret that waits for its first code, if it was made within WAITS."""
        secret = await self._stored(user_id)
        if secret is None or secret.confirmed_at is not None or self._clock() - secret.created_at > WAITS:
            return None
        return secret

    def step_of(self, secret: TotpSecret, code: str) -> int | None:
        """Return the step for which the code is right and was not used before, or None."""
        opened = self._opened(secret)
        return self._new_step(secret, opened, code) if opened is not None else None

    async def judge(self, user: User, ticket: LoginTicket, answer: FactorAnswer, caller: Caller) -> FactorProof | None:
        code = answer.code or ""
        if ticket.enrols:
            waiting = await self.waiting(user.id)
            step = self.step_of(waiting, code) if waiting is not None else None
            if waiting is None or step is None:
                return None
            return EnrolmentProof(waiting, step, caller, self._changes, self._clock)
        secret = await self._stored(user.id)
        opened = self._opened(secret) if secret is not None and secret.confirmed_at is not None else None
        if secret is None or opened is None or (step := self._new_step(secret, opened, code)) is None:
            return None
        if opened.is_outdated:
            await self._encrypt_anew(secret, opened)
        return TotpProof(step)

    async def _stored(self, user_id: UUID) -> TotpSecret | None:
        return await self._database.read(lambda uow: TotpSecretRepository(uow.connection).get(user_id))

    def _opened(self, secret: TotpSecret) -> OpenedSecret | None:
        try:
            return self._secrets.decrypt(secret.user_id, secret.encrypted_secret)
        except UnreadableSecret:
            log.error(  # noqa: TRY400  the trace would say nothing more
                "no REFRESH_SECRET opens the secret of an authenticator app: its codes are refused",
                user_id=str(secret.user_id),
                remedy="set REFRESH_SECRET_PREVIOUS to the secret of then, or run `jwtapi user reset-mfa`",
            )
            return None

    def _new_step(self, secret: TotpSecret, opened: OpenedSecret, code: str) -> int | None:
        step = self._secrets.step_of(opened.secret, code, self._clock())
        return step if step is not None and step > secret.last_step else None

    async def _encrypt_anew(self, secret: TotpSecret, opened: OpenedSecret) -> None:
        """Encrypt under REFRESH_SECRET what the previous one had encrypted, so that the previous one can be removed."""
        encrypted = self._secrets.encrypt(secret.user_id, opened.secret)
        await self._database.write(
            lambda uow: TotpSecretRepository(uow.connection).encrypt_anew(secret, encrypted), autocommit=True
        )


def _default_issuer(settings: Settings) -> str:
    return (urlsplit(settings.public_url).hostname if settings.public_url else None) or "jwtapi"
