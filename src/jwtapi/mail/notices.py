"""Notices: mails to the owner of an account about what has happened to it."""

from typing import Any
from uuid import UUID

from jwtapi.caller import Caller
from jwtapi.clock import Clock
from jwtapi.errors import TooManyRequests
from jwtapi.mail.kinds import Composing, Letter, MailKind
from jwtapi.mail.outbox import Outbox
from jwtapi.mail.settings import NoticeSettings
from jwtapi.mail.unlinked import unlinked
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.limits import Limit
from jwtapi.security.link_tokens import LinkPurpose
from jwtapi.settings import Settings
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User

NOTICES = Limit(name="notices", amount=lambda settings: settings.of(NoticeSettings).notice_rate_limit)
"""Counted by kind and user. It is for notices that a thief of a password could cause without end."""


def _key(kind: MailKind, user_id: UUID) -> str:
    return f"{kind.name}:{user_id}"


def _letter(mail: QueuedMail, template: str, **more: Any) -> Letter | None:
    """Return the letter to the address of then: whoever took over the account may have changed it meanwhile."""
    if mail.recipient is None:
        return None
    variables: dict[str, Any] = {
        "username": unlinked(mail.details["username"]),
        "when": f"{mail.created_at:%Y-%m-%d %H:%M} UTC",
        "address": mail.details["address"],
        "user_agent": mail.details["user_agent"],
    }
    return Letter(mail.recipient, template, variables | more)


def _letter_of_protection(mail: QueuedMail, composing: Composing, template: str, **more: Any) -> Letter | None:
    """Return a letter about what protects the account, with links to protect it again."""
    links = composing.links
    return _letter(mail, template, forgot_link=links.page("forgot"), security_link=links.page("security"), **more)


