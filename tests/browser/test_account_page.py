"""The account page in a real Chromium, as people use it. Skipped without a Chromium."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, Route, expect

from tests.browser.test_browser_app import forget_sign_ins
from tests.browser.test_swagger_ui import CHROMIUM
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD
from tests.support.server import Server, running_server
from tests.support.smtp import Mailbox

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

LINKS = ("verify#token=secret-token&account=alice", "reset#token=secret-token&account=alice", "undo#token=secret-token")
"""The views that links of mails lead to. No such token exists."""


@dataclass
class Visitor:
    """A person with a browser of their own, and what the browser had to complain about."""

    context: BrowserContext
    server: Server
    complaints: list[str] = field(default_factory=list)
    """What the console says above the level of information, without the answers below."""
    refused: list[str] = field(default_factory=list)
    """The requests that got an error, such as `POST /login 401`. The console has a line for each."""
    sent: list[Request] = field(default_factory=list)
    """The requests that changed something."""

    def __post_init__(self) -> None:
        self.context.set_default_timeout(10_000)
        self.context.on("console", lambda line: self._complain(line.type, line.text))
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("request", lambda request: self.sent.append(request) if request.method != "GET" else None)
        self.context.on("response", self._note)

    def _complain(self, level: str, text: str) -> None:
        if level in {"warning", "error"} and not text.startswith("Failed to load resource: the server responded"):
            self.complaints.append(text)

    def _note(self, response: Response) -> None:
        if response.status >= 400:
            path = response.url.removeprefix(self.server.base_url)
            self.refused.append(f"{response.request.method} {path} {response.status}")

    def open(self, view: str = "") -> Page:
        """Open a view in a new tab, and wait until it is there."""
        page = self.context.new_page()
        page.goto(f"{self.server.base_url}/account/{view}".removesuffix("/"))
        page.locator("h1").wait_for()
        return page

    def requests(self) -> list[str]:
        """The requests that changed something, since the last look."""
        requests = [f"{request.method} {request.url.removeprefix(self.server.base_url)}" for request in self.sent]
        self.sent.clear()
        return requests


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), RATE_LIMIT_ENABLED="false") as server:
        with server.client() as client:
            client.post("/register", json={"username": "alice", "password": PASSWORD})
        yield server


def on_localhost(server: Server) -> None:
    """Let browsers visit the server as its links do, and as passkeys need it: by a name."""
    server.base_url = f"http://localhost:{server.port}"


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    context = browser.new_context()
    visitor = Visitor(context, server)
    yield visitor
    context.close()
    assert visitor.complaints == []


def sign_in(page: Page, name: str = "alice", password: str = PASSWORD) -> None:
    page.get_by_label("User name or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def signed_in(visitor: Visitor, name: str = "alice") -> Page:
    """Register somebody, unless the name is taken, and sign in with the page."""
    with visitor.server.client() as client:
        client.post("/register", json={"username": name, "password": PASSWORD})
    page = visitor.open()
    sign_in(page, name)
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    visitor.requests()
    return page


def set_password(page: Page, password: str) -> None:
    page.get_by_label(re.compile("^(New password|Password)$")).fill(password)
    page.get_by_role("button", name="Change password").click()


def focused(page: Page) -> Any:
    """The label or the text of the element that has the focus."""
    return page.evaluate(
        "(({ labels, textContent }) => labels?.[0]?.textContent ?? textContent)(document.activeElement)"
    )


def assert_accessible(page: Page) -> None:
    results = Axe().run(page)
    found = [f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html']}" for rule in results.response["violations"]]
    assert found == [], page.url


def test_register_sign_out_and_sign_in(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("link", name="Create an account").click()
    expect(page).to_have_title(re.compile("Create an account"))
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Create account").click()
    password = page.get_by_label("Password", exact=True)
    expect(password).to_have_accessible_description(re.compile("at least 8 characters"))
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_be_focused()
    password.fill(PASSWORD)
    expect(password).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("status")).to_contain_text("Welcome, bob.")
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("You have been signed out.")
    sign_in(page, "bob", "wrong")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_role("alert")).to_be_focused()
    sign_in(page, "bob")
    expect(page.get_by_role("heading", name="bob", level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="bob", level=1)).to_be_visible()
    assert visitor.refused == ["POST /refresh 401", "POST /register 400", "POST /login 401"]


def test_nothing_is_sent_twice_while_the_server_works(visitor: Visitor) -> None:
    page = visitor.open("forgot")
    held: list[Route] = []
    page.route("**/password/forgot", lambda route: held.append(route))  # noqa: PLW0108  it must be a function
    page.get_by_label("User name or e-mail address").fill("alice")
    button = page.locator("form button[type=submit]")
    for _ in range(3):
        button.click(force=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_name("Sending …")
    expect(button).to_be_focused()
    held[0].continue_()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_focused()
    assert len(held) == 1


def test_sign_in_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open()
    keyboard = page.keyboard
    keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    keyboard.press("Enter")
    keyboard.press("Tab")
    assert focused(page) == "User name or e-mail address"
    keyboard.press("Enter")
    expect(page.get_by_label("User name or e-mail address")).to_have_accessible_description("Please fill this in.")
    assert focused(page) == "User name or e-mail address"
    keyboard.type("alice")
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Tab")
    assert focused(page) == "Show"
    keyboard.press("Enter")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    keyboard.press("Tab")
    assert focused(page) == "Sign in"
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alice", level=1)).to_be_focused()
    assert page.evaluate("location.hash") == ""


@pytest.mark.parametrize("link", LINKS)
def test_a_scanner_that_opens_a_link_sends_no_token(visitor: Visitor, link: str) -> None:
    with visitor.server.client() as client:
        for method in ("GET", "HEAD"):
            assert client.request(method, f"/account/{link}").status_code == 200
    page = visitor.open(link)
    page.wait_for_load_state("networkidle")
    assert visitor.requests() == ["POST /refresh"]
    assert "secret-token" not in page.url


@pytest.mark.parametrize("link", LINKS)
def test_a_token_is_in_no_address_no_storage_and_no_attribute(visitor: Visitor, link: str) -> None:
    page = visitor.open(link)
    assert "secret-token" not in page.content()
    assert page.evaluate(
        "[localStorage.length, sessionStorage.length, JSON.stringify(history.state), location.hash]"
    ) == [
        *(0, 0, "null"),
        "",
    ]
    page.locator("header a").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    page.locator("h1").wait_for()
    assert "secret-token" not in page.url + page.content()
    sign_in(visitor.open())
    for tab in visitor.context.pages:
        assert tab.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
        assert PASSWORD not in tab.content()
    assert not any("secret-token" in request.url or PASSWORD in request.url for request in visitor.sent)


def test_a_link_that_is_not_valid_is_refused_in_words(visitor: Visitor) -> None:
    page = visitor.open("verify")
    expect(page.get_by_text("This page needs the link from a mail.")).to_be_visible()


def is_account(response: Response) -> bool:
    """Tell whether the tab has its account, after all refreshes that it needed."""
    return response.url.endswith("/api/account") and response.ok


def open_account(tab: Page) -> None:
    tab.evaluate("document.querySelector('nav a').click()")


def refuse_tokens_of(visitor: Visitor, *tabs: Page) -> None:
    """Let the server refuse the access tokens that the tabs have, as if they had expired."""
    refused: set[str] = set()
    for tab in tabs:
        with tab.expect_response(is_account) as response:
            open_account(tab)
        refused.add(response.value.request.headers["authorization"])

    def expire(route: Route) -> None:
        headers = route.request.headers
        route.continue_(
            headers=headers | ({"authorization": "Bearer no.such"} if headers["authorization"] in refused else {})
        )

    visitor.context.route("**/api/account", expire)


def test_two_tabs_refresh_once_and_hear_each_other(visitor: Visitor) -> None:
    first = signed_in(visitor)
    second = visitor.open()
    expect(second.get_by_role("heading", name="alice", level=1)).to_be_visible()
    refuse_tokens_of(visitor, first, second)
    visitor.requests()

    with first.expect_response(is_account), second.expect_response(is_account):
        for tab in (first, second):
            open_account(tab)
    for tab in (first, second):
        expect(tab.get_by_role("heading", name="alice", level=1)).to_be_focused()
    assert visitor.requests() == ["POST /refresh"]

    first.get_by_role("button", name="Sign out").click()
    expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(second.get_by_role("status")).to_contain_text("in another tab or on another device")
    sign_in(second)
    expect(first.get_by_role("heading", name="alice", level=1)).to_be_visible()


def test_a_tab_whose_news_travel_slowly_spares_the_others_a_refresh(visitor: Visitor) -> None:
    slow = signed_in(visitor)
    other = visitor.open()
    refuse_tokens_of(visitor, slow, other)
    slow.evaluate(
        """() => {
          const send = BroadcastChannel.prototype.postMessage;
          BroadcastChannel.prototype.postMessage = function (message) {
            setTimeout(() => send.call(this, message), 700);
          };
        }"""
    )
    visitor.requests()
    with slow.expect_response(is_account), other.expect_response(is_account):
        with slow.expect_request("**/refresh"):
            open_account(slow)
        open_account(other)
    assert visitor.requests() == ["POST /refresh"]


SIGNED_OUT = ("", "register", "forgot", *LINKS, "verify", "sessions")
SIGNED_IN = ("", "security", "sessions", "password")


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_every_view_is_accessible(browser: Browser, server: Server, scheme: Literal["light", "dark"]) -> None:
    visitor = Visitor(browser.new_context(color_scheme=scheme, reduced_motion="reduce"), server)
    for view in SIGNED_OUT:
        assert_accessible(visitor.open(view))
    page = visitor.open()
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert_accessible(page)  # with errors at the fields
    sign_in(page, "alice", "wrong")
    page.get_by_role("alert").wait_for()
    assert_accessible(page)
    sign_in(page)
    page.get_by_role("heading", name="alice", level=1).wait_for()
    for view in SIGNED_IN:
        page = visitor.open(view)
        for summary in page.locator("summary").all():
            summary.click()
        assert_accessible(page)
    page = visitor.open()
    forget_sign_ins(server.folder / "jwtapi.db")
    page.reload()
    page.get_by_text("Change name").click()
    page.get_by_label("User name", exact=True).fill("alice")
    page.get_by_role("button", name="Save name").click()
    page.get_by_role("dialog").wait_for()
    assert_accessible(page)
    assert visitor.complaints == []
    visitor.context.close()


@pytest.mark.parametrize("width", (390, 320))
def test_no_view_is_wider_than_a_phone(browser: Browser, server: Server, width: int) -> None:
    """320 pixels are also 1280 at 400 % (WCAG 1.4.10)."""
    visitor = Visitor(browser.new_context(viewport={"width": width, "height": 800}), server)
    pages = [visitor.open(view) for view in SIGNED_OUT]
    sign_in(pages[0])
    pages[0].get_by_role("heading", name="alice", level=1).wait_for()
    pages += [visitor.open(view) for view in SIGNED_IN]
    for page in pages:
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url
    visitor.context.close()


def test_below_a_path_the_page_signs_in(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", ROOT_PATH="/sso") as server:
        with server.client() as client:
            client.post("/register", json={"username": "alice", "password": PASSWORD})
        visitor = Visitor(browser.new_context(), server)
        addresses: list[str] = []
        visitor.context.on("request", lambda request: addresses.append(request.url))
        page = visitor.context.new_page()
        page.goto(f"{server.base_url}/sso/account/forgot")
        page.get_by_role("link", name="Back to sign in").click()
        sign_in(page)
        expect(page.get_by_role("heading", name="alice", level=1)).to_be_visible()
        page.get_by_role("link", name="Password").click()
        expect(page.get_by_role("heading", name="Password", level=1)).to_be_focused()
        assert page.url == f"{server.base_url}/sso/account/password"
        assert {url for url in addresses if not url.startswith(f"{server.base_url}/sso/")} == set()
        assert visitor.complaints == []
        visitor.context.close()


def test_the_page_offers_nothing_that_the_settings_switch_off(browser: Browser, tmp_path: Path) -> None:
    settings = {"ENVIRONMENT": "production", "COOKIE_SECURE": "false", "BCRYPT_ROUNDS": "10", "REGISTRATION": "closed"}
    secrets = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}
    with running_server(tmp_path / "server", **settings, **secrets) as server:
        visitor = Visitor(browser.new_context(), server)
        page = visitor.open()
        expect(page.get_by_role("link", name="Create an account")).to_have_count(0)
        expect(visitor.open("register").get_by_text("accepts no new accounts")).to_be_visible()
        expect(visitor.open("forgot").get_by_text("This server sends no mail.")).to_be_visible()
        assert visitor.complaints == []
        visitor.context.close()


def test_a_server_that_does_not_answer_is_named_and_tried_again(visitor: Visitor) -> None:
    page = signed_in(visitor)
    page.route("**/refresh", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    page.reload()
    expect(page.get_by_role("alert").first).to_contain_text("The server cannot answer now.")
    page.unroute("**/refresh")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="alice", level=1)).to_be_visible()


def test_sessions_are_listed_and_ended(visitor: Visitor, browser: Browser) -> None:
    phone = Visitor(browser.new_context(), visitor.server)
    page, elsewhere = signed_in(visitor, "carol"), signed_in(phone, "carol")
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_role("heading", level=3)).to_have_count(2)
    expect(page.get_by_text("This device")).to_have_count(1)
    page.get_by_role("listitem").filter(has=page.get_by_role("heading")).get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("has been signed out.")
    expect(page.get_by_text("You are signed in on this device only.")).to_be_visible()
    elsewhere.get_by_role("link", name="Password").click()
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()

    signed_in(phone, "carol")
    page.reload()
    page.get_by_role("button", name="Sign out all other devices").click()
    expect(page.get_by_role("status")).to_contain_text("All other devices have been signed out.")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    phone.context.close()


def test_a_password_is_changed(visitor: Visitor) -> None:
    page = signed_in(visitor, "dora")
    page.get_by_role("link", name="Password").click()
    present = page.get_by_label("Present password", exact=True)
    present.fill("wrong")
    set_password(page, "another long password")
    expect(present).to_have_accessible_description("The password is wrong.")
    expect(present).to_be_focused()
    present.fill(PASSWORD)
    set_password(page, "another long password")
    expect(page.get_by_role("status")).to_contain_text("Your password has been changed.")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "dora", "another long password")
    expect(page.get_by_role("heading", name="dora", level=1)).to_be_visible()


def test_a_name_is_changed(visitor: Visitor) -> None:
    page = signed_in(visitor, "erin")
    page.get_by_text("Change name").click()
    name = page.get_by_label("User name", exact=True)
    name.fill("alice")
    page.get_by_role("button", name="Save name").click()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_be_focused()
    name.fill("erika")
    page.get_by_role("button", name="Save name").click()
    expect(page.get_by_role("heading", name="erika", level=1)).to_be_focused()


def test_the_data_is_downloaded_and_the_account_deleted(visitor: Visitor) -> None:
    page = signed_in(visitor, "frank")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    assert download.value.suggested_filename == "my-account.json"
    assert "frank" in json.dumps(json.loads(download.value.path().read_text()))
    expect(page.get_by_role("status")).to_contain_text("The file has been downloaded.")

    page.get_by_text("Go on to delete it").click()
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_label("Password", exact=True)).to_have_accessible_description("The password is wrong.")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("status")).to_contain_text("Your account has been deleted.")
    sign_in(page, "frank")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")


def test_a_change_that_needs_a_recent_sign_in_asks_for_the_password(visitor: Visitor) -> None:
    page = signed_in(visitor)
    forget_sign_ins(visitor.server.folder / "jwtapi.db")
    page.reload()
    page.get_by_text("Change name").click()
    page.get_by_label("User name", exact=True).fill("alice")
    page.get_by_role("button", name="Save name").click()
    dialog = page.get_by_role("dialog", name="Is it still you?")
    password = dialog.get_by_label("Password", exact=True)
    expect(password).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert").filter(has_text="Nothing has been changed.")).to_be_focused()

    page.get_by_role("button", name="Save name").click()
    password.fill("wrong")
    dialog.get_by_role("button", name="Continue").click()
    expect(password).to_have_accessible_description("The password is wrong.")
    password.fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("status")).to_contain_text("Your user name is now alice.")


@pytest.fixture
def corresponding(
    browser: Browser, mailbox: Mailbox, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    """A visitor of a server that sends mails to `mailbox`. The parameter has more settings of the server."""
    mail = getattr(request, "param", {}) | {
        "MAIL_URL": mailbox.settings["mail_url"],
        "MAIL_FROM": mailbox.settings["mail_from"],
    }
    with running_server(tmp_path / "server", RATE_LIMIT_ENABLED="false", **mail) as server:
        on_localhost(server)
        visitor = Visitor(browser.new_context(), server)
        yield visitor
        visitor.context.close()
        assert visitor.complaints == []


def link_of(mailbox: Mailbox, address: str, view: str) -> str:
    """The link to a view in the next mail to an address."""
    (link,) = [link for link in mailbox.wait_for(address).links if f"/account/{view}#" in link]
    return link


def follow(visitor: Visitor, link: str) -> Page:
    page = visitor.context.new_page()
    page.goto(link)
    page.locator("h1").wait_for()
    return page


def confirm(visitor: Visitor, mailbox: Mailbox, address: str) -> Page:
    page = follow(visitor, link_of(mailbox, address, "verify"))
    expect(page.get_by_text("for the account alice")).to_be_visible()
    page.get_by_role("button", name="Confirm the address").click()
    expect(page.get_by_role("status")).to_contain_text("Your e-mail address is confirmed.")
    return page


def test_an_address_is_confirmed_and_helps_with_a_forgotten_password(corresponding: Visitor, mailbox: Mailbox) -> None:
    page = corresponding.open("register")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("E-mail address (optional)").fill("Alice@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("status")).to_contain_text("Please open the link in the mail")
    expect(page.get_by_text("not verified")).to_be_visible()
    tab = confirm(corresponding, mailbox, "Alice@example.com")
    expect(tab.get_by_text("verified", exact=True)).to_be_visible()

    tab = corresponding.open("forgot")  # in a browser that is still signed in
    tab.get_by_label("User name or e-mail address").fill("alice@EXAMPLE.com")
    tab.get_by_role("button", name="Send the link").click()
    expect(tab.get_by_role("heading", name="Look into your mailbox")).to_be_focused()
    link = link_of(mailbox, "Alice@example.com", "reset")
    tab = follow(corresponding, link)
    set_password(tab, "another long password")
    expect(tab.get_by_role("heading", name="Sign in")).to_be_focused()
    expect(tab.get_by_role("status")).to_contain_text("Sign in with the new one.")
    expect(tab.get_by_role("status")).to_contain_text("your second factors and your API keys are as before")
    again = follow(corresponding, link)
    set_password(again, "yet another long password")
    expect(again.get_by_role("alert")).to_contain_text("This link is not valid.")
    sign_in(tab, "Alice@Example.com", "another long password")
    expect(tab.get_by_role("heading", name="alice", level=1)).to_be_visible()


def test_an_address_is_changed_and_the_change_undone(corresponding: Visitor, mailbox: Mailbox) -> None:
    page = signed_in(corresponding, "alice")
    for address, words in (("alice@example.com", "Add an address"), ("mallory@example.org", "Change address")):
        page.get_by_text(words).click()
        page.get_by_role("textbox", name="E-mail address", exact=True).fill(address)
        page.get_by_role("button", name="Send the mail", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text(f"We have sent a mail to {address}.")
        page = confirm(corresponding, mailbox, address)
        expect(page.get_by_text(re.compile(f"^{address} *verified$"))).to_be_visible()

    page = follow(corresponding, link_of(mailbox, "alice@example.com", "undo"))
    page.get_by_role("button", name="Undo the change").click()
    expect(page.get_by_role("status")).to_contain_text("Your former address is back.")
    expect(page.get_by_role("heading", name="Forgot your password?")).to_be_focused()
    expect(corresponding.open().get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("corresponding", ({"REGISTRATION": "invite"},), indirect=True)
def test_an_invitation_registers_an_account_with_a_verified_address(corresponding: Visitor, mailbox: Mailbox) -> None:
    expect(corresponding.open("register").get_by_text("You need an invitation")).to_be_visible()
    corresponding.server.run("user", "invite", "bob@example.com")
    page = follow(corresponding, link_of(mailbox, "bob@example.com", "register"))
    expect(page.get_by_text("You have been invited.")).to_be_visible()
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("status")).to_contain_text("Welcome, bob.")
    expect(page.get_by_text(re.compile("^bob@example.com *verified$"))).to_be_visible()
