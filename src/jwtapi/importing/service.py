"""Imports the users of a file: reads it twice, checks each user, and stores them in batches.

The first reading finds out which names, addresses and ids occur twice, because then nobody of them is imported. The
second one stores. Each batch is a short transaction, and between two batches the logins have their turn. A run that was
interrupted is repeated: whoever was imported before is recognised.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from jwtapi import audit
from jwtapi.caller import COMMAND_LINE
from jwtapi.clock import Clock
from jwtapi.errors import StorageUnavailable
from jwtapi.importing.candidates import Candidate, Checking, Identity
from jwtapi.importing.deciding import Decided, Deciding, Prepared
from jwtapi.importing.digests import Digests
from jwtapi.importing.events import USER_IMPORTED
from jwtapi.importing.hashes import Hashes, has_to_be_wrapped
from jwtapi.importing.options import ImportOptions
from jwtapi.importing.records import Record, RecordInvalid, Unreadable
from jwtapi.importing.results import Outcome, Result, Summary
from jwtapi.importing.rows import Row, read_rows
from jwtapi.importing.sources.names import SOURCES
from jwtapi.importing.sources.source import NotAUser
from jwtapi.security.foreign_hashes.errors import RefusedHash
from jwtapi.security.totp import TotpSecrets
from jwtapi.security.usernames import Username, UsernamePolicy
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_imports import Overtaken, UserImportRepository
from jwtapi.users.held_names import HeldNames

BATCH = 100
"""Users in a transaction, some 300 rows. It takes some 20 ms on SQLite, where nobody else can write meanwhile."""

_MAX_PAUSE = 0.1
"""Seconds between two transactions. The time between them is as long as the first one was. Meanwhile the next batch is
prepared."""

_MOST_TRIES = 5
"""How often a batch is tried again: because somebody has just registered with one of its names, or after an outage."""

_FIRST_WAIT = 0.25
"""Seconds after the first outage. Each further wait is twice as long."""

_MAX_SHOWN = 64

_TURN = 500
"""Rows after which the event loop has a turn, so that Ctrl-C works."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Begins to show a step of so many users, and provides the function that counts them."""


class _Survey:
    """What the first reading has found."""

    def __init__(self) -> None:
        self.rows = 0
        self.has_totp = False
        self.names, self.plain_names, self.emails, self.ids = Digests(), Digests(), Digests(), Digests()

    def add(self, identity: Identity) -> None:
        self.names.add(identity.naming.surest.canonical)
        if identity.naming.plain is not None:
            self.plain_names.add(identity.naming.plain.canonical)
        if identity.verified_email is not None:
            self.emails.add(identity.verified_email)
        if identity.external_id is not None:
            self.ids.add(identity.external_id)

    def close(self) -> None:
        for digests in (self.names, self.plain_names, self.emails, self.ids):
            digests.close()

    def has_name(self, canonical_name: str) -> bool:
        return self.names.count(canonical_name) > 0 or self.plain_names.count(canonical_name) > 0

    def check(self, candidate: Candidate) -> None:
        """Make sure that the user shares nothing with another one of the file that only one of them can have.

        Raises:
            RecordInvalid: neither of them is imported.
        """
        if self.names.count(candidate.naming.surest.canonical) > 1:
            what = "e-mail address" if candidate.naming.is_made else "user name"
            raise RecordInvalid(
                f"another user of the file has the same {what}; case, width and composition make no difference"
            )
        if candidate.external_id is not None and self.ids.count(candidate.external_id) > 1:
            raise RecordInvalid("another user of the file has the same id")
        if candidate.email is not None and candidate.is_verified and self.emails.count(candidate.email.canonical) > 1:
            raise RecordInvalid("another user of the file has verified the same e-mail address")

    def names_of(self, candidate: Candidate) -> Sequence[Username]:
        plain, surest = candidate.naming.plain, candidate.naming.surest
        if candidate.email is None and candidate.external_id is None:
            return [surest]  # the next run has nothing else to recognise the user by
        if plain is None or self.plain_names.count(plain.canonical) > 1 or self.names.count(plain.canonical):
            return [surest]
        return [plain, surest]


