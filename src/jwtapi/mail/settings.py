"""Which notices are sent."""

from pydantic import BaseModel

from jwtapi.settings import RateLimit


class NoticeSettings(BaseModel):
    notice_password_changed: bool = True
    notice_email_changed: bool = True
    notice_new_device: bool = True
    notice_token_reused: bool = True
    notice_account_deleted: bool = True
    notice_second_factor_changed: bool = True
    notice_recovery_code_used: bool = True
    notice_api_key_created: bool = True
    notice_rate_limit: RateLimit = "10/day"
    """For one account, by kind: of new devices, reused tokens, second factors, recovery codes and API keys."""
