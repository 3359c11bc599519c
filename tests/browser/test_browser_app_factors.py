"""Second factors and passkeys with the client for browser apps. Skipped without a Chromium."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route

from tests.browser.test_browser_app import (
    App,
    Site,
    forget_sign_ins,
    heard,
    listen,
    opened,
    outcome,
    running_site,
    sign_in,
)
from tests.browser.test_swagger_ui import CHROMIUM
from tests.support.api import PASSWORD

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

PASSKEY = "{ method: 'passkey' }"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), RATE_LIMIT_ENABLED="false") as site:
        yield site


@pytest.fixture
def app(browser: Browser, site: Site) -> Iterator[App]:
    with opened(browser, site) as app:
        yield app


@pytest.fixture
def page(app: App) -> Page:
    return app.tab()


@dataclass
class User:
    """A signed-in user of this test."""

    database: Path
    name: str = field(default_factory=lambda: f"user-{uuid4().hex[:12]}")
    secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)

    @property
    def sign_in(self) -> str:
        """The call that signs in with the password."""
        return f"client.signIn('{self.name}', '{PASSWORD}')"

    def code(self) -> str:
        """A code that the server accepts, whatever was used before."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute("UPDATE totp_secrets SET last_step = 0")
        return pyotp.TOTP(self.secret).now()


@pytest.fixture
def user(app: App, page: Page) -> User:
    user = User(app.database)
    sign_in(page, user.name)
    return user


@pytest.fixture
def careful(page: Page, user: User) -> User:
    """The user, with an authenticator app."""
    user.secret = outcome(page, "client.request('POST', '/api/mfa/totp')")["secret"]
    confirmed = outcome(page, f"client.request('POST', '/api/mfa/totp/confirm', {{ code: '{user.code()}' }})")
    user.recovery_codes = confirmed["recoveryCodes"]
    return user


@dataclass
class Authenticator:
    """The authenticator of a tab: it is in the device, and verifies its user."""

    session: CDPSession
    id: str

    @classmethod
    def of(cls, page: Page) -> "Authenticator":
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, added["authenticatorId"])

    def credentials(self) -> list[str]:
        """The ids of its passkeys."""
        held = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return [credential["credentialId"] for credential in held["credentials"]]

    def wait_until_empty(self, page: Page) -> None:
        for _ in range(1000):
            if not self.credentials():
                return
            page.wait_for_timeout(10)
        raise AssertionError("the browser has kept the passkey")

    def verify_user(self, *, succeeds: bool) -> None:
        """Whether the user shows the right finger."""
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": succeeds})

    def touch(self, *, at_once: bool) -> None:
        """Whether somebody touches it as soon as it asks. Otherwise a ceremony waits."""
        setting = {"authenticatorId": self.id, "enabled": at_once}
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", setting)


@pytest.fixture
def authenticator(page: Page) -> Authenticator:
    return Authenticator.of(page)


def answer_with(page: Page, *answers: str | None) -> None:
    """Answer the questions for a second factor with these JavaScript objects, one after the other, and keep them."""
    listed = ", ".join(answer if answer is not None else "null" for answer in answers)
    page.evaluate(
        f"window.answers = [{listed}]; window.questions = []; window.askFactor = async ({{ problem, ...question }}) =>"
        " { questions.push({ ...question, problem: problem?.code ?? null }); return answers.shift() ?? null; }; null"
    )


def problems(page: Page) -> Any:
    """What was wrong with the answers before, one for each question."""
    return page.evaluate("questions.map((question) => question.problem)")


def totp(code: str, more: str = "") -> str:
    return f"{{ method: 'totp', code: '{code}'{more} }}"


def error_code(page: Page, call: str) -> Any:
    return outcome(page, call)["code"]


def name_of(page: Page) -> Any:
    return outcome(page, "client.request('GET', '/profile')").get("username")


