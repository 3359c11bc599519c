"""The errors of changes to an account."""

from jwtapi.errors import TooLarge


class SettingsTooLarge(TooLarge):
    code = "settings_too_large"
    meaning = "the settings would exceed 16 KiB"
    message = "Settings must not exceed 16 KiB"
