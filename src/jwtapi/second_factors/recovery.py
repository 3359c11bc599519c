"""Recovery codes as a second factor."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.mail.notices import Notices
from jwtapi.second_factors.events import RECOVERY_CODE_USED
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.provers import FactorAnswer, FactorProof, FactorProver
from jwtapi.security.recovery_codes import RecoveryCodes
from jwtapi.sign_in.proof import AuthenticationMethod
from jwtapi.storage.database import Database
from jwtapi.storage.login_tickets import LoginTicket
from jwtapi.storage.recovery_codes import RecoveryCodeRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class RecoveryCodeProof(FactorProof):
    macs: Sequence[bytes] = field(repr=False)
    caller: Caller
    notices: Notices
    clock: Clock
    methods: Sequence[AuthenticationMethod] = (AuthenticationMethod.ONE_TIME_PASSWORD,)

    def accept(self, uow: UnitOfWork, user: User) -> bool:
        codes = RecoveryCodeRepository(uow.connection)
        if not codes.use(user.id, self.macs):
            return False
        remaining = codes.count(user.id)
        details = {"remaining": remaining}
        uow.events.add(
            audit.event(RECOVERY_CODE_USED, at=self.clock(), caller=self.caller, user_id=user.id, details=details)
        )
        self.notices.recovery_code_used(uow, user, self.caller, remaining=remaining)
        return True


class RecoveryCodeFactor(FactorProver):
    method = FactorMethod.RECOVERY_CODE

    def __init__(self, database: Database, codes: RecoveryCodes, notices: Notices, clock: Clock) -> None:
        self._database = database
        self._codes = codes
        self._notices = notices
        self._clock = clock

    def is_possible(self, uow: UnitOfWork, user: User) -> bool:
        return RecoveryCodeRepository(uow.connection).count(user.id) > 0

    async def judge(self, user: User, ticket: LoginTicket, answer: FactorAnswer, caller: Caller) -> FactorProof | None:
        macs = self._codes.macs_of(user.id, answer.code or "")
        if ticket.enrols or not macs:
            return None
        if not await self._database.read(lambda uow: RecoveryCodeRepository(uow.connection).has(user.id, macs)):
            return None
        return RecoveryCodeProof(macs, caller, self._notices, self._clock)