def test_a_sign_in_asks_for_the_second_factor_until_it_is_right(app: App, page: Page, careful: User) -> None:
    other = app.tab()
    assert outcome(page, "client.signOut()") is None
    for tab in (page, other):
        listen(tab)
    answer_with(page, totp("000000"), totp("no code"), totp(careful.code()))
    app.paths()
    assert outcome(page, careful.sign_in) is None
    asked = {"methods": ["totp", "recovery_code"], "signingIn": True}
    assert page.evaluate("questions") == [asked | {"problem": problem} for problem in (None, *["mfa_invalid"] * 2)]
    assert app.paths() == ["/login", *["/login/mfa"] * 3]
    assert [heard(page, 1), heard(other, 1)] == [[["signed-in", False]], [["signed-in", True]]]
    assert [name_of(page), name_of(other)] == [careful.name] * 2


def test_who_gives_up_gets_an_error_with_a_ticket_that_no_log_shows(page: Page, careful: User) -> None:
    assert outcome(page, "client.signOut()") is None
    refused = outcome(page, careful.sign_in)
    assert (refused["code"], refused["status"]) == ("mfa_required", 401)
    assert refused["methods"] == ["totp", "recovery_code"]
    assert "ticket" not in refused
    assert page.evaluate("client.signedIn") is False

    page.evaluate(f"{careful.sign_in}.catch((error) => {{ window.ticket = error.ticket }})")
    wrong = "client.completeSignIn({ ticket, method: 'recovery_code', code: 'AAAA' })"
    assert error_code(page, wrong) == "mfa_invalid"
    right = wrong.replace("AAAA", careful.recovery_codes[0])
    assert outcome(page, right) == {"recoveryCodes": []}
    assert name_of(page) == careful.name


def test_after_five_wrong_answers_the_sign_in_begins_with_the_password_again(page: Page, careful: User) -> None:
    assert outcome(page, "client.signOut()") is None
    answer_with(page, *[totp("000000")] * 9)
    assert error_code(page, careful.sign_in) == "mfa_ticket_invalid"
    assert problems(page) == [None, *["mfa_invalid"] * 5]


def test_a_lost_answer_to_a_second_factor_is_a_problem_that_the_app_hears_of(
    app: App, page: Page, careful: User
) -> None:
    assert outcome(page, "client.signOut()") is None
    answer_with(page, totp("000000"), totp(careful.code()))
    app.context.route(f"{app.api}/login/mfa", lambda route: route.abort(), times=1)
    assert outcome(page, careful.sign_in) is None
    assert problems(page) == [None, "no_answer"]


def test_a_device_that_is_remembered_is_not_asked_again(page: Page, careful: User) -> None:
    assert outcome(page, "client.signOut()") is None
    answer_with(page, totp(careful.code(), ", remember: true"))
    assert outcome(page, careful.sign_in) is None
    assert outcome(page, "client.signOut()") is None
    assert outcome(page, careful.sign_in) is None
    assert len(problems(page)) == 1


def test_no_other_tab_waits_while_somebody_is_asked(app: App, page: Page, careful: User) -> None:
    other = app.tab()
    assert outcome(other, "client.refresh()") is True
    page.evaluate(
        "window.asked = new Promise((resolve) => { window.askFactor = () => new Promise(() => resolve()) }); null"
    )
    page.evaluate(f"{careful.sign_in}.then(() => null); null")
    page.evaluate("asked.then(() => null)")
    assert outcome(other, "client.refresh()") is True
    assert name_of(other) == careful.name


RENAME = "client.request('PATCH', '/api/account', { username: '%s' }).then(() => null)"


def ask_password(page: Page, *proofs: str) -> None:
    """Answer the questions for the password with these JavaScript expressions, one after the other, and keep them."""
    page.evaluate(
        f"window.proofs = [{', '.join(proofs)}]; window.asked = []; window.ask = async (problem) =>"
        " { asked.push(problem?.code ?? null); return proofs.shift() ?? null; }; null"
    )


def test_a_step_up_asks_for_the_second_factor_after_the_password(app: App, page: Page, careful: User) -> None:
    forget_sign_ins(app.database)
    assert outcome(page, "client.refresh()") is True
    rename = RENAME % careful.name
    ask_password(page, f"'{PASSWORD}'", f"'{PASSWORD}'", f"'{PASSWORD}'")
    answer_with(page, None)
    assert error_code(page, rename) == "insufficient_user_authentication"

    answer_with(page, *[totp("000000")] * 6, totp(careful.code()))
    app.paths()
    assert outcome(page, rename) is None
    assert page.evaluate("asked") == [None, None, "mfa_ticket_invalid"]
    assert problems(page) == [None, *["mfa_invalid"] * 5, None]
    assert page.evaluate("questions[0].signingIn") is False
    paths = app.paths()
    assert paths.count("/api/reauthenticate") == 9
    assert "/refresh" not in paths
    assert outcome(page, rename) is None
    assert app.paths() == ["/api/account"]


