"""Finds the users that commands name."""

from uuid import UUID

from jwtapi.features.admin.errors import UnknownUser
from jwtapi.security.usernames import parse_username
from jwtapi.services import Services
from jwtapi.storage.database import Database
from jwtapi.storage.users import User


async def user_named(services: Services, name: str) -> User:
    """Return the user of an id or of a name. The id comes first: somebody may have the id of another user as a name.

    Raises:
        UsernameInvalid: it can be neither.
        UnknownUser
    """
    user_id, canonical = parse_user_id(name), parse_username(name).canonical
    user = await services[Database].read(
        lambda uow: (uow.users.get(user_id) if user_id is not None else None) or uow.users.by_name(canonical)
    )
    if user is None:
        raise UnknownUser(name)
    return user


async def is_taken(services: Services, name: str) -> bool:
    """Return whether a user has the name.

    Raises:
        UsernameInvalid
    """
    canonical = parse_username(name).canonical
    return await services[Database].read(lambda uow: uow.users.by_name(canonical) is not None)


def parse_user_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
