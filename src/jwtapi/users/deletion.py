"""Deletes users: immediately for everybody, and in the background, in batches, what they leave."""

from datetime import datetime, timedelta

from jwtapi import audit
from jwtapi.caller import Caller
from jwtapi.storage.remembered_devices import RememberedDeviceRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.administrators import keep_an_administrator
from jwtapi.users.events import USER_DELETED

REMAINS = timedelta(minutes=5)
"""How long the stripped row remains. A request that had read the user before the deletion has ended by then, so none
adds an event with an address to those that were erased."""


def delete_user(uow: UnitOfWork, user: User, at: datetime, caller: Caller) -> None:
    """Delete a user whose row is locked. The time does not grow with what the user owns.

    The sessions need no statement: the event invalidates them in all caches, and they have no user any more.

    Raises:
        LastAdministrator
    """
    keep_an_administrator(uow, user)
    if user.canonical_email is not None:
        uow.invitations.delete_used(user.canonical_email)
    uow.users.mark_deleted(user.id, at)
    uow.events.add(audit.event(USER_DELETED, at=at, caller=caller, user_id=user.id))


def prune_deleted_users(uow: UnitOfWork, now: datetime, *, limit: int) -> int:
    """Delete or erase up to `limit` rows of deleted users, and return how many. The rows of the users are the last."""
    user_ids = uow.users.deleted(before=now - REMAINS, limit=limit)
    if not user_ids:
        return 0
    pruned = 0
    for prune in (
        uow.sessions.delete_of,
        RememberedDeviceRepository(uow.connection).delete_of,
        uow.mails.delete_given_up_of,
        uow.events.erase_of,
        uow.users.delete_marked,  # its factors, passkeys and API keys, which are few, go with the row
    ):
        pruned += prune(user_ids, limit=limit - pruned)
        if pruned >= limit:
            break  # there may be more, and the row of a user must be the last
    return pruned