class UserImport:
    def __init__(  # noqa: PLR0913  an import needs all of them
        self,
        database: Database,
        usernames: UsernamePolicy,
        held_names: HeldNames,
        totp_secrets: TotpSecrets,
        clock: Clock,
        *,
        bcrypt_rounds: int,
        token_claims: Collection[str] = (),
        batch: int = BATCH,
    ) -> None:
        """`token_claims` are the members of metadata that access tokens contain."""
        self._database = database
        self._usernames = usernames
        self._held_names = held_names
        self._totp_secrets = totp_secrets
        self._clock = clock
        self._bcrypt_rounds = bcrypt_rounds
        self._token_claims = token_claims
        self._batch = batch

    async def run(
        self, path: Path, options: ImportOptions, *, progress: Progress, report: Callable[[Result], None]
    ) -> Summary:
        """Import the users of a file, and `report` each of them. A dry run stores nobody.

        Raises:
            FileInvalid: the file as a whole cannot be read. Nothing was stored.
            StorageUnavailable: in the middle. Repeat the run.
            OSError: the file cannot be opened.
        """
        run = _Run(options, Checking(self._usernames, options, self._clock(), self._token_claims), report)
        await run.survey_file(path)
        if run.survey.has_totp:
            # Loading the library takes a tenth of a second, which must not pass inside a transaction.
            self._totp_secrets.encrypt(UUID(int=0), "")
        hashes = Hashes(rounds=self._bcrypt_rounds)
        try:
            with progress("Checking" if options.is_dry_run else "Importing", run.survey.rows) as advance:
                rows = _rows(path, options)
                goes_on_at = time.monotonic()
                while rows_of_batch := list(islice(rows, self._batch)):
                    prepared, settled = await run.prepare(rows_of_batch, hashes)
                    if not options.is_dry_run and any(has_to_be_wrapped(each.stored_hash) for each in prepared):
                        prepared, known = await self._without_known(run, prepared)
                        settled += known
                        prepared = await run.wrap(prepared, hashes)
                    await asyncio.sleep(goes_on_at - time.monotonic())
                    began = time.monotonic()
                    run.finish(settled, await self._decide(run, prepared) if prepared else None)
                    ended = time.monotonic()
                    goes_on_at = ended + min(ended - began, _MAX_PAUSE)
                    advance(len(rows_of_batch))
        finally:
            hashes.close()
        return run.summary

    async def _without_known(
        self, run: "_Run", prepared: Sequence[Prepared]
    ) -> tuple[list[Prepared], Sequence[Result]]:
        """Return those who will be imported, and the results of the others. No hash of these need be wrapped."""
        foreseen = await self._decide(run, prepared, stores=False)
        known = [result for result in foreseen.results if result.outcome is not Outcome.IMPORTED]
        lines = {result.line for result in known}
        return [each for each in prepared if each.line not in lines], known

    async def _decide(self, run: "_Run", prepared: Sequence[Prepared], *, stores: bool = True) -> Decided:
        stores = stores and not run.options.is_dry_run

        def unit(uow: UnitOfWork) -> Decided:
            deciding = Deciding(
                uow,
                run.options,
                held_names=self._held_names,
                encrypt=self._totp_secrets.encrypt,
                is_given=run.is_given,
                now=self._clock(),
            )
            decided = deciding.decide(prepared)
            if stores:
                UserImportRepository(uow.connection).add(decided.new, decided.totp)
                self._record(uow, run.options, decided)
            return decided

        run_unit = self._database.write if stores else self._database.read
        for tried in range(_MOST_TRIES):
            try:
                return await run_unit(unit)
            except Overtaken:
                continue
            except StorageUnavailable:
                # A busy database may not answer within the time of a request. If the batch was committed after all, its
                # users are recognised.
                await asyncio.sleep(_FIRST_WAIT * 2**tried)
        return await run_unit(unit)

    def _record(self, uow: UnitOfWork, options: ImportOptions, decided: Decided) -> None:
        has_totp = {secret.user_id for secret in decided.totp}
        now = self._clock()
        uow.events.add(
            *(
                audit.event(
                    USER_IMPORTED,
                    at=now,
                    caller=COMMAND_LINE,
                    user_id=user.id,
                    details=_details(options, has_totp=user.id in has_totp),
                )
                for user in decided.new
            )
        )


def _details(options: ImportOptions, *, has_totp: bool) -> Mapping[str, Any]:
    return {"source": options.source.value, **({"method": "totp"} if has_totp else {})}


def _rows(path: Path, options: ImportOptions) -> Iterator[Row]:
    source = SOURCES[options.source]
    return read_rows(path, member=source.member, only_lines=source.only_lines)


