"""Decides who of a batch is imported, inside the unit that stores them: nobody can take a name in between."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from jwtapi.importing.candidates import Candidate
from jwtapi.importing.events import USER_IMPORTED
from jwtapi.importing.naming import is_renamed, numbered
from jwtapi.importing.options import ImportOptions, OnConflict
from jwtapi.importing.results import Outcome, Result
from jwtapi.security.usernames import Username
from jwtapi.storage.totp_secrets import TotpSecret
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.user_imports import Rival, UserImportRepository
from jwtapi.storage.users import User
from jwtapi.users.held_names import HeldNames

_NUMBERS = (range(2, 6), range(6, 100))
"""The numbers that a renamed user can get. Somebody for whom all are taken is reported."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A candidate, with everything that takes long already done."""

    line: int
    candidate: Candidate
    stored_hash: str | None = field(repr=False)
    names: Sequence[Username]
    """The names that the user may have, the best one first."""


@dataclass(frozen=True, slots=True)
class Decided:
    results: Sequence[Result]
    new: Sequence[User]
    totp: Sequence[TotpSecret]


class Deciding:
    """One batch. It is made anew when the unit runs again."""

    def __init__(  # noqa: PLR0913  deciding needs all of them
        self,
        uow: UnitOfWork,
        options: ImportOptions,
        *,
        held_names: HeldNames,
        encrypt: Callable[[UUID, str], bytes],
        is_given: Callable[[str], bool],
        now: datetime,
    ) -> None:
        """`is_given` returns whether the file has a canonical name, or this run has given it to somebody."""
        self._uow = uow
        self._repository = UserImportRepository(uow.connection)
        self._options = options
        self._held_names = held_names
        self._encrypt = encrypt
        self._is_given = is_given
        self._now = now
        self._new: list[User] = []
        self._totp: list[TotpSecret] = []

    def decide(self, batch: Sequence[Prepared]) -> Decided:
        candidates = [each.candidate for each in batch]
        names = {name.canonical for each in batch for name in each.names}
        rivals = self._repository.rivals(
            ids={each.user_id for each in candidates if each.user_id is not None},
            names=names,
            emails={each.email.canonical for each in candidates if each.email is not None and each.is_verified},
            external_ids={each.external_id for each in candidates if each.external_id is not None},
        )
        self._ids = {rival.id for rival in rivals}
        self._by_name = {rival.canonical_username: rival for rival in rivals}
        self._by_email = {rival.canonical_email: rival for rival in rivals if rival.canonical_email is not None}
        self._by_external_id = {rival.external_id: rival for rival in rivals if rival.external_id is not None}
        self._held = self._held_names.held_among(self._uow, names)
        self._imported = self._imported_without_id(candidates)
        return Decided([self._result(each) for each in batch], self._new, self._totp)

    def _imported_without_id(self, candidates: Iterable[Candidate]) -> Mapping[UUID, Mapping[str, Any]]:
        if all(each.external_id is not None for each in candidates):
            return {}
        ids = [rival.id for rival in self._by_name.values() if rival.external_id is None]
        return self._repository.imported(ids, USER_IMPORTED.name)

    def _result(self, prepared: Prepared) -> Result:
        candidate = prepared.candidate
        if candidate.external_id is not None:
            same_id = self._by_external_id.get(candidate.external_id)
            if same_id is not None:
                if _is_same(candidate, same_id):
                    return self._exists(prepared, same_id)
                return self._conflict(prepared, "another user has this id")
        name, rival = self._free_name(prepared)
        if rival is not None:
            return self._exists(prepared, rival)
        email = candidate.email
        if email is not None and candidate.is_verified and email.canonical in self._by_email:
            return self._conflict(prepared, "another user has verified this e-mail address")
        if name is None:
            name = self._other_name(candidate)
        if name is None:
            return self._conflict(prepared, self._why_not(prepared))
        return self._add(prepared, name)

    def _free_name(self, prepared: Prepared) -> tuple[Username | None, Rival | None]:
        """Return the first name that is free, or the user whom an earlier run has imported from the same line."""
        for name in prepared.names:
            rival = self._by_name.get(name.canonical)
            if rival is not None and self._is_imported_before(prepared.candidate, rival):
                return None, rival
            if rival is None and name.canonical not in self._held:
                return name, None
        return None, None

    def _is_imported_before(self, candidate: Candidate, rival: Rival) -> bool:
        """Return whether a line without an id is that of a user. Only the name remains to recognise somebody by."""
        if candidate.external_id is not None or rival.external_id is not None:
            return False
        if self._imported.get(rival.id, {}).get("source") != self._options.source.value:
            return False
        suffixed = candidate.naming.suffixed
        if suffixed is not None and suffixed.canonical != rival.canonical_username and not _has_email(candidate, rival):
            return False
        return candidate.created_at is None or candidate.created_at == rival.created_at

    def _other_name(self, candidate: Candidate) -> Username | None:
        own = candidate.naming.own
        # Without an id, a second run would not know that it has given somebody another name.
        if self._options.on_conflict is not OnConflict.RENAME or own is None or candidate.external_id is None:
            return None
        for numbers in _NUMBERS:
            others = numbered(own, numbers)
            canonical = {other.canonical for other in others}
            rivals = self._repository.rivals(ids=(), names=canonical, emails=(), external_ids=())
            taken = {rival.canonical_username for rival in rivals} | self._held_names.held_among(self._uow, canonical)
            taken |= {user.canonical_username for user in self._new}
            for other in others:
                if other.canonical not in taken and not self._is_given(other.canonical):
                    return other
        return None

    def _why_not(self, prepared: Prepared) -> str:
        if any(name.canonical in self._by_name for name in prepared.names):
            reason = "another user has this user name"
        else:
            reason = "the user name is held back, because its owner has deleted the account"
        if self._options.on_conflict is OnConflict.RENAME and prepared.candidate.external_id is None:
            return f"{reason}, and a line without an id is not renamed"
        return reason

    def _add(self, prepared: Prepared, name: Username) -> Result:
        candidate, email = prepared.candidate, prepared.candidate.email
        wanted = candidate.user_id
        user_id = wanted if wanted is not None and wanted not in self._ids else uuid4()
        self._ids.add(user_id)
        has_totp = candidate.totp_secret is not None
        user = User(
            id=user_id,
            username=name.display,
            canonical_username=name.canonical,
            password_hash=prepared.stored_hash,
            roles=candidate.roles,
            settings={},
            created_at=candidate.created_at or self._now,
            disabled_at=self._now if candidate.disabled else None,
            email=email.display if email is not None and candidate.is_verified else None,
            canonical_email=email.canonical if email is not None and candidate.is_verified else None,
            pending_email=email.display if email is not None and not candidate.is_verified else None,
            security_stamp=secrets.token_bytes(16),
            second_factor_since=self._now if has_totp else None,
            metadata=candidate.metadata,
            external_id=candidate.external_id,
        )
        self._new.append(user)
        if candidate.totp_secret is not None:
            encrypted = self._encrypt(user_id, candidate.totp_secret)
            self._totp.append(TotpSecret(user_id, encrypted, self._now, self._now, last_step=0))
        # The next one of this batch finds this user, as the next batch does.
        rival = Rival(
            user.id, name.canonical, user.canonical_email, user.pending_email, user.external_id, user.created_at
        )
        self._by_name[name.canonical] = rival
        if rival.canonical_email is not None:
            self._by_email[rival.canonical_email] = rival
        if rival.external_id is not None:
            self._by_external_id[rival.external_id] = rival
        own = candidate.naming.own
        notes = [*candidate.notes]
        if own is not None and own.canonical != name.canonical:
            notes.append("renamed, because another user has this user name")
        outcome = Outcome.VALID if self._options.is_dry_run else Outcome.IMPORTED
        # In a dry run nobody has the id yet, and the next run may give another one.
        shown_id = user_id if not self._options.is_dry_run or user_id == wanted else None
        return Result(prepared.line, outcome, name.display, "; ".join(notes) or None, shown_id, candidate.external_id)

    def _exists(self, prepared: Prepared, rival: Rival) -> Result:
        return Result(
            prepared.line,
            Outcome.EXISTS,
            rival.canonical_username,
            "an earlier run has imported this user",
            rival.id,
            prepared.candidate.external_id,
        )

    def _conflict(self, prepared: Prepared, reason: str) -> Result:
        is_skipped = self._options.on_conflict is OnConflict.SKIP
        return Result(
            prepared.line,
            Outcome.SKIPPED if is_skipped else Outcome.FAILED,
            prepared.candidate.naming.surest.display,
            reason,
            external_id=prepared.candidate.external_id,
        )


def _is_same(candidate: Candidate, rival: Rival) -> bool:
    """Return whether the user with the same external id is the same one, and not one of another system.

    The date of creation never changes. Without one, the name must be the one that an import gives.
    """
    if candidate.created_at is not None:
        return candidate.created_at == rival.created_at
    naming = candidate.naming
    names = {name.canonical for name in (naming.own, naming.plain, naming.suffixed) if name is not None}
    return rival.canonical_username in names or (
        naming.own is not None and is_renamed(rival.canonical_username, naming.own)
    )


def _has_email(candidate: Candidate, rival: Rival) -> bool:
    email = candidate.email
    return email is not None and (email.canonical == rival.canonical_email or email.display == rival.pending_email)
