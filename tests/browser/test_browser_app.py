"""The client for browser apps, `/account/client.js`, in two tabs of a Chromium. Skipped without a Chromium."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, Route

from tests.browser.test_swagger_ui import CHROMIUM
from tests.support.api import PASSWORD
from tests.support.server import running_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

CLIENT = Path(__file__).parents[2] / "src/jwtapi/pages/client.js"


class Site(NamedTuple):
    origin: str
    """Of the pages of the app. It is no IP address, because those have no passkeys."""
    api: str
    database: Path


@dataclass
class App:
    """An app of another origin than the server, whose pages and answers from the server the test has in its hands."""

    context: BrowserContext
    origin: str
    api: str
    database: Path
    sent: list[Request] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    """Values of Authorization that reach the server as a token that it refuses."""
    lost: int = 0
    """Answers of /refresh that will not arrive."""

    def tab(self) -> Page:
        page = self.context.new_page()
        page.goto(self.origin)
        page.evaluate(f"import('/copy.js').then(({{ Client }}) => {{ window.client = new Client({self.options}) }})")
        return page

    @property
    def options(self) -> str:
        """The options of the client, in JavaScript. A test may set `window.ask` and `window.askFactor`."""
        return (
            f"{{ baseUrl: '{self.api}', askPassword: async (problem) => window.ask?.(problem) ?? null,"
            " askSecondFactor: async (question) => window.askFactor?.(question) ?? null }"
        )

    def paths(self) -> list[str]:
        """The paths of the requests to the server since the last look."""
        paths = [request.url.removeprefix(self.api) for request in self.sent]
        self.sent.clear()
        return paths

    def pass_on(self, route: Route) -> None:
        request = route.request
        self.sent.append(request)
        headers = request.headers
        if self.lost and request.url.endswith("/refresh"):
            self.lost -= 1
            route.fetch()
            route.abort()
        elif headers.get("authorization") in self.expired:
            route.continue_(headers=headers | {"authorization": "Bearer no.such.token"})
        else:
            route.continue_()

    def let_expire(self, page: Page) -> None:
        """Refuse the access token that the page has now."""
        with page.expect_request("**/profile") as sent:
            page.evaluate("client.fetch('/profile').then(() => null)")
        self.expired.add(sent.value.headers["authorization"])
        self.paths()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The origin at which the files of a folder are."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as files:
        Thread(target=files.serve_forever, daemon=True).start()
        yield f"http://localhost:{files.server_port}"
        files.shutdown()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of the server that a test needs besides CORS_ORIGINS."""
    return getattr(request, "param", {})


@contextmanager
def running_site(folder: Path, **settings: str) -> Iterator[Site]:
    pages = folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<!doctype html><link rel=icon href=data:,><title>app</title>")
    shutil.copy(CLIENT, pages / "copy.js")
    with serving(pages) as origin:
        allowed = {"CORS_ORIGINS": origin, "PASSKEY_ORIGINS": origin}
        with running_server(folder / "server", **allowed, **settings) as server:
            yield Site(origin, f"http://localhost:{server.port}", server.folder / "jwtapi.db")


@contextmanager
def opened(browser: Browser, site: Site) -> Iterator[App]:
    with browser.new_context() as context:
        app = App(context, site.origin, site.api, site.database)
        context.route(f"{app.api}/**", app.pass_on)
        yield app


@pytest.fixture(scope="module")
def usual_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


def empty(database: Path) -> None:
    """Remove the users, and what limits have counted."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for table in ("users", "rate_limits"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608


@pytest.fixture
def app(browser: Browser, tmp_path: Path, settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[App]:
    """An app of a site without users. Tests with settings of their own have a site of their own."""
    if settings:
        with running_site(tmp_path, **settings) as site, opened(browser, site) as app:
            yield app
        return
    site = request.getfixturevalue("usual_site")
    empty(site.database)
    with opened(browser, site) as app:
        yield app


def outcome(page: Page, call: str) -> Any:
    """What a call of the client gives: its value, or what its error says."""
    return page.evaluate(f"{call}.then((value) => value ?? null, (error) => ({{ name: error.name, ...error }}))")


def fetched(page: Page, *options: str) -> Any:
    """Status and body of the profile."""
    arguments = ", ".join(("'/profile'", *options))
    return page.evaluate(f"client.fetch({arguments}).then(async (answer) => [answer.status, await answer.json()])")


def listen(page: Page) -> None:
    """Keep the news that the client reports from now on, for `heard`."""
    page.evaluate(
        "window.news = []; for (const name of ['signed-in', 'refreshed', 'signed-out'])"
        " client.addEventListener(name, ({ detail }) => news.push([name, detail.elsewhere]))"
    )


def heard(page: Page, count: int) -> Any:
    """The news since `listen`, when there are so many."""
    page.wait_for_function(f"news.length >= {count}")
    return page.evaluate("news")


ALICE = [200, {"username": "alice"}]
NO_ANSWER = {"name": "ApiError", "code": "no_answer", "status": 0, "retryAfter": None, "fields": {}, "methods": []}


def forget_sign_ins(database: Path) -> None:
    """Let every session have signed in long ago."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("UPDATE sessions SET auth_time = '2020-01-01 00:00:00.000000'")


