"""Makes the message that a mail server gets (RFC 5322)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

import idna

from jwtapi.mail.failures import PermanentFailure
from jwtapi.mail.rendering import Content

_POLICY = SMTP.clone(cte_type="7bit")
"""Line endings as in SMTP, and only ASCII in the body, so that no server needs the extension 8BITMIME."""

_RECIPIENT = re.compile(r"[^\s@<>,;:\"\\()\[\]]+@[^\s@<>,;:\"\\()\[\]]+")


@dataclass(frozen=True, slots=True)
class Message:
    id: UUID
    """Of the row in the outbox."""
    sender: str
    recipient: str = field(repr=False)
    data: bytes = field(repr=False)
    """With header and body, as in a file `.eml`."""
    links: tuple[str, ...] = field(repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with the extension SMTPUTF8 (RFC 6531) can deliver it."""
        return not (self.sender + self.recipient).isascii()


def make_message(  # noqa: PLR0913  a message has these parts
    content: Content, *, mail_id: UUID, kind: str, sender: str, recipient: str, language: str, at: datetime
) -> Message:
    """Make the message. `sender` is as in MAIL_FROM.

    Raises:
        PermanentFailure: a header would be malformed, for example because it has a line break.
    """
    name, address = parse_mailbox(sender)
    try:
        to = _address(recipient)
        header = EmailMessage(_POLICY.clone(utf8=not recipient.isascii()))
        header["From"] = Address(name, addr_spec=address)
        header["To"] = to
        header["Subject"] = _printable(content.subject)
        header["Date"] = format_datetime(at)
        # The same for each attempt, so that a server or a person recognises a mail that comes twice.
        header["Message-ID"] = f"<{mail_id}@{address.rpartition('@')[2]}>"
        header["Auto-Submitted"] = "auto-generated"  # RFC 3834: no program answers it
        header.set_content(content.text)
        header.add_alternative(content.html, subtype="html")
        header["Content-Language"] = language
        return Message(mail_id, address, to.addr_spec, header.as_bytes(), content.links)
    # The library raises what its parsers run into. None of it depends on anything but the arguments.
    except (ValueError, MessageError, LookupError, AttributeError, TypeError) as error:
        raise PermanentFailure(f"the mail of kind {kind} is malformed: {type(error).__name__}") from None


def parse_mailbox(mailbox: str) -> tuple[str, str]:
    """Return name and address of `Example <no-reply@example.com>`, as in MAIL_FROM. The name may be empty."""
    name, _, address = mailbox.rpartition("<")
    return name.strip(), address.rstrip(">")


def _address(text: str) -> Address:
    """Parse a recipient. A domain with letters of other scripts becomes ASCII, which each server can deliver to."""
    if not _RECIPIENT.fullmatch(text):  # the library would take the part before a comma or a bracket for an address
        raise ValueError("not the address of one mailbox")
    local, _, domain = _printable(text).partition("@")
    return Address(username=local, domain=domain if domain.isascii() else idna.encode(domain, uts46=True).decode())


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a header must be printable")
    return text
