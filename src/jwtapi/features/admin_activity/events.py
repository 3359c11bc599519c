"""The events of the administration of mails. `details` has the `mail_id` and the `kind`."""

from jwtapi.storage.events import EventType, Invalidates

MAIL_RETRIED = EventType("mail.retried", Invalidates.NOTHING)
MAIL_DELETED = EventType("mail.deleted", Invalidates.NOTHING)
