"""How an attempt to send a mail fails. A reason is for the operator: one line without secrets."""

from jwtapi.storage.mails import LONGEST_ERROR


class SendingFailed(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason[:LONGEST_ERROR]
        super().__init__(self.reason)


class TransientFailure(SendingFailed):
    """A later attempt may succeed."""


class ServerFailure(TransientFailure):
    """The mail server cannot be used, so other mails fail too. It is down, or MAIL_URL or MAIL_FROM is wrong."""


class PermanentFailure(SendingFailed):
    """No later attempt would succeed, because of the address or of the message itself (RFC 5321 §4.2.1)."""