def test_a_wrong_code_ends_no_session_and_an_expired_token_costs_no_try(app: App, page: Page, careful: User) -> None:
    listen(page)
    page.evaluate(f"client.reauthenticate('{PASSWORD}').catch((error) => {{ window.ticket = error.ticket }})")
    assert page.evaluate("typeof ticket") == "string"
    app.let_expire(page)
    for _ in range(4):
        wrong = "client.reauthenticate({ ticket, method: 'totp', code: '000000' })"
        assert error_code(page, wrong) == "mfa_invalid"
    assert app.paths() == ["/api/reauthenticate", "/refresh", *["/api/reauthenticate"] * 4]
    assert outcome(page, wrong.replace("000000", careful.code())) is None
    assert error_code(page, wrong) == "mfa_ticket_invalid"
    # An app that sends such a request by itself causes no refresh either.
    by_hand = f"client.request('POST', '/api/reauthenticate', {{ password: '{PASSWORD}' }})"
    assert error_code(page, by_hand) == "mfa_required"
    assert "/refresh" not in app.paths()
    assert page.evaluate("news.map(([name]) => name)") == ["refreshed", "refreshed"]


def test_a_user_who_must_set_up_a_second_factor_does_so_while_signing_in(browser: Browser, tmp_path: Path) -> None:
    with running_site(tmp_path, MFA_REQUIRED="all", MFA_GRACE="0") as site, opened(browser, site) as app:
        page, user = app.tab(), User(site.database)
        assert outcome(page, f"client.register('{user.name}', '{PASSWORD}')")["message"]
        answer_with(page)
        assert error_code(page, user.sign_in) == "mfa_enrolment_required"
        page.evaluate(f"{user.sign_in}.catch((error) => {{ window.ticket = error.ticket }})")
        assert problems(page) == []
        set_up = outcome(page, "client.beginEnrolment(ticket)")
        assert sorted(set_up) == ["qrSvg", "secret", "uri"]
        user.secret = set_up["secret"]
        completed = outcome(page, f"client.completeSignIn({{ ticket, method: 'totp', code: '{user.code()}' }})")
        assert len(completed["recoveryCodes"]) == 10
        assert name_of(page) == user.name


def add_passkey(page: Page) -> Any:
    added = outcome(page, "client.addPasskey('Test')")
    assert added["name"] == "Test"
    return added


def test_a_passkey_is_made_signs_in_alone_and_is_removed_from_the_browser_too(
    app: App, page: Page, user: User, authenticator: Authenticator
) -> None:
    # As in browsers without them, and as with extensions that make credentials of their own.
    page.evaluate(
        "PublicKeyCredential.parseCreationOptionsFromJSON = PublicKeyCredential.parseRequestOptionsFromJSON ="
        " PublicKeyCredential.prototype.toJSON = () => { throw new TypeError('Illegal invocation') }; null"
    )
    added = add_passkey(page)
    assert len(added["recoveryCodes"]) == 10
    assert error_code(page, "client.addPasskey()") == "passkey_exists"
    listed = outcome(page, "client.passkeys()")
    assert [passkey["id"] for passkey in listed["passkeys"]] == [added["id"]]
    assert listed["userName"] == user.name

    assert outcome(page, "client.signOut()") is None
    listen(page)
    app.paths()
    assert outcome(page, "client.signInWithPasskey()") is None
    assert app.paths() == ["/login/passkey/options", "/login/passkey"]
    assert heard(page, 1) == [["signed-in", False]]
    assert name_of(page) == user.name

    assert outcome(page, "client.signOut()") is None
    answer_with(page, PASSKEY)
    assert outcome(page, user.sign_in) is None
    assert len(authenticator.credentials()) == 1
    arguments = f"{{ id: '{added['id']}', rpId: '{added['rpId']}', credentialId: '{added['credentialId']}' }}"
    assert outcome(page, f"client.removePasskey({arguments})") is None
    assert outcome(page, "client.passkeys()")["passkeys"] == []
    authenticator.wait_until_empty(page)


