"""Second factors and passkeys on the account page, in a real Chromium. Skipped without a Chromium."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_account_page import Visitor, assert_accessible, focused, on_localhost, sign_in, signed_in
from tests.browser.test_browser_app import forget_sign_ins
from tests.browser.test_browser_app_factors import Authenticator
from tests.browser.test_swagger_ui import CHROMIUM
from tests.support.api import PASSWORD
from tests.support.server import Server, running_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

CODE = re.compile(r"^[A-Z2-7]{4}(-[A-Z2-7]{4})+$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), RATE_LIMIT_ENABLED="false") as server:
        on_localhost(server)
        yield server


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = Visitor(context, server)
    yield visitor
    context.close()
    assert visitor.complaints == []


@pytest.fixture
def name() -> str:
    return f"user-{uuid4().hex[:12]}"


@pytest.fixture
def page(visitor: Visitor, name: str) -> Page:
    """The page of a user who has only a password, where the user sees what protects the account."""
    page = signed_in(visitor, name)
    open_security(page)
    return page


def open_security(page: Page) -> None:
    page.get_by_role("link", name="Security").click()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_focused()


def card(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=heading, exact=True)


def code_field(place: Page | Locator) -> Locator:
    return place.get_by_label("Code", exact=True)


def fresh_code(database: Path, secret: str) -> str:
    """A code that the server accepts, whatever was used before."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("UPDATE totp_secrets SET last_step = 0")
    return pyotp.TOTP(secret).now()


class AuthenticatorApp:
    """What the user has in an authenticator app, and on paper."""

    def __init__(self, server: Server, secret: str) -> None:
        self._database = server.folder / "jwtapi.db"
        self.secret = secret
        self.recovery_codes: list[str] = []

    def code(self) -> str:
        return fresh_code(self._database, self.secret)


def secret_of(page: Page) -> str:
    page.get_by_role("button", name="Copy the secret").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    secret: str = page.evaluate("navigator.clipboard.readText()")
    return secret


def keep_codes(page: Page) -> list[str]:
    """Read the recovery codes that are shown once, and go on."""
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_focused()
    codes = page.locator(".codes li").all_inner_texts()
    assert len(set(codes)) == 10
    assert all(CODE.match(code) for code in codes), codes
    page.get_by_role("button", name="I have kept them").click()
    return codes


def set_up_app(page: Page, server: Server) -> AuthenticatorApp:
    page.get_by_role("button", name="Set up an authenticator app").click()
    app = AuthenticatorApp(server, secret_of(page))
    code_field(page).fill(app.code())
    page.get_by_role("button", name="Turn it on").click()
    app.recovery_codes = keep_codes(page)
    expect(page.get_by_role("status").first).to_contain_text("Your authenticator app is set up.")
    return app


def add_passkey(page: Page) -> list[str]:
    page.get_by_role("button", name="Add a passkey").click()
    codes = keep_codes(page)
    expect(page.get_by_role("status").first).to_contain_text("has been added.")
    return codes


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def give_code(page: Page, code: str, label: str = "Code") -> None:
    page.get_by_label(label, exact=True).fill(code)
    page.get_by_role("button", name="Continue").click()


