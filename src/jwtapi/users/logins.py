"""What people type to say who they are: a user name, or an e-mail address."""

from dataclasses import dataclass
from hashlib import sha256

from jwtapi.security.email_addresses import EmailInvalid, parse_email
from jwtapi.security.usernames import UsernameInvalid, parse_username
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class Login:
    """A login that any database can look up. If it is not valid, no user has it."""

    canonical_username: str
    canonical_email: str | None
    """None without an @."""

    @property
    def key(self) -> str:
        """Equal for logins that can only mean the same user. Limits count by it where there is no user."""
        return sha256((self.canonical_email or self.canonical_username).encode()).hexdigest()

    def user(self, uow: UnitOfWork) -> User | None:
        """Find the user, by one statement.

        The verified address wins over a user name of before names could not have an @. Its owner has proved to own
        the mailbox, and the owner of the name may have chosen it to pretend the same. The name works as long as nobody
        has verified the address.
        """
        if self.canonical_email is None:
            return uow.users.by_name(self.canonical_username)
        return uow.users.by_email_or_name(self.canonical_email, self.canonical_username)


def parse_login(login: str) -> Login:
    nobody = f" {sha256(login.encode(errors='replace')).hexdigest()}"  # begins with a space, as no name and no address
    try:
        name = parse_username(login).canonical
    except UsernameInvalid:
        name = nobody
    if "@" not in login and "@" not in name:  # a name can be typed with a wide @
        return Login(name, None)
    try:
        email = parse_email(login).canonical
    except EmailInvalid:
        email = f" {name}"
    return Login(name, email)
