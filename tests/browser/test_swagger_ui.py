"""Swagger UI in a real Chromium, as a developer uses it. Skipped where there is no Chromium."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.api import PASSWORD
from tests.support.server import Server, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")


@dataclass
class Visit:
    page: Page
    complaints: list[str] = field(default_factory=list)
    """What the browser's console said above the level of information."""
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        with server.client() as client:
            client.post("/register", json={"username": "alice", "password": PASSWORD})
        yield server


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    with browser.new_context(viewport={"width": 1280, "height": 1600}) as context:
        visit = Visit(context.new_page())
        visit.page.on(
            "console", lambda line: visit.complaints.append(line.text) if line.type in {"warning", "error"} else None
        )
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(f"{server.base_url}/docs")
        yield visit


def is_dark(page: Page) -> bool:
    """Tell whether the text is light, and the page behind it dark."""
    text = page.evaluate("getComputedStyle(document.querySelector('.swagger-ui .info .title')).color")
    behind = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return brightness(text) > 128 > brightness(behind) and behind != "rgba(0, 0, 0, 0)"


def wait_until_dark(page: Page) -> None:
    """Wait for the styles of the dark mode, which the browser applies a moment after it was switched."""
    end = time.monotonic() + 10
    while not is_dark(page):
        assert time.monotonic() < end, "the page is not dark"
        page.wait_for_timeout(20)


def brightness(colour: str) -> float:
    """0 to 255, of a colour as `getComputedStyle` writes it."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


CODE_HIDES_THE_LINE_ABOVE = """() => {
    const code = document.querySelector(".swagger-ui .info .renderedMarkdown code");
    const before = document.createRange();
    before.setStart(code.parentElement, 0);
    before.setEndBefore(code);
    const box = code.getBoundingClientRect();
    return [...before.getClientRects()].some((line) =>
        line.left < box.right && box.left < line.right && line.top < box.top && box.top < line.bottom - 2);
}"""


def test_authorize_by_password_then_try_an_operation(visit: Visit, server: Server, tmp_path: Path) -> None:
    page = visit.page
    page.get_by_role("button", name="Authorize", exact=True).click()
    assert page.evaluate("document.activeElement.id") == "oauth_username"
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
    page.screenshot(path=tmp_path / "profile.png")
    assert answer.locator(".response-col_status").inner_text().startswith("200")
    assert '"username": "alice"' in answer.inner_text()

    assert not is_dark(page)
    page.emulate_media(color_scheme="dark")
    wait_until_dark(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert not page.evaluate(CODE_HIDES_THE_LINE_ABOVE)

    assert visit.complaints == []
    assert {url for url in visit.requests if not url.startswith((server.base_url, "data:"))} == set()