@pytest.mark.usefixtures("user")
def test_a_passkey_that_the_server_refuses_does_not_stay_in_the_browser(
    app: App, page: Page, authenticator: Authenticator
) -> None:
    def tamper(route: Route) -> None:
        body = json.loads(route.request.post_data or "")
        body["credential"]["response"]["clientDataJSON"] = "e30"
        route.continue_(post_data=json.dumps(body))

    app.context.route(f"{app.api}/api/passkeys", tamper)
    assert error_code(page, "client.addPasskey()") == "passkey_not_accepted"
    authenticator.wait_until_empty(page)


@pytest.mark.usefixtures("user")
def test_a_passkey_that_was_removed_elsewhere_is_no_longer_offered(page: Page, authenticator: Authenticator) -> None:
    added = add_passkey(page)
    assert len(outcome(page, "client.passkeys()")["passkeys"]) == 1
    assert len(authenticator.credentials()) == 1
    # Not by the client, so the browser does not know yet.
    assert outcome(page, f"client.request('DELETE', '/api/passkeys/{added['id']}')") is None
    assert len(authenticator.credentials()) == 1
    assert outcome(page, "client.passkeys()")["passkeys"] == []
    authenticator.wait_until_empty(page)


def test_a_passkey_is_a_second_factor(app: App, page: Page, user: User, authenticator: Authenticator) -> None:
    add_passkey(page)
    assert outcome(page, "client.signOut()") is None
    authenticator.verify_user(succeeds=False)
    answer_with(page, PASSKEY)
    assert error_code(page, user.sign_in) == "mfa_required"  # given up after the ceremony failed
    assert problems(page) == [None, "passkey_cancelled"]

    authenticator.verify_user(succeeds=True)
    answer_with(page, PASSKEY)
    app.paths()
    assert outcome(page, user.sign_in) is None
    assert page.evaluate("questions") == [{"methods": ["passkey", "recovery_code"], "signingIn": True, "problem": None}]
    assert app.paths() == ["/login", "/login/passkey/options", "/login/mfa"]
    assert name_of(page) == user.name


def test_a_step_up_with_a_passkey_needs_no_password(
    app: App, page: Page, user: User, authenticator: Authenticator
) -> None:
    add_passkey(page)
    rename = RENAME % user.name
    forget_sign_ins(app.database)
    assert outcome(page, "client.refresh()") is True
    authenticator.verify_user(succeeds=False)
    ask_password(page, PASSKEY)
    assert error_code(page, rename) == "insufficient_user_authentication"
    assert page.evaluate("asked") == [None, "passkey_cancelled"]

    authenticator.verify_user(succeeds=True)
    ask_password(page, PASSKEY)
    app.paths()
    assert outcome(page, rename) is None
    assert app.paths() == ["/api/account", "/login/passkey/options", "/api/reauthenticate", "/api/account"]

    # After a password, it is the second factor.
    forget_sign_ins(app.database)
    assert outcome(page, "client.refresh()") is True
    ask_password(page, f"'{PASSWORD}'")
    answer_with(page, PASSKEY)
    assert outcome(page, rename) is None


@pytest.mark.usefixtures("user", "authenticator")
def test_the_passkey_of_another_user_does_not_prove_this_one(app: App, page: Page) -> None:
    add_passkey(page)
    assert outcome(page, "client.signOut()") is None
    other = User(app.database)
    sign_in(page, other.name)
    app.paths()
    assert error_code(page, f"client.reauthenticate({PASSKEY})") == "passkey_invalid"
    assert app.paths() == ["/login/passkey/options", "/api/reauthenticate"]
    assert name_of(page) == other.name


def test_a_browser_without_passkeys_says_so(app: App) -> None:
    app.context.add_init_script("delete globalThis.PublicKeyCredential")
    page = app.tab()
    sign_in(page, User(app.database).name)
    for call in ("signInWithPasskey()", "signInWithPasskey({ conditional: true })", "addPasskey()"):
        unsupported = outcome(page, f"client.{call}")
        assert (unsupported["name"], unsupported["code"]) == ("ApiError", "passkey_unsupported"), call


