"""The mails that make users, and that let them in again: verification, invitation, and a link for a new password."""

from datetime import timedelta
from uuid import UUID

from jwtapi.mail.kinds import Composing, Letter, MailKind
from jwtapi.mail.unlinked import unlinked
from jwtapi.security.link_tokens import LinkPurpose
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.users.logins import Login
from jwtapi.users.pending_email import pending_email_of
from jwtapi.users.reset_links import VALID_MINUTES, reset_link

VALID_HOURS = 24


def _compose_verification(uow: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    """Write to the address that waits now. Only here, not in the request, is it known whether somebody has it."""
    user = uow.users.get(mail.user_id) if mail.user_id is not None else None
    pending = pending_email_of(user) if user is not None else None
    if user is None or pending is None:
        return None
    if mail.recipient is not None and mail.recipient != pending.address.display:
        return None  # the user has entered another address since, for which there is another mail
    links, recipient = composing.links, pending.address.display
    if uow.users.by_email(pending.address.canonical) is not None:
        variables = {"sign_in_link": links.page(), "forgot_link": links.page("forgot")}
        return Letter(recipient, "already_registered", variables)
    token = composing.tokens.issue(
        LinkPurpose.VERIFY_EMAIL,
        user.id,
        bound_to=pending.link_state,
        expires_at=composing.now + timedelta(hours=VALID_HOURS),
    )
    link = links.page("verify", token=token, account=user.username)
    return Letter(recipient, "verify_email", {"username": unlinked(user.username), "link": link, "hours": VALID_HOURS})


VERIFY_EMAIL = MailKind("verify_email", _compose_verification)
"""Has `user_id`, and can have the `recipient`: then it is only sent while this address waits."""


def _compose_invitation(uow: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    """Write to nobody if the invitation was used, has expired or was replaced."""
    invitation = uow.invitations.get(UUID(mail.details["invitation"]))
    if invitation is None or invitation.used_at is not None or invitation.expires_at <= composing.now:
        return None
    token = composing.tokens.issue(
        LinkPurpose.ACCEPT_INVITATION,
        invitation.id,
        bound_to=invitation.key,
        expires_at=invitation.expires_at,
    )
    link = composing.links.page("register", invitation=token)
    return Letter(
        invitation.email, "invitation", {"link": link, "until": f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"}
    )


INVITATION = MailKind("invitation", _compose_invitation)
"""Has `invitation` in its details: the id of the invitation."""


def _compose_reset(uow: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    """Write to the verified address of the user, never to the address that somebody typed."""
    if mail.user_id is not None:
        user = uow.users.get(mail.user_id)
    else:
        user = Login(mail.details["username"], mail.details["email"]).user(uow)
    if user is None or user.email is None or not user.may_sign_in:
        return None
    variables = {
        "username": unlinked(user.username),
        "link": reset_link(user, composing.links, composing.tokens, composing.now),
        "minutes": VALID_MINUTES,
    }
    return Letter(user.email, "password_reset", variables)


PASSWORD_RESET = MailKind("password_reset", _compose_reset)
"""Has `user_id` if an administrator sends it. Otherwise its details have the canonical login that somebody has typed.

Only when the mail is composed, it is known whether anybody has that login.
"""
