"""Sends the mails of the outbox, in the background of each serving process.

A worker claims mails for the time of a lease, which it renews while it works on them, and deletes each mail that the
mail server has accepted. So a mail is sent at least once, and twice only if a process dies in between. An attempt that
fails is repeated for about a day. This module loads the libraries when the first mail is sent.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from jwtapi.clock import Clock
from jwtapi.devices import device_names
from jwtapi.errors import StorageUnavailable
from jwtapi.mail.failures import PermanentFailure, SendingFailed, ServerFailure, TransientFailure
from jwtapi.mail.kinds import MAIL_KINDS, Composing
from jwtapi.mail.links import Links
from jwtapi.mail.outbox import Outbox
from jwtapi.metrics import MailOutcome, Metrics
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.settings import Settings
from jwtapi.storage.database import Database
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from jwtapi.mail.messages import Message
    from jwtapi.mail.rendering import Templates
    from jwtapi.mail.transport import Transport

POLL_SECONDS = 5
"""How often a worker looks for mails that are due again, or that other processes have stored."""

IN_FLIGHT = 10
"""Mails that one worker sends at the same time. A recipient that is slow to be accepted holds up no other."""

LEASE = timedelta(seconds=120)
"""After which another worker sends a mail whose worker has died."""

_RENEWAL_SECONDS = 30

MAX_ATTEMPTS = 32
"""With the pauses below they take about a day."""

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)

_OUTAGE_PAUSE_SECONDS = 1
"""Between two questions whether the database answers again."""

_DELETION_PAUSE_SECONDS = 1
"""Between two attempts to delete a mail that was sent."""

_RECOVERY_SECONDS = 3
"""After an outage of the database. Meanwhile each worker renews its leases and deletes what was accepted, so that no
other worker sends it again."""

_GRACE_SECONDS = 2
"""At a stop, for the mails that are being sent."""

_REPEAT_SECONDS = 0.1

log = structlog.get_logger()


def pause_after(attempts: int) -> timedelta:
    """Return the pause after so many attempts, without its random part."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 20)), _LONGEST_PAUSE)


@dataclass(slots=True)
class _Attempt:
    mail: QueuedMail
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    may_be_accepted: bool = False
    """Whether the server may have got the mail, so that another attempt could send it twice."""