def _compose_password_changed(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    return _letter_of_protection(mail, composing, "notice_password_changed")


def _compose_password_removed(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    return _letter_of_protection(mail, composing, "notice_password_removed")


def _compose_email_changed(uow: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    """Write to the address before the change. The link that restores it is made only if it still can be restored."""
    user = uow.users.get(mail.user_id) if mail.user_id is not None else None
    link = None
    if user is not None and user.former_email == mail.recipient and user.former_email_until is not None:
        token = composing.tokens.issue(
            LinkPurpose.UNDO_EMAIL, user.id, bound_to=user.undo_state, expires_at=user.former_email_until
        )
        link = composing.links.page("undo", token=token, account=user.username)
    return _letter(mail, "notice_email_changed", undo_link=link)


def _compose_new_device(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    links = composing.links
    return _letter(mail, "notice_new_device", sessions_link=links.page("sessions"), forgot_link=links.page("forgot"))


def _compose_token_reused(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    links = composing.links
    return _letter(mail, "notice_token_reused", sessions_link=links.page("sessions"), forgot_link=links.page("forgot"))


def _compose_account_deleted(_: UnitOfWork, mail: QueuedMail, __: Composing) -> Letter | None:
    return _letter(mail, "notice_account_deleted")


def _compose_second_factor_changed(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    return _letter_of_protection(mail, composing, "notice_second_factor_changed", change=mail.details["change"])


def _compose_recovery_code_used(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    return _letter_of_protection(mail, composing, "notice_recovery_code_used", remaining=mail.details["remaining"])


def _compose_api_key_created(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    return _letter_of_protection(mail, composing, "notice_api_key_created", key_name=unlinked(mail.details["key_name"]))


PASSWORD_CHANGED = MailKind("notice_password_changed", _compose_password_changed)
PASSWORD_REMOVED = MailKind("notice_password_removed", _compose_password_removed)
EMAIL_CHANGED = MailKind("notice_email_changed", _compose_email_changed)
NEW_DEVICE = MailKind("notice_new_device", _compose_new_device)
TOKEN_REUSED = MailKind("notice_token_reused", _compose_token_reused)
ACCOUNT_DELETED = MailKind("notice_account_deleted", _compose_account_deleted)
SECOND_FACTOR_CHANGED = MailKind("notice_second_factor_changed", _compose_second_factor_changed)
RECOVERY_CODE_USED = MailKind("notice_recovery_code_used", _compose_recovery_code_used)
API_KEY_CREATED = MailKind("notice_api_key_created", _compose_api_key_created)


class Notices:
    """Each method stores a mail in the unit of the change, if its setting is on and the user has a verified address."""

    def __init__(self, settings: Settings, outbox: Outbox, limiter: RateLimiter, clock: Clock) -> None:
        wanted = settings.of(NoticeSettings)
        self._on = {
            PASSWORD_CHANGED: wanted.notice_password_changed,
            PASSWORD_REMOVED: wanted.notice_password_changed,
            EMAIL_CHANGED: wanted.notice_email_changed,
            NEW_DEVICE: wanted.notice_new_device,
            TOKEN_REUSED: wanted.notice_token_reused,
            ACCOUNT_DELETED: wanted.notice_account_deleted,
            SECOND_FACTOR_CHANGED: wanted.notice_second_factor_changed,
            RECOVERY_CODE_USED: wanted.notice_recovery_code_used,
            API_KEY_CREATED: wanted.notice_api_key_created,
        }
        self._outbox = outbox
        self._limiter = limiter
        self._clock = clock

    def password_changed(self, uow: UnitOfWork, user: User, caller: Caller) -> None:
        self._add(uow, PASSWORD_CHANGED, user, caller)

    def password_removed(self, uow: UnitOfWork, user: User, caller: Caller) -> None:
        self._add(uow, PASSWORD_REMOVED, user, caller)

    def email_changed(self, uow: UnitOfWork, before: User, caller: Caller) -> None:
        """`before` is the user before the change: the notice goes to the address of then."""
        self._add(uow, EMAIL_CHANGED, before, caller)

    async def admits_new_device(self, user: User) -> bool:
        """Return whether `new_device` would store a mail, and count it. Call it before the unit."""
        return self._sends(NEW_DEVICE) and user.email is not None and await self._admits(NEW_DEVICE, user.id)

    def new_device(self, uow: UnitOfWork, user: User, caller: Caller, *, is_bounded: bool) -> None:
        """`is_bounded`: the mail was not counted yet, because something else might still have been required."""
        self._add(uow, NEW_DEVICE, user, caller, is_bounded=is_bounded)

    async def admits_token_reused(self, user_id: UUID) -> bool:
        """As `admits_new_device`, without a look at the address."""
        return self._sends(TOKEN_REUSED) and await self._admits(TOKEN_REUSED, user_id)

    def token_reused(self, uow: UnitOfWork, user: User, caller: Caller) -> None:
        self._add(uow, TOKEN_REUSED, user, caller)

    def account_deleted(self, uow: UnitOfWork, before: User, caller: Caller) -> None:
        self._add(uow, ACCOUNT_DELETED, before, caller)

    def second_factor_changed(self, uow: UnitOfWork, user: User, caller: Caller, *, change: str) -> None:
        """`change` is one of `totp_added`, `totp_removed`, `passkey_added`, `passkey_removed`, `recovery_codes_made`
        and `reset`.

        A thief of a password without a second factor could add and remove one again and again, but can reset nothing.
        """
        is_bounded = change != "reset"
        self._add(uow, SECOND_FACTOR_CHANGED, user, caller, is_bounded=is_bounded, change=change)

    def recovery_code_used(self, uow: UnitOfWork, user: User, caller: Caller, *, remaining: int) -> None:
        """Tell how many codes remain. There are ten, but whoever has a second factor can make new ones."""
        self._add(uow, RECOVERY_CODE_USED, user, caller, is_bounded=True, remaining=remaining)

    def api_key_created(self, uow: UnitOfWork, owner: User, caller: Caller, *, name: str) -> None:
        """Tell of a key. Whoever has a session of the owner could make and revoke keys again and again."""
        self._add(uow, API_KEY_CREATED, owner, caller, is_bounded=True, key_name=name)

    def wake(self) -> None:
        """Let the mail be sent now. Call it after the unit was committed."""
        self._outbox.wake()

    def _sends(self, kind: MailKind) -> bool:
        return self._outbox.is_on and self._on[kind]

    async def _admits(self, kind: MailKind, user_id: UUID) -> bool:
        try:
            await self._limiter.spend(NOTICES, _key(kind, user_id))
        except TooManyRequests:
            return False
        return True

    def _add(
        self, uow: UnitOfWork, kind: MailKind, user: User, caller: Caller, *, is_bounded: bool = False, **more: Any
    ) -> None:
        """With `is_bounded`, the mail counts for NOTICES, and is not stored if there were too many."""
        if user.email is None or not self._sends(kind):
            return
        now = self._clock()
        if is_bounded and not self._limiter.admits(uow, NOTICES, _key(kind, user.id), now):
            return
        self._outbox.add(
            uow,
            kind,
            at=now,
            # What belongs to a deleted user is deleted too, except for this mail.
            user_id=user.id if kind is not ACCOUNT_DELETED else None,
            recipient=user.email,
            details={"username": user.username, **_origin(user, caller)} | more,
            language=caller.language,
        )


def _origin(user: User, caller: Caller) -> dict[str, str | None]:
    """Return from where the change was made. From where administrators work is not the business of users."""
    is_own = caller.actor_id is None or caller.actor_id == user.id
    return {"address": caller.address if is_own else None, "user_agent": caller.user_agent if is_own else None}
