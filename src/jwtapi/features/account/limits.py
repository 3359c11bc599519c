"""How often a user may ask for what takes work, or shows which names are taken. Both are counted by account."""

from jwtapi.features.account.settings import AccountLimitSettings
from jwtapi.rate_limiting.limits import Limit

RENAME = Limit(name="rename", amount=lambda settings: settings.of(AccountLimitSettings).rename_rate_limit)
EXPORT = Limit(name="export", amount=lambda settings: settings.of(AccountLimitSettings).export_rate_limit)
