"""Notices of API keys."""

import pytest

from jwtapi.api_keys.service import ApiKeyService, WantedKey
from jwtapi.caller import COMMAND_LINE
from tests.conftest import RunApi
from tests.features.password.test_forgot import EMAIL
from tests.mail.test_notices import FIREFOX, FORGOT, SECURITY, assert_names_the_circumstances, owner
from tests.support.api import sign_in
from tests.support.smtp import Mailbox

KEY = {"name": "backup https://evil.example"}


async def test_the_owner_is_told_of_each_new_api_key(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        client = await owner(api)
        assert (await client.post("/api/keys", json=KEY)).status_code == 201
        mail = await mailbox.next(EMAIL)
        german = await sign_in(api.client(**{"User-Agent": FIREFOX, "Accept-Language": "de"}))
        assert (await german.post("/api/keys", json=KEY)).status_code == 201
        _new_device, in_german = await mailbox.unread(api)
    assert mail.subject == "New API key of your account at auth.example.com"
    assert in_german.subject == "Neuer API-Schlüssel für Ihr Konto bei auth.example.com"
    assert_names_the_circumstances(mail)
    assert "The key is called: backup" in mail.text
    assert "Der Schlüssel heißt: backup" in in_german.text
    # Mail programs make no link of what somebody else may have chosen.
    assert "evil.example" not in mail.text + mail.html
    assert mail.links == in_german.links == [SECURITY, FORGOT]
    assert "jwtapi_" not in mail.text + mail.html


async def test_the_owner_is_told_of_a_key_that_the_operator_made(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await owner(api)
        await api.services[ApiKeyService].create((await api.user()).id, WantedKey("backup"), COMMAND_LINE)
        mail = await mailbox.next(EMAIL)
    assert "From: the operator of this server" in mail.text


@pytest.mark.parametrize("overrides", ({"notice_api_key_created": False}, {"notice_rate_limit": "1/hour"}))
async def test_notices_of_api_keys_are_switched_off_or_bounded(
    run_api: RunApi, mailbox: Mailbox, overrides: dict[str, object]
) -> None:
    mailbox.stop()
    async with run_api(rate_limit_enabled=True, **overrides, **mailbox.settings) as api:
        client = await owner(api)
        for _ in range(2):
            assert (await client.post("/api/keys", json=KEY)).status_code == 201
        notices = await api.sql("SELECT kind FROM mails WHERE kind = 'notice_api_key_created'")
    assert len(notices) == ("notice_rate_limit" in overrides)
