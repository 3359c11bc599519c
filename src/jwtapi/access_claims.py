"""Who is acting, and as what: said by an access token, confirmed by the row of its session."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, eq=False)
class AccessClaims:
    """Compared by identity, so that what is remembered of them is quick to look up; see `says_the_same_as`."""

    user_id: UUID
    username: str
    session_id: UUID
    roles: tuple[str, ...]

    def says_the_same_as(self, other: "AccessClaims") -> bool:
        return (self.user_id, self.username, self.session_id, self.roles) == (
            other.user_id,
            other.username,
            other.session_id,
            other.roles,
        )