def expect_signed_in(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_from_a_password_to_an_app_to_a_passkey_and_back(visitor: Visitor, page: Page, name: str) -> None:
    Authenticator.of(page)
    expect(page.get_by_text("Your password alone protects this account.")).to_be_visible()
    app = set_up_app(page, visitor.server)
    expect(page.get_by_text("your password alone does not suffice to sign in")).to_be_visible()
    expect(card(page, "Recovery codes").get_by_text("10 codes are left.")).to_be_visible()

    sign_out(page)
    sign_in(page, name)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    expect(code_field(page)).to_be_focused()
    give_code(page, "000000")
    expect(code_field(page)).to_have_accessible_description("This is wrong, or was used before.")
    expect(code_field(page)).to_be_focused()
    give_code(page, app.code())
    expect_signed_in(page, name)

    sign_out(page)
    sign_in(page, name)
    page.get_by_role("button", name="Use a recovery code").click()
    expect(page.get_by_label("Recovery code")).to_be_focused()
    give_code(page, app.recovery_codes[0], "Recovery code")
    expect_signed_in(page, name)
    open_security(page)
    expect(card(page, "Recovery codes").get_by_text("9 codes are left.")).to_be_visible()

    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_contain_text("has been added.")  # the recovery codes stay
    sign_in_with_passkey(page)
    expect_signed_in(page, name)
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_text(re.compile(r"by passkey$"))).to_be_visible()

    open_security(page)
    card(page, "Passkeys").locator("summary").click()
    page.get_by_role("button", name="Remove", exact=False).click()
    # Nothing else had opened this session.
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("has been removed.")
    expect(page.get_by_role("status")).to_contain_text("Sign in again.")
    sign_in(page, name)
    give_code(page, app.code())
    card(page, "Authenticator app").locator("summary").click()
    page.get_by_role("button", name="Turn off the authenticator app").click()
    expect(page.get_by_role("status").first).to_contain_text("has been turned off.")
    expect(page.get_by_text("Your password alone protects this account.")).to_be_visible()
    expect(card(page, "Recovery codes")).to_have_count(0)
    sign_out(page)
    sign_in(page, name)
    expect_signed_in(page, name)


def test_a_passkey_is_offered_in_the_autofill_of_the_sign_in_form(visitor: Visitor, page: Page, name: str) -> None:
    Authenticator.of(page)
    add_passkey(page)
    visitor.requests()
    with page.expect_response("**/login/passkey"):  # the authenticator takes the offer immediately
        page.get_by_role("button", name="Sign out", exact=True).click()
    expect_signed_in(page, name)
    assert visitor.requests() == ["POST /logout", "POST /login/passkey/options", "POST /login/passkey"]


def sign_in_with_passkey(page: Page) -> None:
    """Sign out, and in again with the button, so without the autofill, which would be quicker."""
    page.evaluate("PublicKeyCredential.isConditionalMediationAvailable = async () => false; null")
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()


def wait_until(page: Page, condition: str) -> None:
    """Unlike `wait_for_function`, it needs no policy that lets the page evaluate text."""
    while not page.evaluate(condition):
        page.wait_for_timeout(10)


def test_the_offer_of_passkeys_ends_when_the_form_gives_way(visitor: Visitor) -> None:
    visitor.context.add_init_script(
        "if (isSecureContext) { window.offers = []; const { get } = CredentialsContainer.prototype;"
        " CredentialsContainer.prototype.get = function (options)"
        " { offers.push(options.signal); return get.call(this, options); } }"
    )
    page = visitor.open()
    field = page.get_by_label("User name or e-mail address")
    expect(field).to_have_attribute("autocomplete", "username webauthn")
    wait_until(page, "offers.length === 1")
    page.get_by_role("link", name="Forgot your password?").click()
    wait_until(page, "offers[0].aborted")
    page.get_by_role("link", name="Back to sign in").click()
    wait_until(page, "offers.length === 2")
    assert page.evaluate("offers[1].aborted") is False


def test_a_passkey_that_was_removed_is_refused_in_words(visitor: Visitor, page: Page) -> None:
    Authenticator.of(page)
    add_passkey(page)
    with closing(sqlite3.connect(visitor.server.folder / "jwtapi.db", timeout=30)) as connection, connection:
        connection.execute("DELETE FROM passkeys")
    sign_in_with_passkey(page)
    expect(page.get_by_role("alert").filter(has_text="This passkey is not valid here.")).to_be_focused()


