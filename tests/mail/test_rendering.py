"""What mails say: the templates, and what operators replace."""

from pathlib import Path

import pytest
import structlog

from jwtapi.composition import features
from jwtapi.languages import DEFAULT, LANGUAGES
from jwtapi.mail.kinds import MAIL_KINDS
from jwtapi.mail.rendering import BUILT_IN, OF_EVERY_MAIL, Templates, environment_of
from jwtapi.mail.template_checks import problems_of_templates, template_names, variables_of
from tests.conftest import RunApi, on_sqlite
from tests.mail.outbox import add_mail
from tests.support.smtp import Mailbox

HOSTILE = '<script>alert("1")</script> & https://evil.example'
VALUES = {"site": "auth.example.com", "link": HOSTILE}


def names_of_mails() -> list[str]:
    """The templates that letters name, without language and ending."""
    english = [Path(name).stem for name in template_names(BUILT_IN) if name.startswith("en/")]
    return sorted(set(english))


def written(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_each_declared_kind_has_its_templates_in_each_language() -> None:
    assert features()
    declared = {name for name, kind in MAIL_KINDS.items() if kind.compose.__module__.startswith("jwtapi.")}
    assert "test" in declared
    shared = {"layout.html"}
    expected = {
        f"{language}/{name}.{ending}"
        for language in LANGUAGES
        for name in declared | set(names_of_mails())
        for ending in ("txt", "html")
    }
    assert set(template_names(BUILT_IN)) == expected | shared


@pytest.mark.parametrize("name", names_of_mails())
def test_the_templates_of_a_mail_render_and_use_the_same_variables_in_each_language(name: str) -> None:
    environment = environment_of(BUILT_IN)
    files = [f"{language}/{name}.{ending}" for language in LANGUAGES for ending in ("txt", "html")]
    used = {file: sorted(variables_of(environment, file) - OF_EVERY_MAIL) for file in files}
    variables = used[f"{DEFAULT}/{name}.txt"]
    assert used == dict.fromkeys(files, variables)
    values = dict.fromkeys(variables, HOSTILE) | {"site": "auth.example.com"}
    for language in LANGUAGES:
        content = Templates().render(name, language, values)
        assert content.subject
        assert "http" not in content.subject
        assert HOSTILE not in content.html
        assert f'<html lang="{language}">' in content.html
        assert not {"<img", "<script", "<link", "@import", "url("} & set(content.html.lower().split())


def test_a_mail_in_a_language_that_is_not_written_is_english() -> None:
    assert Templates().render("test", "xx", VALUES).subject == "Test mail of auth.example.com"
    assert Templates().render("test", "de", VALUES).subject == "Testmail von auth.example.com"


def test_a_file_of_mail_templates_replaces_one_template_and_no_other(tmp_path: Path) -> None:
    written(tmp_path, "en/test.txt", "Subject: Ours, {{ site }}\n\nSee {{ link }}\n")
    content = Templates(tmp_path).render("test", "en", VALUES)
    assert (content.subject, content.text) == ("Ours, auth.example.com", f"See {HOSTILE}\n")
    assert "this is a test mail" in content.html
    assert Templates(tmp_path).render("test", "de", VALUES).subject == "Testmail von auth.example.com"


def test_a_layout_of_mail_templates_is_used_by_the_built_in_templates(tmp_path: Path) -> None:
    written(tmp_path, "layout.html", "<p>Ours</p>{% block body %}{% endblock %}")
    assert Templates(tmp_path).render("test", "en", VALUES).html.startswith("<p>Ours</p>")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    (
        ("en/test.txt", "Subject: {{ nothing }}\n\nText", "this mail has no nothing, but language, link, site"),
        ("en/test.txt", "Subject: {{ site\n\nText", "line 3: "),
        ("en/test.txt", "Hello\n\nText", "the first line must be `Subject: …`, and the second line must be empty"),
        ("en/test.html", '{% extends "none.html" %}', "none.html"),
        ("layout.html", "{% for %}", "line 1: "),
    ),
)
def test_a_template_that_fails_is_found_before_and_the_built_in_one_is_used(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    written(tmp_path, name, text)
    found = problems_of_templates(tmp_path)
    assert [line for line in found if line.startswith(f"{tmp_path / name}: {problem}") or problem in line] == found
    assert found
    with structlog.testing.capture_logs() as logs:
        assert Templates(tmp_path).render("test", "en", VALUES).subject == "Test mail of auth.example.com"
    ((level, event),) = [(line["log_level"], line["event"]) for line in logs]
    assert (level, "MAIL_TEMPLATES" in event) == ("error", True)
    assert "evil.example" not in str(logs)


def test_a_template_that_no_mail_uses_and_a_missing_folder_are_found(tmp_path: Path) -> None:
    written(tmp_path, "en/tset.txt", "Subject: Test\n\nText")
    (problem,) = problems_of_templates(tmp_path)
    assert problem.startswith(f"{tmp_path}/en/tset.txt: no mail uses it; the names are ")
    assert problems_of_templates(tmp_path / "none") == [f"{tmp_path}/none is not a folder"]


@on_sqlite
async def test_a_mail_is_written_in_the_language_of_its_row_with_the_templates_of_the_operator(
    run_api: RunApi, mailbox: Mailbox, tmp_path: Path
) -> None:
    written(tmp_path, "de/test.txt", "Subject: Unsere Testmail für {{ site }}\n\nÄ {{ link }}\n")
    async with run_api(**mailbox.settings, mail_templates=tmp_path) as api:
        await add_mail(api, language="de")
        mail = await mailbox.next("alice@example.com")
    assert mail.subject == "Unsere Testmail für auth.example.com"
    assert mail.text == "Ä https://auth.example.com/account\n"
    assert mail.message["Content-Language"] == "de"
