"""How often people may enter an e-mail address."""

from hashlib import sha256

from jwtapi.rate_limiting.limits import Limit
from jwtapi.security.email_addresses import EmailAddress

EMAIL_RECIPIENT = Limit(name="email_recipient", amount=lambda settings: settings.email_recipient_rate_limit)
"""Counted by e-mail address, whoever enters it, so that nobody fills a stranger's mailbox."""


def key_of(address: EmailAddress) -> str:
    return sha256(address.canonical.encode()).hexdigest()