def test_a_passkey_is_a_second_factor_and_another_way_is_offered_when_it_fails(
    visitor: Visitor, page: Page, name: str
) -> None:
    authenticator = Authenticator.of(page)
    app = set_up_app(page, visitor.server)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_contain_text("has been added.")
    authenticator.touch(at_once=False)
    sign_out(page)
    sign_in(page, name)
    page.get_by_role("button", name="Use a passkey").click()
    authenticator.verify_user(succeeds=False)
    authenticator.touch(at_once=True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Your device gave no passkey.")
    page.get_by_role("button", name="Use the authenticator app").click()
    expect(code_field(page)).to_be_focused()
    page.get_by_role("button", name="Use a passkey").click()
    authenticator.verify_user(succeeds=True)
    page.get_by_role("button", name="Use a passkey").click()
    expect_signed_in(page, name)
    assert app.secret not in page.content()


def test_five_wrong_codes_lead_back_to_the_password(visitor: Visitor, page: Page, name: str) -> None:
    set_up_app(page, visitor.server)
    sign_out(page)
    sign_in(page, name)
    for _ in range(5):
        give_code(page, "000000")
        expect(code_field(page)).to_have_attribute("aria-invalid", "true")
    give_code(page, "000000")
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Start again with your password.")


def test_a_code_of_five_digits_is_not_sent_and_one_with_spaces_is(visitor: Visitor, page: Page, name: str) -> None:
    app = set_up_app(page, visitor.server)
    sign_out(page)
    sign_in(page, name)
    code = code_field(page)
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    expect(code).to_have_attribute("inputmode", "numeric")
    visitor.requests()
    give_code(page, "12345")
    expect(code).to_have_accessible_description("The code has six digits.")
    assert visitor.requests() == []
    right = app.code()
    give_code(page, f"{right[:3]} {right[3:]}")
    expect_signed_in(page, name)


def test_a_device_is_remembered_listed_and_forgotten(visitor: Visitor, page: Page, name: str) -> None:
    app = set_up_app(page, visitor.server)
    expect(card(page, "Remembered devices").get_by_text("on every device")).to_be_visible()
    for _ in range(2):
        sign_out(page)
        sign_in(page, name)
        page.get_by_label("Remember this device for 30 days").check()
        give_code(page, app.code())
        expect_signed_in(page, name)
        sign_out(page)
        sign_in(page, name)
        expect_signed_in(page, name)
        open_security(page)
        devices = card(page, "Remembered devices")
        expect(devices.get_by_role("listitem")).to_have_count(1)
        devices.get_by_role("button", name="Forget").click()
        expect(page.get_by_role("status").first).to_contain_text("has been forgotten.")


def test_api_keys_are_listed_and_revoked(visitor: Visitor, page: Page, name: str) -> None:
    visitor.server.run("api-key", "create", name, "--name", "Nightly <b>backup</b>", "--expires-in-days", "30")
    page.reload()
    keys = card(page, "API keys")
    expect(keys.get_by_role("heading", name="Nightly <b>backup</b>")).to_be_visible()
    expect(keys).to_contain_text("Not used yet")
    keys.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status").first).to_contain_text("has been revoked.")
    expect(keys).to_have_count(0)


def test_recovery_codes_are_copied_downloaded_printed_and_made_anew(visitor: Visitor, page: Page, name: str) -> None:
    app = set_up_app(page, visitor.server)
    codes = card(page, "Recovery codes")
    codes.locator("summary").click()
    codes.get_by_role("button", name="Make ten new codes").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_focused()
    shown = page.locator(".codes li").all_inner_texts()
    assert not set(shown) & set(app.recovery_codes)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "\n".join(shown)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith(f"Recovery codes of {name} at localhost:{visitor.server.port}, ")
    assert lines[2:] == shown

    page.evaluate("window.printed = 0; window.print = () => { printed++ }; null")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("printed") == 1
    page.emulate_media(media="print")
    expect(page.get_by_text(shown[9])).to_be_visible()
    for unneeded in (page.get_by_role("button", name="Print"), page.locator("header"), page.locator("nav")):
        expect(unneeded).to_be_hidden()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_focused()
    page.reload()
    expect(page.get_by_role("heading", name="Security", level=1)).to_be_visible()
    assert not any(code in page.content() for code in shown)


def test_few_recovery_codes_are_a_warning(visitor: Visitor, page: Page) -> None:
    set_up_app(page, visitor.server)
    with closing(sqlite3.connect(visitor.server.folder / "jwtapi.db", timeout=30)) as connection, connection:
        connection.execute(
            "DELETE FROM recovery_codes WHERE id NOT IN (SELECT id FROM recovery_codes ORDER BY rowid DESC LIMIT 1)"
        )
    page.reload()
    expect(card(page, "Recovery codes").get_by_text("1 code is left.")).to_be_visible()
    expect(card(page, "Recovery codes").get_by_text("few")).to_be_visible()


def test_a_passkey_is_renamed_and_a_device_holds_one(page: Page) -> None:
    Authenticator.of(page)
    add_passkey(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="This device already has a passkey")).to_be_focused()
    card(page, "Passkeys").locator("summary").click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("status").first).to_contain_text("The passkey is now called “My laptop”.")
    expect(page.get_by_role("heading", name="My laptop", level=3)).to_be_visible()