def sign_in(page: Page, name: str = "alice") -> None:
    assert outcome(page, f"client.register('{name}', '{PASSWORD}')")["message"] == "User registered successfully"
    assert outcome(page, f"client.signIn('{name}', '{PASSWORD}')") is None


def test_errors_state_what_a_form_needs(app: App) -> None:
    page = app.tab()
    short = outcome(page, "client.register('alice', 'short')")
    assert (short["name"], short["status"], short["code"]) == ("ApiError", 400, "password_too_short")
    assert list(short["fields"]) == ["password"]
    wrong = outcome(page, "client.signIn('alice', 'wrong')")
    assert (wrong["status"], wrong["code"], wrong["fields"]) == (401, "invalid_credentials", {})
    assert outcome(page, "client.request('GET', '/none')")["code"] == "not_found"

    app.context.route(f"{app.api}/login", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    assert outcome(page, "client.signIn('alice', 'wrong')")["code"] == "foreign_answer"


def test_where_nobody_is_signed_in_a_request_refreshes_once(app: App) -> None:
    page = app.tab()
    assert outcome(page, "client.refresh()") is False
    assert fetched(page)[0] == 401
    assert app.paths() == ["/refresh", "/profile", "/refresh"]
    assert page.evaluate("client.signedIn") is False


def test_two_tabs_share_a_session(app: App) -> None:
    first, second = app.tab(), app.tab()
    for tab in (first, second):
        listen(tab)
    sign_in(first)
    assert heard(first, 1) == [["signed-in", False]]
    assert heard(second, 1) == [["signed-in", True]]
    assert fetched(second) == ALICE

    # A refresh is no sign-in: a page that loads again when it hears of one, and refreshes then, would go on for ever.
    assert outcome(first, "client.refresh()") is True
    assert heard(second, 2)[1:] == [["refreshed", True]]

    assert outcome(second, "client.signOut()") is None
    assert heard(first, 3)[2:] == [["signed-out", True]]
    app.paths()
    assert fetched(first)[0] == 401
    assert app.paths() == ["/profile", "/refresh"]


def test_many_requests_of_many_tabs_refresh_once_and_a_body_is_sent_again(app: App) -> None:
    tabs = [app.tab() for _ in range(3)]
    sign_in(tabs[0])
    app.let_expire(tabs[0])
    many = "Promise.all([1, 2, 3].map((n) => client.fetch('/api/settings', { method: 'PATCH', headers: new Headers({"
    many += (
        " 'Content-Type': 'application/json' }), body: JSON.stringify({ [`key${n}`]: n }) }).then((a) => a.status)))"
    )
    for tab in tabs:
        tab.evaluate(f"window.statuses = {many}; null")
    assert [tab.evaluate("statuses") for tab in tabs] == [[200] * 3] * 3
    assert app.paths().count("/refresh") == 1
    assert outcome(tabs[1], "client.request('GET', '/api/settings')") == {"key1": 1, "key2": 2, "key3": 3}


def test_many_tabs_that_load_at_the_same_time_refresh_once(app: App) -> None:
    sign_in(app.tab())
    for tab in app.context.pages:
        tab.close()
    tabs = [app.tab() for _ in range(3)]
    app.paths()
    held: list[Route] = []
    app.context.route(f"{app.api}/refresh", lambda route: held.append(route))  # noqa: PLW0108  it must be a function
    for tab in tabs:
        tab.evaluate("window.signedIn = client.refresh(); null")
    while not held:
        tabs[0].wait_for_timeout(10)
    held[0].continue_()
    assert [tab.evaluate("signedIn") for tab in tabs] == [True] * 3
    assert len(held) == 1


def test_a_browser_without_locks_and_channels_refreshes_in_each_tab(app: App) -> None:
    app.context.add_init_script(
        "Object.defineProperty(navigator, 'locks', { value: undefined }); delete globalThis.BroadcastChannel"
    )
    first, second = app.tab(), app.tab()
    sign_in(first)
    assert outcome(second, "client.refresh()") is True
    assert [fetched(first), fetched(second)] == [ALICE, ALICE]
    assert outcome(second, "client.signOut()") is None
    assert fetched(first)[0] == 401


def test_headers_stay_in_whatever_form_they_come(app: App) -> None:
    page = app.tab()
    sign_in(page)
    for form in (
        "{ headers: new Headers({ 'X-Request-ID': 'kept' }) }",
        "{ headers: [['X-Request-ID', 'kept']] }",
        "{ headers: { 'X-Request-ID': 'kept' } }",
    ):
        assert page.evaluate(f"client.fetch('/profile', {form}).then((a) => a.headers.get('X-Request-ID'))") == "kept"
    request = f"new Request('{app.api}/profile', {{ headers: {{ 'X-Request-ID': 'kept' }} }})"
    assert page.evaluate(f"client.fetch({request}).then((a) => a.headers.get('X-Request-ID'))") == "kept"


def test_a_path_that_would_lead_to_another_host_is_refused(app: App) -> None:
    page = app.tab()
    sign_in(page)
    app.paths()
    assert outcome(page, "client.fetch('@example.com/')")["name"] == "TypeError"
    with pytest.raises(Error, match="A path begins with /"):
        page.evaluate("client.request('GET', '.example.com/')")
    assert app.paths() == []


def test_a_lost_answer_of_a_refresh_is_asked_for_again(app: App) -> None:
    page = app.tab()
    sign_in(page)
    app.let_expire(page)
    app.lost = 2
    assert fetched(page) == ALICE
    assert app.paths() == ["/profile", "/refresh", "/refresh", "/refresh", "/profile"]

    app.let_expire(page)
    app.lost = 3
    assert outcome(page, "client.refresh()") == NO_ANSWER
    assert fetched(page) == ALICE


def test_a_request_that_its_sender_aborts_leaves_the_session_as_it_is(app: App) -> None:
    page = app.tab()
    sign_in(page)
    app.let_expire(page)
    aborted = "(() => { const stop = new AbortController(); const answer = client.fetch('/profile',"
    aborted += " { signal: stop.signal }); stop.abort(); return answer.then(() => null, (error) => error.name); })()"
    assert page.evaluate(aborted) == "AbortError"
    assert fetched(page) == ALICE


def test_a_sign_out_without_the_network_fails_and_the_user_stays_signed_in(app: App) -> None:
    page = app.tab()
    sign_in(page)
    app.context.set_offline(True)
    assert outcome(page, "client.signOut()") == NO_ANSWER
    app.context.set_offline(False)
    assert fetched(page) == ALICE


def test_a_session_that_was_ended_elsewhere_is_reported_as_signed_out(app: App) -> None:
    page = app.tab()
    sign_in(page)
    listen(page)
    app.context.request.post(f"{app.api}/logout")
    assert outcome(page, "client.request('GET', '/profile')")["code"] == "token_invalid"
    assert heard(page, 1) == [["signed-out", False]]


def test_an_app_imports_the_client_from_the_server(app: App) -> None:
    page = app.tab()
    sign_in(page)
    page.evaluate(f"import('{app.api}/account/client.js').then(({{ Client }}) => {{ window.client = new Client() }})")
    assert outcome(page, "client.refresh()") is True
    assert fetched(page) == ALICE


@pytest.mark.parametrize("settings", ({"REFRESH_RATE_LIMIT": "1/2 seconds"},), indirect=True)
def test_a_refresh_waits_as_long_as_the_server_asks_if_that_is_short(app: App) -> None:
    page = app.tab()
    sign_in(page)
    assert outcome(page, "client.refresh()") is True
    assert outcome(page, "client.refresh()") is True


@pytest.mark.parametrize("settings", ({"REFRESH_RATE_LIMIT": "1/hour"},), indirect=True)
def test_a_refresh_does_not_wait_long_but_reports_how_long_it_would_be(app: App) -> None:
    page = app.tab()
    sign_in(page)
    assert outcome(page, "client.refresh()") is True
    app.paths()
    refused = outcome(page, "client.refresh()")
    assert (refused["status"], refused["code"], refused["retryAfter"] > 3000) == (429, "too_many_attempts", True)
    assert app.paths() == ["/refresh"]
    assert fetched(page) == ALICE


def test_a_change_that_needs_a_recent_sign_in_is_sent_again_after_the_password(app: App) -> None:
    page = app.tab()
    sign_in(page)
    forget_sign_ins(app.database)
    assert outcome(page, "client.refresh()") is True
    rename = "client.request('PATCH', '/api/account', { username: 'alice' })"
    assert outcome(page, rename)["code"] == "insufficient_user_authentication"  # `askPassword` gave up

    page.evaluate(
        "window.asked = []; window.ask = async (problem) => {"
        f" asked.push(problem?.code ?? null); return asked.length === 1 ? 'wrong' : '{PASSWORD}'; }}; null"
    )
    app.paths()
    both = page.evaluate(f"Promise.all([{rename}, {rename}])")
    assert [account["username"] for account in both] == ["alice", "alice"]
    assert page.evaluate("asked") == [None, "wrong_password"]
    assert app.paths().count("/api/reauthenticate") == 2
    assert outcome(page, rename)["username"] == "alice"
    assert app.paths() == ["/api/account"]
