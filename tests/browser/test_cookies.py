"""What becomes of the cookies in a real Chromium. Skipped where there is no Chromium."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.api import PASSWORD
from tests.support.server import Server, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

CALLS = """async ([server, credentials, names]) => {
    const outcomes = [];
    for (const name of names) {
        const body = name === "/login" ? JSON.stringify(credentials) : undefined;
        const headers = {"sentry-trace": "1", ...(body && {"Content-Type": "application/json"})};
        const answer = await fetch(server + name, {method: "POST", credentials: "include", headers, body});
        outcomes.push(answer.status);
    }
    return outcomes;
}"""
ALICE = {"username": "alice", "password": PASSWORD}


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """The origin of an app that is of another site than what is called 127.0.0.1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def register(server: Server) -> None:
    with server.client() as client:
        assert client.post("/register", json=ALICE).status_code == 201


def outcomes(browser: Browser, app: str, server: Server) -> list[int]:
    """What a page of the app gets that signs in, refreshes, signs out and refreshes again."""
    page = browser.new_context().new_page()
    page.goto(app)
    statuses: list[int] = page.evaluate(CALLS, [server.base_url, ALICE, ["/login", "/refresh", "/logout", "/refresh"]])
    return statuses


def test_a_page_of_another_site_keeps_the_cookies_with_samesite_none_alone(
    browser: Browser, app: str, tmp_path: Path
) -> None:
    with running_server(tmp_path / "strict", CORS_ORIGINS=app) as server:
        register(server)
        for _ in range(2):
            assert outcomes(browser, app, server) == [200, 401, 200, 401]
        assert server.log.read_text().count("browsers drop the cookies: the page is on another site") == 1
    none = {"COOKIE_SAMESITE": "none", "COOKIE_SECURE": "true"}
    with running_server(tmp_path / "none", CORS_ORIGINS=app, **none) as server:
        register(server)
        assert outcomes(browser, app, server) == [200, 200, 200, 401]
        assert "browsers drop the cookies" not in server.log.read_text()


def test_below_a_path_swagger_ui_signs_in_and_executes(browser: Browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", ROOT_PATH="/sso") as server:
        register(server)
        page = browser.new_context().new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{server.base_url}/sso/docs")
        page.get_by_role("button", name="Authorize", exact=True).click()
        form = page.locator(".auth-container", has_text="Flow: password")
        form.get_by_label("username:").fill("alice")
        form.get_by_label("password:").fill(PASSWORD)
        form.get_by_role("button", name="Apply given OAuth2 credentials").click()
        form.get_by_role("button", name="Remove authorization").wait_for()
        page.locator(".close-modal").click()
        operation = page.locator("#operations-account-profile")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table .response")
        answer.wait_for()
        assert answer.locator(".response-col_status").inner_text().startswith("200")
        assert {url for url in requests if not url.startswith((f"{server.base_url}/sso/", "data:"))} == set()
