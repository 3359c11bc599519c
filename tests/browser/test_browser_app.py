"""The code of docs/browser-app.md, exactly as printed, in two tabs of a Chromium. Skipped without a Chromium."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, sync_playwright

from tests.browser.test_swagger_ui import CHROMIUM
from tests.support.api import PASSWORD
from tests.support.server import running_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

PAGE = (Path(__file__).parents[2] / "docs/browser-app.md").read_text()
(CLIENT,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)


@dataclass
class App:
    """An app of another origin than the server, whose pages and answers from the server the test has in its hands."""

    context: BrowserContext
    origin: str
    api: str
    sent: list[Request] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    """Values of Authorization that reach the server as a token that it refuses."""
    lost: int = 0
    """Answers of /refresh that will not arrive."""

    def tab(self) -> Page:
        page = self.context.new_page()
        page.goto(self.origin)
        page.evaluate("import('/session.js').then((client) => { window.client = client })")
        return page

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
            page.evaluate("client.call('/profile').then(() => null)")
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
        yield f"http://127.0.0.1:{files.server_port}"
        files.shutdown()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<!doctype html><link rel=icon href=data:,><title>app</title>")
    with (
        serving(pages) as origin,
        running_server(tmp_path / "server", CORS_ORIGINS=origin) as server,
        sync_playwright() as playwright,
    ):
        (pages / "session.js").write_text(CLIENT.replace("https://auth.example.com", server.base_url))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        app = App(browser.new_context(), origin, server.base_url)
        app.context.route(f"{app.api}/**", app.pass_on)
        yield app
        browser.close()


def outcome(page: Page, call: str) -> Any:
    """What a call of the client gives: its value, or what its error says."""
    return page.evaluate(f"{call}.then((value) => value ?? null, (error) => ({{ name: error.name, ...error }}))")


def profile(page: Page, *options: str) -> Any:
    arguments = ", ".join(("'/profile'", *options))
    return page.evaluate(f"client.call({arguments}).then(async (answer) => [answer.status, await answer.json()])")


ALICE = [200, {"username": "alice"}]


def test_two_tabs_of_an_app_share_a_session(app: App) -> None:
    first, second = app.tab(), app.tab()

    # Errors say what a form needs to know.
    short = outcome(first, "client.register('alice', 'short')")
    assert (short["status"], short["code"]) == (400, "password_too_short")
    assert [error["field"] for error in short["errors"]] == ["password"]
    assert outcome(first, f"client.register('alice', '{PASSWORD}')")["message"] == "User registered successfully"
    wrong = outcome(first, "client.login('alice', 'wrong')")
    assert (wrong["status"], wrong["code"]) == (401, "invalid_credentials")

    # Nobody is signed in: no loop.
    app.paths()
    assert outcome(first, "client.refresh()") is False
    assert profile(first)[0] == 401
    assert app.paths() == ["/refresh", "/profile", "/refresh"]

    # Signed in here, signed in there.
    second.evaluate(
        "window.heard = new Promise((hear) => addEventListener('signed-in', () => hear('signed-in'))); null"
    )
    assert outcome(first, f"client.login('alice', '{PASSWORD}')") is None
    assert second.evaluate("heard") == "signed-in"
    assert profile(second) == ALICE

    # A refresh is no sign-in: a page that loads again when it hears of one, and refreshes then, would go on for ever.
    second.evaluate(
        "window.news = new Promise((hear) => { for (const name of ['signed-in', 'refreshed', 'signed-out'])"
        " addEventListener(name, () => hear(name)); }); null"
    )
    assert outcome(first, "client.refresh()") is True
    assert second.evaluate("news") == "refreshed"

    # Headers stay, in whatever form they come.
    for form in (
        "{ headers: new Headers({ 'X-Request-ID': 'kept' }) }",
        "{ headers: [['X-Request-ID', 'kept']] }",
        "{ headers: { 'X-Request-ID': 'kept' } }",
    ):
        assert first.evaluate(f"client.call('/profile', {form}).then((a) => a.headers.get('X-Request-ID'))") == "kept"
    request = f"new Request('{app.api}/profile', {{ headers: {{ 'X-Request-ID': 'kept' }} }})"
    assert first.evaluate(f"client.call({request}).then((a) => a.headers.get('X-Request-ID'))") == "kept"

    # The access token expires: many calls in two tabs, and one refresh; a body is sent again.
    app.let_expire(first)
    many = "Promise.all([1, 2, 3].map((n) => client.call('/api/settings', { method: 'PATCH', headers: new Headers({"
    many += (
        " 'Content-Type': 'application/json' }), body: JSON.stringify({ [`key${n}`]: n }) }).then((a) => a.status)))"
    )
    second.evaluate(f"window.there = {many}; null")
    assert first.evaluate(many) == [200] * 3
    assert second.evaluate("there") == [200] * 3
    assert app.paths().count("/refresh") in {1, 2}  # two, if the lock came before the news
    assert first.evaluate("client.call('/api/settings').then((a) => a.json())") == {"key1": 1, "key2": 2, "key3": 3}

    # An answer is lost, or whoever asked went away: still signed in.
    app.let_expire(first)
    app.lost = 1
    assert outcome(first, "client.refresh()") == {"name": "TypeError"}
    assert profile(first) == ALICE
    aborted = "(() => { const stop = new AbortController(); const answer = client.call('/profile',"
    aborted += " { signal: stop.signal }); stop.abort(); return answer.then(() => null, (error) => error.name); })()"
    assert first.evaluate(aborted) == "AbortError"
    app.context.set_offline(True)
    assert outcome(second, "client.logout()") == {"name": "TypeError"}
    app.context.set_offline(False)
    assert profile(second) == ALICE

    # Signed out here, signed out there.
    first.evaluate(
        "window.heard = new Promise((hear) => addEventListener('signed-out', () => hear('signed-out'))); null"
    )
    assert outcome(second, "client.logout()") is None
    assert first.evaluate("heard") == "signed-out"
    app.paths()
    assert profile(first)[0] == 401
    assert app.paths() == ["/profile", "/refresh"]