def offer(page: Page) -> None:
    """Offer passkeys in the autofill, and wait until the browser does."""
    page.evaluate(
        "window.gets ??= []; delete navigator.credentials.get; navigator.credentials.get = (options) => {"
        " gets.push(options.mediation ?? 'asked'); return CredentialsContainer.prototype.get.call("
        "navigator.credentials, options); }; window.stop = new AbortController();"
        " window.offered = client.signInWithPasskey({ conditional: true, signal: stop.signal }).then("
        " () => 'signed in', (error) => error instanceof DOMException ? error.name : error.code); null"
    )


def wait_for_ceremonies(page: Page, *begun: str) -> None:
    """Wait until these have begun since the page was loaded: `conditional` for one in the autofill, or `asked`."""
    while len(page.evaluate("gets")) < len(begun):
        page.wait_for_timeout(10)
    assert page.evaluate("gets") == list(begun)


@pytest.mark.usefixtures("authenticator")
def test_a_passkey_of_the_autofill_signs_in(page: Page, user: User) -> None:
    add_passkey(page)
    assert outcome(page, "client.signOut()") is None
    offer(page)
    assert page.evaluate("offered") == "signed in"
    assert name_of(page) == user.name


def test_an_offer_in_the_autofill_ends_with_its_form(page: Page, authenticator: Authenticator) -> None:
    authenticator.touch(at_once=False)
    offer(page)
    wait_for_ceremonies(page, "conditional")
    page.evaluate("stop.abort()")
    assert page.evaluate("offered") == "AbortError"
    gone = "client.signInWithPasskey({ conditional: true, signal: AbortSignal.abort(new Error('gone')) })"
    assert page.evaluate(f"{gone}.catch((error) => error.message)") == "gone"
    wait_for_ceremonies(page, "conditional")


def test_an_offer_in_the_autofill_ends_when_somebody_signs_in_otherwise_or_offers_again(
    app: App, page: Page, authenticator: Authenticator
) -> None:
    authenticator.touch(at_once=False)
    offer(page)
    wait_for_ceremonies(page, "conditional")
    page.evaluate("window.first = offered; null")
    offer(page)
    assert page.evaluate("first") == "AbortError"
    wait_for_ceremonies(page, *["conditional"] * 2)
    sign_in(app.tab(), User(app.database).name)  # in another tab
    assert page.evaluate("offered") == "AbortError"


def test_an_offer_in_the_autofill_has_a_new_challenge_before_the_server_forgets_it(
    app: App, page: Page, authenticator: Authenticator
) -> None:
    authenticator.touch(at_once=False)
    page.clock.install()
    offer(page)
    wait_for_ceremonies(page, "conditional")
    page.clock.fast_forward(239_000)
    assert app.paths() == ["/login/passkey/options"]
    page.clock.fast_forward(2_000)
    wait_for_ceremonies(page, *["conditional"] * 2)
    assert app.paths() == ["/login/passkey/options"]
    page.evaluate("stop.abort()")
    assert page.evaluate("offered") == "AbortError"


def test_an_offer_in_the_autofill_goes_on_after_a_ceremony_that_the_user_asked_for(
    app: App, page: Page, user: User, authenticator: Authenticator
) -> None:
    add_passkey(page)
    assert outcome(page, "client.signOut()") is None
    authenticator.touch(at_once=False)
    offer(page)
    wait_for_ceremonies(page, "conditional")
    asked = "window.cancel = new AbortController(); window.asked = client.signInWithPasskey({ signal: cancel.signal })"
    page.evaluate(f"{asked}.catch((error) => error.name); null")
    wait_for_ceremonies(page, "conditional", "asked")
    page.evaluate("cancel.abort()")
    assert page.evaluate("asked") == "AbortError"
    wait_for_ceremonies(page, "conditional", "asked", "conditional")

    authenticator.touch(at_once=True)
    app.paths()
    assert outcome(page, "client.signInWithPasskey()") is None
    assert page.evaluate("offered") == "AbortError"
    assert app.paths() == ["/login/passkey/options", "/login/passkey"]
    assert name_of(page) == user.name
