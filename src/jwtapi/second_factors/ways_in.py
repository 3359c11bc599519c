"""The last way in cannot be removed."""

from collections.abc import Sequence

from jwtapi.errors import Conflict
from jwtapi.storage.passkeys import Passkey, PasskeyRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


class LastWayIn(Conflict):
    code = "last_way_in"
    meaning = "without this, the user could not sign in any more"
    message = "This is the last way to sign in"


def may_lose_a_passkey(user: User, others: Sequence[Passkey], rp_id: str | None) -> bool:
    """Return whether a user, whose row is locked, can sign in by the password, or by another passkey of this domain."""
    return user.password_hash is not None or any(other.rp_id == rp_id for other in others)


def may_lose_the_password(uow: UnitOfWork, user: User, *, rp_id: str | None, sends_mail: bool) -> bool:
    """Return whether a user, whose row is locked, has a passkey, and something to fall back on if it is lost.

    That is another passkey, or a verified address, to which a link for a new password can go. Recovery codes are none:
    they are asked for after a password.
    """
    usable = len(_usable(uow, user, rp_id))
    return usable > 1 or (usable == 1 and _gets_mail(user, sends_mail=sends_mail))


def may_lose_all_passkeys(user: User, *, sends_mail: bool) -> bool:
    """Return whether the user has a password, or can get a link for one by mail."""
    return user.password_hash is not None or _gets_mail(user, sends_mail=sends_mail)


def _usable(uow: UnitOfWork, user: User, rp_id: str | None) -> Sequence[Passkey]:
    """Return the passkeys of this domain. Those of another one sign nobody in."""
    return [each for each in PasskeyRepository(uow.connection).list(user.id) if each.rp_id == rp_id]


def _gets_mail(user: User, *, sends_mail: bool) -> bool:
    return sends_mail and user.email is not None