def test_the_picture_for_the_app_has_a_text_and_the_wrong_first_code_turns_nothing_on(
    visitor: Visitor, page: Page, name: str
) -> None:
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(code_field(page)).to_be_focused()
    expect(page.get_by_role("img", name="QR code for an authenticator app.")).to_be_visible()
    link = page.get_by_role("link", name="Open the app on this device")
    secret = secret_of(page)
    uri = pyotp.parse_uri(link.get_attribute("href") or "")
    assert (uri.secret, uri.name) == (secret, name)
    shown = page.locator("code").inner_text()
    assert shown.replace(" ", "") == secret
    code_field(page).fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(code_field(page)).to_have_accessible_description(re.compile("The code is wrong."))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Set up an authenticator app")).to_be_visible()
    assert secret not in page.content() + page.url
    assert not any(secret in request.url for request in visitor.sent)


def long_ago(visitor: Visitor, page: Page) -> None:
    """Let the user have signed in long ago."""
    forget_sign_ins(visitor.server.folder / "jwtapi.db")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_change_asks_for_password_and_second_factor(visitor: Visitor, page: Page) -> None:
    app = set_up_app(page, visitor.server)
    long_ago(visitor, page)
    page.get_by_role("link", name="Account", exact=True).click()
    page.get_by_text("Change name").click()
    page.get_by_label("User name", exact=True).fill(f"user-{uuid4().hex[:12]}")
    page.get_by_role("button", name="Save name").click()
    dialog = page.get_by_role("dialog", name="Is it still you?")
    expect(dialog.get_by_role("button", name="Use a passkey")).to_have_count(0)
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    expect(code_field(dialog)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert").filter(has_text="Nothing has been changed.")).to_be_focused()

    page.get_by_role("button", name="Save name").click()
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_label("Remember this device")).to_have_count(0)
    dialog.get_by_role("button", name="Use a recovery code").click()
    give_code(page, "AAAA-AAAA", "Recovery code")
    expect(dialog.get_by_label("Recovery code")).to_have_accessible_description("This is wrong, or was used before.")
    give_code(page, app.recovery_codes[0], "Recovery code")
    expect(page.get_by_role("status").first).to_contain_text("Your user name is now user-")


def test_a_change_is_confirmed_with_a_passkey_alone(visitor: Visitor, page: Page) -> None:
    authenticator = Authenticator.of(page)
    add_passkey(page)
    long_ago(visitor, page)
    authenticator.verify_user(succeeds=False)
    card(page, "Recovery codes").locator("summary").click()
    page.get_by_role("button", name="Make ten new codes").click()
    dialog = page.get_by_role("dialog", name="Is it still you?")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    dialog.get_by_role("button", name="Use a passkey").click()
    expect(dialog.get_by_text("Your device gave no passkey.")).to_be_focused()
    authenticator.verify_user(succeeds=True)
    dialog.get_by_role("button", name="Use a passkey").click()
    keep_codes(page)


