"""The mail to somebody who has forgotten the password."""

from jwtapi.mail.kinds import Composing, Letter, MailKind
from jwtapi.mail.unlinked import unlinked
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.users.logins import Login
from jwtapi.users.reset_links import VALID_MINUTES, reset_link


def _compose(uow: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    """Write to the verified address of the user, never to the address that somebody typed."""
    user = Login(mail.details["username"], mail.details["email"]).user(uow)
    if user is None or user.email is None or user.disabled_at is not None:
        return None
    variables = {
        "username": unlinked(user.username),
        "link": reset_link(user, composing.links, composing.tokens, composing.now),
        "minutes": VALID_MINUTES,
    }
    return Letter(user.email, "password_reset", variables)


PASSWORD_RESET = MailKind("password_reset", _compose)
"""`details` has the canonical login. Only when the mail is composed, it is known whether anybody has it."""
