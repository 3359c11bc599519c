"""Kinds of mails. A package declares its own as constants in its `mails.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from jwtapi.mail.links import Links
from jwtapi.security.link_tokens import LinkTokens
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: the values of a template, and the address."""

    recipient: str = field(repr=False)
    template: str
    """The name of the template, without language and ending."""
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The values of the template. They may contain links with tokens."""


@dataclass(frozen=True, slots=True)
class Composing:
    """What a mail is composed with."""

    links: Links
    tokens: LinkTokens
    now: datetime


Compose: TypeAlias = Callable[[UnitOfWork, QueuedMail, Composing], Letter | None]
"""Makes the letter in a unit that reads, when the mail is about to be sent. None: nobody is to get it any more."""


@dataclass(frozen=True, slots=True)
class MailKind:
    name: str
    """At most 40 characters. It never changes, because rows of the outbox have it."""
    compose: Compose

    def __post_init__(self) -> None:
        """Register the kind.

        Raises:
            ValueError: another kind has the name, or the name is longer than its column.
        """
        if len(self.name) > _NAME_LENGTH or self.name in _kinds:
            raise ValueError(f"The kind of mail {self.name!r} is declared twice, or its name is too long")
        _kinds[self.name] = self


_NAME_LENGTH = 40
_kinds: dict[str, MailKind] = {}

MAIL_KINDS: Mapping[str, MailKind] = MappingProxyType(_kinds)
"""The kinds of mails by name. It is complete when the features have been imported."""
