"""Why an account could not be changed."""

from jwtapi.errors import TooLarge


class SettingsTooLarge(TooLarge):
    code = "settings_too_large"
    message = "Settings must not exceed 16 KiB"
