"""The events of a user."""

from jwtapi.storage.events import EventType, Invalidates

USER_INVITED = EventType("user.invited", Invalidates.NOTHING)
USER_REGISTERED = EventType("user.registered", Invalidates.NOTHING)
USER_CREATED = EventType("user.created", Invalidates.NOTHING)
"""An administrator has made the user. USER_REGISTERED is for people who register, and for the command line."""
USER_RENAMED = EventType("user.renamed", Invalidates.USER)
USER_DISABLED = EventType("user.disabled", Invalidates.USER)
USER_ENABLED = EventType("user.enabled", Invalidates.USER)
USER_DELETED = EventType("user.deleted", Invalidates.USER)
PASSWORD_CHANGED = EventType("user.password_changed", Invalidates.USER)
PASSWORD_REMOVED = EventType("user.password_removed", Invalidates.USER)
ROLES_CHANGED = EventType("user.roles_changed", Invalidates.USER)
METADATA_CHANGED = EventType("user.metadata_changed", Invalidates.USER)
"""Access tokens may have some of it."""