def remove_password(page: Page) -> Authenticator:
    """Let the user have two passkeys and no password. Return the authenticator, which has the second one."""
    first = Authenticator.of(page)
    add_passkey(page)
    first.session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": first.id})
    second = Authenticator.of(page)
    page.get_by_role("link", name="Password").click()
    page.get_by_text("Go on to remove it").click()
    page.get_by_role("button", name="Remove the password").click()
    expect(page.get_by_role("alert").filter(has_text="you could lose this account")).to_be_focused()
    open_security(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_contain_text("has been added.")
    page.get_by_role("link", name="Password").click()
    page.get_by_text("Go on to remove it").click()
    page.get_by_role("button", name="Remove the password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your password has been removed.")
    return second


def remove_passkey(page: Page) -> None:
    card(page, "Passkeys").locator("summary").first.click()
    page.get_by_role("button", name=re.compile("^Remove ")).first.click()


def test_a_user_without_a_password_has_pages_without_it(visitor: Visitor, page: Page, name: str) -> None:
    remove_password(page)
    expect(page.get_by_label("Present password")).to_have_count(0)
    open_security(page)
    expect(page.get_by_text("You sign in with passkeys, and have no password.")).to_be_visible()
    remove_passkey(page)
    expect(card(page, "Passkeys").get_by_role("listitem")).to_have_count(1)
    remove_passkey(page)
    # The session could have been opened by the passkey that is gone, so the other one must prove the user.
    page.get_by_role("dialog", name="Is it still you?").get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="you could lose this account")).to_be_focused()
    expect(card(page, "Passkeys").get_by_role("listitem")).to_have_count(1)

    long_ago(visitor, page)
    card(page, "Recovery codes").locator("summary").click()
    page.get_by_role("button", name="Make ten new codes").click()
    dialog = page.get_by_role("dialog", name="Is it still you?")
    expect(dialog.get_by_label("Password", exact=True)).to_have_count(0)
    dialog.get_by_role("button", name="Use a passkey").click()
    keep_codes(page)

    sign_in_with_passkey(page)
    expect_signed_in(page, name)
    page.get_by_role("link", name="Password").click()
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your password has been set.")
    expect(page.get_by_label("Present password", exact=True)).to_be_visible()


def test_a_user_without_a_password_deletes_the_account(visitor: Visitor, page: Page) -> None:
    # Nobody touches it at the sign-in page that follows: it would tell of a passkey that is gone.
    remove_password(page).touch(at_once=False)
    page.get_by_role("link", name="Account", exact=True).click()
    page.get_by_text("Go on to delete it").click()
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("status").first).to_contain_text("Your account has been deleted.")
    assert "DELETE /api/account" in visitor.requests()


def test_a_second_factor_that_is_required_is_set_up_while_signing_in(browser: Browser, tmp_path: Path) -> None:
    settings = {"MFA_REQUIRED": "all", "MFA_GRACE": "0", "RATE_LIMIT_ENABLED": "false"}
    with running_server(tmp_path / "server", **settings) as server:
        on_localhost(server)
        context = browser.new_context()
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        visitor = Visitor(context, server)
        with server.client() as client:
            client.post("/register", json={"username": "alice", "password": PASSWORD})
        page = visitor.open("sessions")
        sign_in(page)
        expect(page.get_by_role("heading", name="Set up a second step")).to_be_visible()
        app = AuthenticatorApp(server, secret_of(page))
        code_field(page).fill("000000")
        page.get_by_role("button", name="Turn it on").click()
        expect(code_field(page)).to_have_accessible_description("This is wrong, or was used before.")
        code_field(page).fill(app.code())
        page.get_by_role("button", name="Turn it on").click()
        keep_codes(page)
        expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_focused()
        context.close()
        assert visitor.complaints == []


