"""The mail by which an operator tries whether mails arrive."""

from jwtapi.mail.kinds import Composing, Letter, MailKind
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork


def _compose_test(_: UnitOfWork, mail: QueuedMail, composing: Composing) -> Letter | None:
    if mail.recipient is None:
        return None
    return Letter(mail.recipient, "test", {"link": composing.links.page()})


TEST_MAIL = MailKind("test", _compose_test)
