"""Renders the texts of mails. `templates/README.md` states the conventions for templates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from jwtapi.devices import UNKNOWN_DEVICE, device_names
from jwtapi.languages import DEFAULT, LANGUAGES

BUILT_IN = Path(__file__).with_name("templates")

OF_EVERY_MAIL = {"site", "language"}
"""The variables that each template has."""

_SUBJECT = re.compile(r"Subject: ([^\r\n]+)\r?\n\r?\n(.*)", re.DOTALL)
_LINK = re.compile(r"https?://\S+")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)

    @property
    def links(self) -> tuple[str, ...]:
        """The addresses of pages in the text."""
        return tuple(_LINK.findall(self.text))


class MalformedTemplate(Exception):
    def __init__(self) -> None:
        super().__init__("the first line must be `Subject: …`, and the second line must be empty")


class Templates:
    """The built-in templates, and those of MAIL_TEMPLATES, which replace them one by one."""

    def __init__(self, own: Path | None = None) -> None:
        self._built_in = environment_of(BUILT_IN)
        self._own = environment_of(own, BUILT_IN) if own is not None else None

    def render(self, name: str, language: str, variables: Mapping[str, Any]) -> Content:
        """Render the template `name` in `language`, or in English if no mail is written in that language.

        If a template of MAIL_TEMPLATES fails, the log states it, and the built-in templates are used.
        """
        language = language if language in LANGUAGES else DEFAULT
        if self._own is not None:
            try:
                return _render(self._own, name, language, variables)
            except Exception as error:  # noqa: BLE001  a template can raise anything
                log.error(  # noqa: TRY400  a traceback would show no more of a template
                    "a template of MAIL_TEMPLATES fails, so the built-in one is used; run `jwtapi doctor`",
                    template=f"{language}/{name}",
                    cause=describe_error(error),
                )
        return _render(self._built_in, name, language, variables)


def describe_error(error: Exception) -> str:
    """Return what is wrong with a template. The message of an error that is not Jinja's may repeat a value."""
    return str(error) if isinstance(error, TemplateError | MalformedTemplate) else type(error).__name__


def environment_of(*folders: Path) -> Environment:
    """Return an environment whose templates are in these folders. The first folder that has a template counts."""
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["device"] = _device
    return environment


def _device(user_agent: str | None) -> str | None:
    """Describe a device in words that no sender of the header User-Agent can choose freely. None if it is unknown."""
    name = device_names([user_agent])[user_agent] if user_agent is not None else UNKNOWN_DEVICE
    return name if name != UNKNOWN_DEVICE else None


def _render(environment: Environment, name: str, language: str, variables: Mapping[str, Any]) -> Content:
    values = {"language": language} | dict(variables)
    found = _SUBJECT.fullmatch(environment.get_template(f"{language}/{name}.txt").render(values))
    if found is None:
        raise MalformedTemplate
    html = environment.get_template(f"{language}/{name}.html").render(values)
    return Content(found[1].strip(), found[2], html)
