"""Lists and ends the sessions of the signed-in user."""

import asyncio
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.devices import UNKNOWN_DEVICE, device_names
from jwtapi.errors import NotFound
from jwtapi.features.sessions.limits import REAUTHENTICATE
from jwtapi.principal import Principal
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.second_factors.passkeys import Passkeys
from jwtapi.second_factors.provers import FactorAnswer
from jwtapi.second_factors.service import SecondFactors
from jwtapi.security.access_tokens import IssuedAccessToken
from jwtapi.sessions.cache import methods_of
from jwtapi.sessions.service import SessionService
from jwtapi.sign_in.passwords import PasswordProver
from jwtapi.sign_in.proof import Proof, Wanted
from jwtapi.sign_in.service import SignIn
from jwtapi.storage.database import Database
from jwtapi.storage.sessions import Session

MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class ListedSession:
    session: Session
    device: str
    methods: tuple[str, ...]


class UserSessions:
    def __init__(  # noqa: PLR0913, PLR0917  the service needs all of them
        self,
        database: Database,
        sessions: SessionService,
        passwords: PasswordProver,
        sign_in: SignIn,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._passwords = passwords
        self._sign_in = sign_in
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._limiter = limiter
        self._clock = clock

    async def list(self, user_id: UUID) -> list[ListedSession]:
        """Return up to MAX_LISTED sessions that are alive, the last used first."""
        alive = await self._database.read(lambda uow: uow.sessions.alive_of(user_id, self._clock(), limit=MAX_LISTED))
        user_agents = list(dict.fromkeys(session.user_agent for session in alive if session.user_agent is not None))
        names = await asyncio.to_thread(device_names, user_agents) if user_agents else {}
        return [
            ListedSession(session, names.get(session.user_agent or "", UNKNOWN_DEVICE), methods_of(session))
            for session in alive
        ]

    async def end(self, session_id: UUID, user_id: UUID, caller: Caller) -> None:
        """End a session of the user.

        Raises:
            NotFound: there is no such session, it has ended, or it belongs to another user. The work is the same.
        """
        unit = partial(self._sessions.end, session_id=session_id, user_id=user_id, caller=caller)
        if not await self._database.write(unit, autocommit=True):
            raise NotFound

    async def end_others(self, principal: Principal, caller: Caller) -> None:
        """End all sessions of the user except that of the principal, if it has one."""
        unit = partial(self._sessions.end_all, user_id=principal.user_id, caller=caller, keep=principal.session_id)
        await self._database.write(unit, autocommit=True)

    async def reauthenticate(
        self, principal: Principal, password: str | None, ticket: str | None, answer: FactorAnswer, caller: Caller
    ) -> IssuedAccessToken:
        """Sign the user in again, in the same session: by the password, by a ticket and its answer, or by a passkey.

        Raises:
            WrongPassword
            TooManyRequests: the user has tried too often.
            Overloaded: too many hashes are waiting.
            AccessTokenInvalid: the session has ended meanwhile.
            MfaRequired: a second factor is required, and the error has a ticket for it.
            TicketInvalid, SecondFactorInvalid, PasskeyRefused: what was sent is not valid.
        """
        await self._limiter.spend(REAUTHENTICATE, str(principal.user_id))
        proof: Proof
        if password is not None:
            proof = await self._passwords.prove_again(principal.user_id, password, caller)
        elif ticket is not None:
            wanted = Wanted(session_id=principal.session_id)
            proof = await self._second_factors.prove(ticket, answer, caller, wanted)
        else:
            proof = await self._passkeys.prove(answer.credential or {}, caller, user_id=principal.user_id)
        return await self._sign_in.reauthenticate(principal, proof, caller)