class _Run:
    """One import, from its first reading to its summary."""

    def __init__(self, options: ImportOptions, checking: Checking, report: Callable[[Result], None]) -> None:
        self.options = options
        self.survey = _Survey()
        self.summary = Summary()
        self._checking = checking
        self._report = report
        self._renamed: set[str] = set()
        """The canonical names of those who got another name than the file has."""

    async def survey_file(self, path: Path) -> None:
        for _, row in _rows(path, self.options):
            self.survey.rows += 1
            if self.survey.rows % _TURN == 0:
                await asyncio.sleep(0)
            try:
                record = self._record(row)
                self.survey.has_totp |= record.totp is not None
                self.survey.add(self._checking.identify(record))
            except (RecordInvalid, NotAUser):
                continue  # the second reading reports it
        self.survey.close()

    def is_given(self, canonical_name: str) -> bool:
        return canonical_name in self._renamed or self.survey.has_name(canonical_name)

    async def prepare(self, rows: Sequence[Row], hashes: Hashes) -> tuple[list[Prepared], list[Result]]:
        """Return those who are in order, and what to report of the others."""
        checked: list[tuple[int, Candidate]] = []
        refused: list[Result] = []
        for line, row in rows:
            name = None
            try:
                record = self._record(row)
                name = _shown(record)
                candidate = self._checking.check(record)
                self.survey.check(candidate)
                checked.append((line, candidate))
            except NotAUser as error:
                if str(error):
                    refused.append(Result(line, Outcome.SKIPPED, name, str(error)))
            except RecordInvalid as error:
                refused.append(Result(line, Outcome.FAILED, name, str(error)))
        return await self._with_hashes(checked, refused, hashes), refused

    async def wrap(self, prepared: Sequence[Prepared], hashes: Hashes) -> list[Prepared]:
        """Compute the slow hashes around the fast ones."""
        fast = {each.line: each for each in prepared if has_to_be_wrapped(each.stored_hash)}
        texts = await hashes.wrap(
            [found for each in fast.values() if (found := each.candidate.password_hash) is not None]
        )
        for each, text in zip(fast.values(), texts, strict=True):
            fast[each.line] = replace(each, stored_hash=text)
        return [fast.get(each.line, each) for each in prepared]

    def finish(self, settled: Sequence[Result], decided: Decided | None) -> None:
        """Report a batch that is committed, in the order of the file."""
        for result in sorted([*settled, *(decided.results if decided is not None else ())], key=attrgetter("line")):
            self.summary.count(result)
            self._report(result)
        for user in decided.new if decided is not None else ():
            self.summary.unverified += user.pending_email is not None
            self.summary.wrapped += has_to_be_wrapped(user.password_hash)
            if not self.survey.has_name(user.canonical_username):
                self._renamed.add(user.canonical_username)

    def _record(self, row: Mapping[str, Any] | Unreadable) -> Record:
        if isinstance(row, Unreadable):
            raise RecordInvalid(row.reason)
        return SOURCES[self.options.source].read(row, self.options.of_source)

    async def _with_hashes(
        self, checked: Sequence[tuple[int, Candidate]], refused: list[Result], hashes: Hashes
    ) -> list[Prepared]:
        wanted = [each.password_hash for _, each in checked if each.password_hash is not None]
        stored = iter(await hashes.read(wanted))
        prepared = []
        for line, candidate in checked:
            password_hash = next(stored) if candidate.password_hash is not None else None
            try:
                prepared.append(self._prepared(line, candidate, password_hash))
            except RecordInvalid as error:
                refused.append(Result(line, Outcome.FAILED, candidate.naming.surest.display, str(error)))
        return prepared

    def _prepared(self, line: int, candidate: Candidate, password_hash: str | RefusedHash | None) -> Prepared:
        if isinstance(password_hash, RefusedHash):
            candidate, password_hash = self._checking.without_hash(candidate, str(password_hash)), None
        return Prepared(line, candidate, password_hash, self.survey.names_of(candidate))


def _shown(record: Record) -> str | None:
    """Return how the source calls the user, for the report.

    Do not show what looks like a hash in the wrong column, and what a terminal would obey.
    """
    name = record.username or record.email
    return name if name is not None and len(name) <= _MAX_SHOWN and "$" not in name and name.isprintable() else None