def test_a_grace_period_is_named(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", MFA_REQUIRED="all", MFA_REMEMBER_DEVICE="0") as server:
        on_localhost(server)
        visitor = Visitor(browser.new_context(), server)
        page = signed_in(visitor)
        open_security(page)
        expect(page.get_by_text(re.compile("^From .*, this server requires a passkey"))).to_be_visible()
        visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        app = set_up_app(page, server)
        expect(card(page, "Remembered devices")).to_have_count(0)
        sign_out(page)
        sign_in(page)
        expect(code_field(page)).to_be_visible()
        expect(page.get_by_role("checkbox")).to_have_count(0)
        give_code(page, app.code())
        expect_signed_in(page, "alice")
        visitor.context.close()
        assert visitor.complaints == []


def test_at_an_address_of_numbers_the_page_tells_where_passkeys_work(browser: Browser, server: Server) -> None:
    visitor = Visitor(browser.new_context(), server)
    page = visitor.context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/account/security")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    name = f"user-{uuid4().hex[:12]}"
    with server.client() as client:
        client.post("/register", json={"username": name, "password": PASSWORD})
    sign_in(page, name)
    link = card(page, "Passkeys").get_by_role("link")
    expect(link).to_have_attribute("href", f"http://localhost:{server.port}/account/security")
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
    assert "POST /login/passkey/options" not in visitor.requests()
    visitor.context.close()
    assert visitor.complaints == []


def test_a_browser_without_passkeys_is_offered_none(visitor: Visitor, name: str) -> None:
    visitor.context.add_init_script("delete globalThis.PublicKeyCredential")
    page = signed_in(visitor, name)
    open_security(page)
    expect(card(page, "Passkeys").get_by_text("This browser has no passkeys.")).to_be_visible()
    sign_out(page)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)


def test_the_second_step_works_with_the_keyboard_alone(visitor: Visitor, page: Page, name: str) -> None:
    app = set_up_app(page, visitor.server)
    sign_out(page)
    sign_in(page, name)
    keyboard = page.keyboard
    expect(code_field(page)).to_be_focused()
    keyboard.press("Tab")
    assert focused(page) == "Remember this device for 30 days"
    keyboard.press("Space")
    expect(page.get_by_role("checkbox")).to_be_checked()
    keyboard.press("Tab")
    assert focused(page) == "Continue"
    keyboard.press("Tab")
    assert focused(page) == "Start again"
    keyboard.press("Tab")
    assert focused(page) == "Use a recovery code"
    keyboard.press("Enter")
    expect(page.get_by_label("Recovery code")).to_be_focused()
    keyboard.type(app.recovery_codes[3].lower())
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name, level=1)).to_be_focused()


def views(visitor: Visitor, name: str) -> Iterator[Page]:
    """Each view of second factors, one after the other."""
    page = signed_in(visitor, name)
    authenticator = Authenticator.of(page)
    open_security(page)
    yield page
    page.get_by_role("button", name="Set up an authenticator app").click()
    app = AuthenticatorApp(visitor.server, secret_of(page))
    code_field(page).fill("12345")
    page.get_by_role("button", name="Turn it on").click()
    yield page
    code_field(page).fill(app.code())
    page.get_by_role("button", name="Turn it on").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    yield page
    keep_codes(page)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_contain_text("has been added.")
    authenticator.touch(at_once=False)
    sign_out(page)
    yield page
    sign_in(page, name)
    page.get_by_label("Remember this device for 30 days").check()
    yield page
    page.get_by_role("button", name="Use a recovery code").click()
    yield page
    page.get_by_role("button", name="Use a passkey").click()
    yield page
    page.get_by_role("button", name="Use the authenticator app").click()
    page.get_by_label("Remember this device for 30 days").check()
    give_code(page, app.code())
    expect_signed_in(page, name)
    open_security(page)
    for summary in page.locator("summary").all():
        summary.click()
    yield page
    page.get_by_role("link", name="Password").click()
    page.get_by_text("Go on to remove it").click()
    yield page
    open_security(page)
    long_ago(visitor, page)
    card(page, "Recovery codes").locator("summary").click()
    page.get_by_role("button", name="Make ten new codes").click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    yield page
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    code_field(dialog).wait_for()
    yield page


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_every_view_of_second_factors_is_accessible(
    browser: Browser, server: Server, name: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = Visitor(context, server)
    for page in views(visitor, name):
        assert_accessible(page)
    context.close()
    assert visitor.complaints == []


@pytest.mark.parametrize("width", (390, 320))
def test_no_view_of_second_factors_is_wider_than_a_phone(
    browser: Browser, server: Server, name: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    for page in views(Visitor(context, server), name):
        for size in ("100%", "200%"):
            page.evaluate("(size) => { document.documentElement.style.fontSize = size }", size)
            assert page.evaluate("document.documentElement.scrollWidth") == width, page.locator("h1").inner_text()
        page.evaluate("document.documentElement.style.fontSize = ''")
    context.close()