class Delivery:
    def __init__(  # noqa: PLR0913, PLR0917  what a mail is composed of, and where it comes from and goes to
        self,
        settings: Settings,
        database: Database,
        outbox: Outbox,
        links: Links,
        tokens: LinkTokens,
        metrics: Metrics,
        clock: Clock,
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._settings = settings
        self._database = database
        self._outbox = outbox
        self._links = links
        self._tokens = tokens
        self._metrics = metrics
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._attempts: dict[UUID, _Attempt] = {}
        self._loaded: tuple[Templates, Transport] | None = None
        self._refusal: str | None = None
        self.is_failing = False
        """Whether the last attempt of this process failed for a reason that may concern all mails."""

    async def run(self) -> None:
        """Send mails until cancelled. Then wait a little for those that are being sent."""
        # Each worker looks at another moment.
        looks_at = asyncio.get_running_loop().time() + random.uniform(0, self._poll_seconds)  # noqa: S311  no secret
        renewing = asyncio.create_task(self._renew_regularly())
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(looks_at):
                        await self._outbox.waiting.wait()
                self._outbox.waiting.clear()
                await self._look()
                looks_at = asyncio.get_running_loop().time() + self._poll_seconds
        finally:
            renewing.cancel()
            await self._finish()

    async def _look(self) -> None:
        """Begin attempts for mails that are due, as many as there is room for."""
        try:
            while (room := IN_FLIGHT - len(self._attempts)) > 0:
                claimed = await self._claim(room)
                for mail in claimed:
                    self._begin(mail)
                if len(claimed) < room:
                    break
            self._refusal = None
        except StorageUnavailable as error:
            self._log_refusal(error)
            await self._wait_for_database()
        except Exception:
            log.exception("looking for mails failed")

    async def _claim(self, limit: int) -> list[QueuedMail]:
        # During an outage of the database the lease of an attempt can end, and only this process knows of the attempt.
        now, ours = self._clock(), list(self._attempts)
        return await self._database.write(
            lambda uow: uow.mails.claim(now, leased_until=now + LEASE, limit=limit, except_for=ours), autocommit=True
        )

    def _begin(self, mail: QueuedMail) -> None:
        attempt = self._attempts[mail.id] = _Attempt(mail)
        attempt.task = asyncio.create_task(self._try(attempt), name=f"mail {mail.id}")
        attempt.task.add_done_callback(lambda _: self._end(mail.id))

    def _end(self, mail_id: UUID) -> None:
        if len(self._attempts) == IN_FLIGHT:
            self._outbox.wake()  # others may have had no room
        del self._attempts[mail_id]

    async def _try(self, attempt: _Attempt) -> None:
        mail = attempt.mail
        if mail.attempts > MAX_ATTEMPTS:
            await self._give_up(mail, "no attempt came to an end: perhaps sending this mail ends the process")
            return
        try:
            await self._send(attempt)
        except PermanentFailure as failure:
            await self._give_up(mail, failure.reason)
        except TransientFailure as failure:
            if isinstance(failure, ServerFailure):
                self._note_failure(failure.reason)
            await self._put_off(mail, failure.reason)
        except StorageUnavailable:
            pass  # the attempt is repeated when its lease has ended
        except Exception as error:
            log.exception("sending a mail failed", mail=str(mail.id), kind=mail.kind)
            await self._put_off(mail, f"an error of jwtapi, which the log has: {type(error).__name__}")

    async def _send(self, attempt: _Attempt) -> None:
        message = await self._compose(attempt.mail)
        if message is None:
            await self._delete(attempt.mail)
            return
        _, transport = self._tools()
        async with transport.connection() as connection:
            attempt.may_be_accepted = True
            try:
                await connection.send(message)
            except ServerFailure:
                raise
            except SendingFailed:
                self._note_success()  # of the server, which refuses only this mail
                raise
            await self._delete(attempt.mail)  # first of all: if this process died now, the mail would be sent twice
        self._note_success()
        self._metrics.count_mail(MailOutcome.SENT)

    async def _compose(self, mail: QueuedMail) -> "Message | None":
        """Make the message, or return None if nobody is to get it any more."""
        from jwtapi.mail.messages import make_message  # noqa: PLC0415  4 MB that a server without mails does not need

        if (kind := MAIL_KINDS.get(mail.kind)) is None:
            raise TransientFailure("this version of jwtapi does not have this kind of mail")
        composing = Composing(self._links, self._tokens, self._clock())
        letter = await self._database.read(lambda uow: kind.compose(uow, mail, composing))
        if letter is None:
            return None
        templates, _ = self._tools()
        variables = {"site": self._links.site} | dict(letter.variables)
        if (user_agent := letter.variables.get("user_agent")) is not None:
            # The first one takes half a second. The template finds it remembered.
            await asyncio.to_thread(device_names, [user_agent])
        content = templates.render(letter.template, mail.language, variables)
        return make_message(
            content,
            mail_id=mail.id,
            kind=mail.kind,
            sender=self._settings.mail_from or "jwtapi@localhost",
            recipient=letter.recipient,
            language=mail.language,
            at=composing.now,
        )

    def _tools(self) -> "tuple[Templates, Transport]":
        if self._loaded is None:
            from jwtapi.mail.rendering import Templates  # noqa: PLC0415  as above
            from jwtapi.mail.transport import transport_of  # noqa: PLC0415

            self._loaded = Templates(self._settings.mail_templates), transport_of(self._settings)
        return self._loaded

    async def _delete(self, mail: QueuedMail) -> None:
        """Delete a mail that must not be sent again. Repeat it until the database has done it."""
        is_logged = False
        while True:
            try:
                await self._database.write(lambda uow: uow.mails.delete(mail.id), autocommit=True)
            except Exception as error:  # noqa: BLE001  whatever it is, an end of this loop would send the mail again
                if not is_logged:
                    is_logged = True
                    cause = reason_of(error) if isinstance(error, StorageUnavailable) else type(error).__name__
                    log.warning("a mail was sent and cannot be deleted yet", mail=str(mail.id), cause=cause)
                await asyncio.sleep(_DELETION_PAUSE_SECONDS)
            else:
                return

    async def _put_off(self, mail: QueuedMail, reason: str) -> None:
        if mail.attempts >= MAX_ATTEMPTS:
            await self._give_up(mail, reason)
            return
        pause = pause_after(mail.attempts) * random.uniform(0.8, 1.2)  # noqa: S311  so that not all come back together
        log.info("a mail was not sent, and will be tried again", mail=str(mail.id), kind=mail.kind, cause=reason)
        due_at = self._clock() + pause
        if await self._record(lambda uow: uow.mails.put_off(mail, due_at=due_at, error=reason)):
            self._metrics.count_mail(MailOutcome.PUT_OFF)

    async def _give_up(self, mail: QueuedMail, reason: str) -> None:
        log.error("a mail was given up", mail=str(mail.id), kind=mail.kind, cause=reason)
        now = self._clock()
        if await self._record(lambda uow: uow.mails.give_up(mail, at=now, error=reason)):
            self._metrics.count_mail(MailOutcome.GIVEN_UP)

    async def _record(self, unit: Callable[[UnitOfWork], None]) -> bool:
        """Record how an attempt ended. If that fails, the attempt is repeated when its lease has ended."""
        try:
            await self._database.write(unit, autocommit=True)
        except StorageUnavailable:
            return False
        except Exception:
            log.exception("recording how an attempt ended failed")
            return False
        return True

    async def _renew_regularly(self) -> None:
        while True:
            await asyncio.sleep(_RENEWAL_SECONDS)
            try:
                if self._attempts:
                    await self._renew()
            except StorageUnavailable:
                pass  # `_look` waits for the database, and renews them then
            except Exception:
                log.exception("renewing the leases of mails failed")

    async def _renew(self) -> None:
        """Extend the leases of all attempts. Raises StorageUnavailable, also if there is none."""
        mails, leased_until = [attempt.mail for attempt in self._attempts.values()], self._clock() + LEASE
        await self._database.write(lambda uow: uow.mails.renew(mails, leased_until), autocommit=True)

    async def _wait_for_database(self) -> None:
        """Wait until the database answers, and let each worker renew and delete before any claims."""
        while True:
            await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
            with suppress(StorageUnavailable):
                await self._renew()
                break
        await asyncio.sleep(_RECOVERY_SECONDS)
        self._outbox.wake()

    def _log_refusal(self, error: StorageUnavailable) -> None:
        """Log each cause once, such as a missing right. Requests log it themselves if the database does not answer."""
        if has_answered(error) and (cause := reason_of(error)) != self._refusal:
            self._refusal = cause
            log.error("the database refuses the outbox", cause=cause)

    def _note_failure(self, reason: str) -> None:
        if not self.is_failing:
            log.warning("mails cannot be sent", cause=reason)
        self.is_failing = True

    def _note_success(self) -> None:
        if self.is_failing:
            log.info("mails can be sent again")
        self.is_failing = False

    async def _finish(self) -> None:
        """Let attempts end, and hand back those that cannot have reached the mail server."""
        attempts = list(self._attempts.values())
        tasks = [attempt.task for attempt in attempts if attempt.task is not None]
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
        cut_off = [each.mail for each in attempts if each.task in unfinished and not each.may_be_accepted]
        while unfinished:
            for task in unfinished:
                task.cancel()
            # Repeat it: before Python 3.12, `asyncio.wait_for` in the library can swallow a cancellation.
            _, unfinished = await asyncio.wait(unfinished, timeout=_REPEAT_SECONDS)
        if cut_off:
            now = self._clock()
            await self._record(lambda uow: uow.mails.hand_back(cut_off, now))
