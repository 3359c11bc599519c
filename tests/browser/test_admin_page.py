"""The admin page in a real Chromium, as administrators use it. Skipped without a Chromium."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from jwtapi.web.pages import encode_cursor
from tests.browser.test_account_page import Visitor, assert_accessible, focused, on_localhost, sign_in
from tests.browser.test_account_page_factors import add_passkey, open_security
from tests.browser.test_browser_app import forget_sign_ins
from tests.browser.test_browser_app_factors import Authenticator
from tests.browser.test_swagger_ui import CHROMIUM
from tests.support.api import PASSWORD
from tests.support.server import Server, free_port, running_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

LONG = "w" * 64
RTL = "שרה-לוי"
PEOPLE = 60


def register(server: Server, *names: str) -> None:
    with server.client() as client:
        for name in names:
            assert client.post("/register", json={"username": name, "password": PASSWORD}).status_code == 201


def make_administrator(server: Server, name: str) -> None:
    register(server, name)
    server.run("user", "roles", name, "--add", "admin")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), RATE_LIMIT_ENABLED="false") as server:
        on_localhost(server)
        make_administrator(server, "alice")
        register(server, LONG, RTL, *(f"person-{number:02}" for number in range(PEOPLE)))
        server.run("user", "roles", LONG, "--add", "x" * 200)
        yield server


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor = Visitor(context, server)
    yield visitor
    context.close()
    assert visitor.complaints == []


def open_view(visitor: Visitor, view: str = "") -> Page:
    page = visitor.context.new_page()
    page.goto(f"{visitor.server.base_url}/admin/{view}".removesuffix("/"))
    page.locator("h1").wait_for()
    return page


def signed_in(visitor: Visitor, view: str = "", name: str = "alice") -> Page:
    page = open_view(visitor, view)
    sign_in(page, name)
    expect(page.get_by_role("navigation", name="Administration")).to_be_visible()
    return page


def opened(visitor: Visitor, name: str) -> Page:
    """The view of a user, for an administrator who has searched for the name."""
    page = signed_in(visitor, f"users?query={name}")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_focused()
    return page


def card(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=heading, exact=True)


def notice(page: Page) -> Locator:
    return page.locator("#notice")


def names(page: Page) -> list[str]:
    return page.locator("tbody th a").all_inner_texts()


def test_an_administrator_signs_in_and_nobody_else_is_let_in(visitor: Visitor) -> None:
    page = open_view(visitor, "users")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, "person-01")
    expect(page.get_by_role("heading", name="For administrators only")).to_be_focused()
    expect(page.get_by_text("does not have the role admin")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    sign_in(page)
    expect(page.get_by_role("heading", name="Overview")).to_be_focused()
    picture = page.get_by_role("img", name="Sign-ins, by hour")
    expect(picture).to_have_accessible_name(re.compile(r"In the last 24 hours: \d+ succeeded, \d+ failed\."))
    million = page.locator(".figure").first  # the largest number that the overview counts to
    million.evaluate("figure => { figure.textContent = '1,000,000' }")
    assert million.evaluate("figure => figure.scrollWidth <= figure.clientWidth")
    page.get_by_text("Show the numbers as a table").click()
    expect(card(page, "Sign-ins, by hour").get_by_role("row")).to_have_count(25)


def test_sign_ins_that_could_not_be_counted_are_not_called_none(visitor: Visitor) -> None:
    hours = [{"hour": "2026-11-23T14:00:00Z", "succeeded": 0, "failed": 0}] * 3

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, json=found.json() | {"signIns": hours})

    page = signed_in(visitor)
    page.route("**/api/admin/dashboard", answer)
    for expected in ("in the last 3 hours.", "They took too long to count."):
        page.get_by_role("button", name="Update").click()
        expect(card(page, "Sign-ins, by hour")).to_contain_text(expected)
        hours.clear()


def test_a_role_that_is_taken_away_closes_the_page(visitor: Visitor) -> None:
    make_administrator(visitor.server, "former")
    page = signed_in(visitor, "users", "former")
    visitor.server.run("user", "roles", "former", "--remove", "admin")
    page.get_by_label("Search").fill("person")
    expect(page.get_by_role("heading", name="For administrators only")).to_be_visible()


def test_users_are_searched_sorted_and_paged_and_the_address_knows_it(visitor: Visitor) -> None:
    page = signed_in(visitor, "users")
    status = page.get_by_role("status").filter(has_text="users")
    expect(status).to_have_text("50 users, and more follow")
    first = names(page)
    page.get_by_role("link", name="Next page").click()
    expect(status).to_contain_text("Page 2: ")
    expect(status).to_be_focused()
    assert not set(names(page)) & set(first)
    page.reload()
    expect(status).to_contain_text("Page 2: ")
    page.get_by_role("link", name="Previous page").click()
    expect(status).to_have_text("50 users, and more follow")
    assert names(page) == first

    head = page.get_by_role("columnheader", name="Name")
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page.locator("tbody th a").first).not_to_have_text(first[0])
    expect(head.get_by_role("button")).to_be_focused()
    assert names(page) == sorted(names(page), reverse=True)
    page.get_by_role("columnheader", name="Created").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Created")).to_have_attribute("aria-sort", "descending")
    expect(head).to_have_attribute("aria-sort", "none")

    page.get_by_label("Search").fill("person-0")
    expect(status).to_have_text("10 users")
    assert sorted(names(page)) == [f"person-{number:02}" for number in range(10)]
    assert "query=person-0" in page.url
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("person-0")
    expect(status).to_have_text("10 users")
    page.get_by_label("Search").fill("nobody-has-this-name")
    expect(page.get_by_role("status").filter(has_text="Nothing matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_label("Search")).to_be_focused()
    page.get_by_label("Role").fill("admin")
    page.get_by_label("Role").press("Enter")
    expect(page.get_by_role("link", name="alice", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^person"))).to_have_count(0)


def test_a_search_that_the_user_has_left_changes_no_other_address(visitor: Visitor) -> None:
    page = signed_in(visitor, "events")
    page.clock.install()
    page.get_by_role("link", name="Users", exact=True).click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_focused()
    page.get_by_label("Search").evaluate(
        "field => { field.value = 'person'; field.dispatchEvent(new Event('input')); history.back(); }"
    )
    expect(page.get_by_role("heading", name="Events", level=1)).to_be_focused()
    page.clock.run_for(1000)
    assert page.url.endswith("/admin/events")


def test_the_browsers_way_back_leads_to_the_row_on_later_pages_too(visitor: Visitor) -> None:
    page = signed_in(visitor, "users")
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("status").filter(has_text="Page 2: ")).to_be_focused()
    name = names(page)[3]
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()


def test_a_page_behind_the_last_row_does_not_claim_that_there_are_none(visitor: Visitor) -> None:
    page = signed_in(visitor, "users")
    page.goto(f"{page.url}?sort=-username&after={encode_cursor('-username', '!')}")
    expect(page.get_by_role("status").filter(has_text="There is nothing more.")).to_be_visible()
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("status").filter(has_text="users, and more follow")).to_be_visible()


def test_a_user_is_disabled_and_enabled_and_the_way_back_leads_to_the_row(visitor: Visitor) -> None:
    page = opened(visitor, "person-10")
    page.get_by_role("button", name="Disable").click()
    expect(notice(page)).to_contain_text("has been disabled")
    expect(page.get_by_text("disabled", exact=True)).to_be_visible()
    with visitor.server.client() as client:
        assert client.post("/login", json={"username": "person-10", "password": PASSWORD}).status_code == 401
    page.get_by_role("button", name="Enable").click()
    expect(notice(page)).to_contain_text("can sign in again")
    expect(card(page, "Latest events").get_by_text("user.disabled", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back to the list of users").click()
    expect(page.get_by_label("Search")).to_have_value("person-10")
    expect(page.get_by_role("link", name="person-10")).to_be_focused()


def test_the_last_administrator_stays(visitor: Visitor) -> None:
    page = opened(visitor, "alice")
    expect(page.get_by_text("This is your own account.")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    dialog = page.get_by_role("dialog", name="Disable your own account?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("alert").filter(has_text="administrator")).to_be_focused()
    expect(page.get_by_text("disabled", exact=True)).to_have_count(0)


def test_a_role_is_given_after_a_step_up_and_taken_without_one(visitor: Visitor) -> None:
    page = opened(visitor, "person-11")
    forget_sign_ins(visitor.server.folder / "jwtapi.db")
    page.reload()
    roles = card(page, "Roles")
    roles.get_by_label("Role").fill("editor")
    roles.get_by_role("button", name="Add role").click()
    dialog = page.get_by_role("dialog", name="Is it still you?")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(roles.get_by_role("alert")).to_have_text(re.compile("Nothing has been changed"))
    roles.get_by_role("button", name="Add role").click()
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Continue").click()
    expect(notice(page)).to_contain_text("has been added")
    expect(roles.get_by_role("heading", name="Roles")).to_be_focused()
    expect(roles.get_by_role("listitem").filter(has_text="editor")).to_be_visible()

    forget_sign_ins(visitor.server.folder / "jwtapi.db")
    page.reload()
    roles.get_by_role("button", name="Remove the role").click()
    expect(notice(page)).to_contain_text("has been removed")
    expect(roles.get_by_text("None.")).to_be_visible()


def test_a_role_that_somebody_else_has_taken_meanwhile_does_not_come_back(visitor: Visitor) -> None:
    visitor.server.run("user", "roles", "person-17", "--add", "staff")
    page = opened(visitor, "person-17")
    visitor.server.run("user", "roles", "person-17", "--remove", "staff")
    roles = card(page, "Roles")
    roles.get_by_label("Role").fill("editor")
    roles.get_by_role("button", name="Add role").click()
    expect(notice(page)).to_contain_text("has been added")
    expect(roles.get_by_role("listitem")).to_have_count(1)


def test_metadata_is_edited_as_json_and_checked_before_it_is_sent(visitor: Visitor) -> None:
    page = opened(visitor, "person-12")
    editor = page.get_by_label("Metadata as JSON")
    expect(editor).to_have_value("{}")
    visitor.requests()
    for wrong, words in (('{\n  "plan": pro\n}', "line 2"), ("[1]", "must be an object")):
        editor.fill(wrong)
        page.get_by_role("button", name="Save metadata").click()
        expect(editor).to_have_accessible_description(re.compile(words))
        expect(editor).to_be_focused()
    assert visitor.requests() == []
    editor.fill('{"plan": "pro"}')
    page.get_by_role("button", name="Disable").click()
    expect(notice(page)).to_contain_text("has been disabled")
    expect(page.get_by_text("Your changes to the metadata are not saved yet.")).to_be_visible()
    expect(editor).to_have_value('{"plan": "pro"}')
    page.get_by_role("button", name="Save metadata").click()
    expect(notice(page)).to_contain_text("The metadata has been saved.")
    expect(editor).to_have_value('{\n  "plan": "pro"\n}')


def test_sessions_are_ended_one_and_all(visitor: Visitor) -> None:
    with visitor.server.client() as client:
        for _ in range(3):
            client.post("/login", json={"username": "person-13", "password": PASSWORD})
    page = opened(visitor, "person-13")
    rows = card(page, "Sessions").locator("tbody tr")
    expect(rows).to_have_count(3)
    meanwhile = visitor.context.new_page()
    meanwhile.goto(page.url)
    rows.first.get_by_role("button", name="End").click()
    expect(rows).to_have_count(2)
    expect(notice(page)).to_contain_text("The session has ended.")
    card(meanwhile, "Sessions").get_by_role("button", name="End all sessions").click()
    expect(card(meanwhile, "Sessions").get_by_text("There are none.")).to_be_visible()
    rows.first.get_by_role("button", name="End").click()
    expect(rows.first.get_by_role("alert")).to_have_text(re.compile("not there any more"))
    page.reload()
    expect(card(page, "Sessions").get_by_text("There are none.")).to_be_visible()


def test_a_new_user_gets_a_link_that_is_shown_once(visitor: Visitor, browser: Browser) -> None:
    page = signed_in(visitor, "users")
    page.get_by_role("link", name="New user").click()
    page.get_by_label("User name").fill("alice")
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_label("User name")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("User name").fill("newcomer")
    page.get_by_label("Roles").fill("editor, viewer")
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_role("heading", name="A link for the new user")).to_be_focused()
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    link: str = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("heading", name="newcomer", level=1)).to_be_focused()
    expect(card(page, "Roles").get_by_role("listitem")).to_have_count(2)
    page.go_back()
    assert link not in page.content()

    newcomer = Visitor(browser.new_context(), visitor.server)
    own = newcomer.context.new_page()
    own.goto(link)
    own.get_by_label("New password", exact=True).fill("a long enough password")
    own.get_by_role("button", name="Change password").click()
    expect(own.get_by_role("status")).to_contain_text("Sign in with the new one.")
    newcomer.context.close()


def test_a_service_account_gets_a_key_that_is_shown_once_and_revoked(visitor: Visitor) -> None:
    page = signed_in(visitor, "users/new")
    page.get_by_label("Kind of account").select_option("A service account")
    expect(page.get_by_label("Password (optional)", exact=True)).to_be_hidden()
    page.get_by_label("User name").fill("robot")
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_role("heading", name="robot", level=1)).to_be_focused()
    expect(page.get_by_text("service account", exact=True)).to_be_visible()
    page.get_by_text("Make a key").click()
    page.get_by_label("Name of the key").fill("nightly build")
    expiry = page.get_by_label("Ends (optional)")
    expiry.press("1")  # a month, and nothing else
    page.get_by_role("button", name="Make key").click()
    expect(expiry).to_have_accessible_description("Enter the date and the time, or nothing.")
    expiry.press("Backspace")
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_role("heading", name="A new API key")).to_be_focused()
    key = page.locator(".secret").inner_text()
    with visitor.server.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        assert client.get("/profile").status_code == 200
        page.get_by_role("button", name="I have kept it").click()
        page.get_by_role("link", name="API keys").click()
        row = page.get_by_role("row").filter(has_text="nightly build")
        row.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(notice(page)).to_contain_text("has been revoked")
        expect(row).to_have_count(0)
        assert client.get("/profile").status_code == 401


def test_a_password_is_forced_a_link_made_and_a_user_deleted_by_name(visitor: Visitor) -> None:
    page = opened(visitor, "person-14")
    page.get_by_role("button", name="Make a reset link").click()
    expect(page.locator(".secret")).to_contain_text("/account/reset#")
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name="Force a new password").click()
    dialog = page.get_by_role("dialog")  # no mail goes to somebody without a verified address
    expect(dialog).to_contain_text("Give the user a link afterwards.")
    dialog.get_by_role("button", name="Force a new password").click()
    expect(notice(page)).to_contain_text("The password no longer works. Make a link for the user.")
    with visitor.server.client() as client:
        assert client.post("/login", json={"username": "person-14", "password": PASSWORD}).status_code == 401

    page.get_by_text("Go on to delete it").click()
    typed = page.get_by_label(re.compile("^Type .* to confirm$"))
    typed.fill("person-15")
    page.get_by_role("button", name="Delete user").click()
    expect(typed).to_have_accessible_description("This is not the name.")
    typed.fill("person-14")
    page.get_by_role("button", name="Delete user").click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_focused()
    expect(notice(page)).to_contain_text("has been deleted")
    expect(page.get_by_role("link", name="person-14")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("heading", name="This is not here")).to_be_visible()


def test_events_are_filtered_and_downloaded(visitor: Visitor) -> None:
    with visitor.server.client() as client:
        client.post("/login", json={"username": "person-16", "password": "wrong"})
    page = signed_in(visitor, "events")
    page.get_by_label("Type").fill("login.failed")
    page.get_by_label("Type").press("Enter")
    expect(page.locator("tbody th").filter(has_not_text="login.failed")).to_have_count(0)
    expect(page.get_by_role("link", name="person-16")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert re.fullmatch(r"events-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename)
    with Path(download.value.path()).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["type"] for row in rows} == {"login.failed"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON Lines").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [line["id"] for line in lines] == [type(lines[0]["id"])(row["id"]) for row in rows]


def test_the_keyboard_alone_finds_a_user_and_disables_it(visitor: Visitor) -> None:
    page = open_view(visitor, "users")
    keyboard = page.keyboard

    def tab_to(text: str) -> None:
        for _ in range(40):
            keyboard.press("Tab")
            if focused(page).strip().startswith(text):
                return
        raise AssertionError(f"The keyboard does not reach {text}")

    tab_to("User name or e-mail address")
    keyboard.type("alice")
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_focused()
    tab_to("Search")
    keyboard.type("person-20")
    expect(page.get_by_role("status").filter(has_text="1 user")).to_be_visible()
    tab_to("Name")
    keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    tab_to("person-20")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="person-20", level=1)).to_be_focused()
    tab_to("Disable")
    keyboard.press("Enter")
    expect(notice(page)).to_contain_text("has been disabled")
    tab_to("×")
    keyboard.press("Enter")
    expect(notice(page)).to_be_empty()


def test_a_passkey_signs_an_administrator_in(visitor: Visitor) -> None:
    make_administrator(visitor.server, "keyed")
    page = visitor.open()
    sign_in(page, "keyed")
    expect(page.get_by_role("heading", name="keyed", level=1)).to_be_visible()
    Authenticator.of(page)
    open_security(page)
    add_passkey(page)
    page.goto(f"{visitor.server.base_url}/admin/clients")
    expect(page.get_by_role("heading", name="Clients", level=1)).to_be_visible()
    with page.expect_response("**/login/passkey"):  # the authenticator takes the offer of the autofill immediately
        page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_an_administrator_who_needs_a_second_factor_is_told_so(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", MFA_REQUIRED="admins") as server:
        on_localhost(server)
        make_administrator(server, "alice")
        visitor = Visitor(browser.new_context(), server)
        page = open_view(visitor, "users")
        sign_in(page)
        dialog = page.get_by_role("dialog", name="Is it still you?")
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Administrators of this server need a second factor.")).to_be_visible()
        page.get_by_role("link", name="Set up a second factor").click()
        expect(page.get_by_role("heading", name="Security")).to_be_visible()
        assert visitor.complaints == []
        visitor.context.close()


def test_mails_that_wait_are_listed_retried_and_deleted(browser: Browser, tmp_path: Path) -> None:
    settings = {"MAIL_URL": f"smtp://127.0.0.1:{free_port()}", "MAIL_FROM": "no-reply@example.com"}  # nobody listens
    with running_server(tmp_path / "server", RATE_LIMIT_ENABLED="false", **settings) as server:
        on_localhost(server)
        make_administrator(server, "alice")
        with server.client() as client:
            client.post("/register", json={"username": "bob", "password": PASSWORD, "email": "bob@example.com"})
        visitor = Visitor(browser.new_context(), server)
        page = signed_in(visitor, "mails")
        row = page.get_by_role("row").filter(has_text="b…@example.com")
        row.get_by_role("button", name="Retry").click()
        expect(notice(page)).to_contain_text("The mail is sent again.")
        row.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No mail waits.")).to_be_visible()
        assert visitor.complaints == []
        visitor.context.close()


VIEWS = ("", "users", "users/new", "users/invite", "events", "keys", "clients", "mails")


def all_views(visitor: Visitor) -> Iterator[Page]:
    """Every view with all that it hides, for an administrator; the last one is that of the user with the long name."""
    page = signed_in(visitor, f"users?query={LONG}")
    page.get_by_role("link", name=LONG).click()
    expect(page.get_by_role("heading", name=LONG, level=1)).to_be_visible()
    address = page.url
    for url in (*(f"{visitor.server.base_url}/admin/{view}".removesuffix("/") for view in VIEWS), address):
        page.goto(url)
        page.locator("main h1").wait_for()
        for summary in page.locator("#view summary").all():
            summary.click()
        yield page


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_every_view_of_the_administration_is_accessible(
    browser: Browser, server: Server, scheme: Literal["light", "dark"]
) -> None:
    visitor = Visitor(browser.new_context(color_scheme=scheme, reduced_motion="reduce"), server)
    for page in all_views(visitor):
        assert_accessible(page)
    page.get_by_role("button", name="Force a new password").click()
    page.get_by_role("dialog").wait_for()
    assert_accessible(page)
    assert visitor.complaints == []
    visitor.context.close()


@pytest.mark.parametrize("width", (390, 320))
def test_no_view_of_the_administration_is_wider_than_a_phone(browser: Browser, server: Server, width: int) -> None:
    """320 pixels are also 1280 at 400 % (WCAG 1.4.10)."""
    visitor = Visitor(browser.new_context(viewport={"width": width, "height": 800}), server)
    for page in all_views(visitor):
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") == width, page.url
    visitor.context.close()
