"""Makes sure that one user can always administer the others."""

from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.users.errors import LastAdministrator

ADMIN = "admin"
"""The role of those who administer users."""


def keep_an_administrator(uow: UnitOfWork, user: User) -> None:
    """Call it before a user, whose row is locked, loses the role, is disabled or deleted.

    Raises:
        LastAdministrator: there would be no administrator any more.
    """
    if ADMIN not in user.roles or user.disabled_at is not None or user.is_service_account:
        return
    # Two administrators may demote each other at once. Each transaction would still see the other one's role. Nothing
    # locks the row of a user after this lock, so that transactions which wait for it hold nothing that its owner needs.
    uow.lock("administrators")
    if not uow.users.has_another(user.id, role=ADMIN):
        raise LastAdministrator
