"""The settings of the admin page."""

from pydantic import BaseModel

from jwtapi.settings import Settings


class AdminPageSettings(BaseModel):
    admin_page_enabled: bool | None = None
    """None: as ACCOUNT_PAGE_ENABLED. Apps that have their own pages rarely want one of these."""


def serves_admin_page(settings: Settings) -> bool:
    enabled = settings.of(AdminPageSettings).admin_page_enabled
    return settings.account_page_enabled if enabled is None else enabled
