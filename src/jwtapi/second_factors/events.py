"""The events of second factors. Those that take something away drop the user's sessions from all caches."""

from jwtapi.storage.events import EventType, Invalidates

FACTOR_ADDED = EventType("mfa.added", Invalidates.NOTHING)
"""`details` has the `method`."""
FACTOR_REMOVED = EventType("mfa.removed", Invalidates.USER)
"""`details` has the `method`."""
RECOVERY_CODES_MADE = EventType("mfa.recovery_codes_made", Invalidates.NOTHING)
RECOVERY_CODE_USED = EventType("mfa.recovery_code_used", Invalidates.NOTHING)
PASSKEY_COUNTER = EventType("passkey.counter_not_increased", Invalidates.NOTHING)
"""Somebody may have copied the key. `details` has the `passkey_id`, and whether the sign-in was `refused`."""
MFA_RESET = EventType("mfa.reset", Invalidates.USER)
"""An operator, or the owner of an address, has removed all second factors."""
