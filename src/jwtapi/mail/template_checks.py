"""Finds faults of the templates in MAIL_TEMPLATES before a mail needs them."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateError, TemplateSyntaxError, meta

from jwtapi.mail.rendering import BUILT_IN, OF_EVERY_MAIL, MalformedTemplate, environment_of


def problems_of_templates(folder: Path) -> list[str]:
    """Compare each template of the folder with the built-in one that it replaces."""
    if not folder.is_dir():
        return [f"{folder} is not a folder"]
    return [f"{folder / name}: {problem}" for name in template_names(folder) for problem in _problems_of(folder, name)]


def template_names(folder: Path) -> list[str]:
    """Return the templates of a folder, such as `en/test.txt`."""
    files = (file for file in folder.rglob("*") if file.suffix in {".txt", ".html"} and file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def variables_of(environment: Environment, name: str) -> set[str]:
    """Return the variables of a template, and of the templates that it extends or includes.

    Raises:
        TemplateError: one of the templates cannot be read.
    """
    loader = environment.loader
    assert loader is not None  # noqa: S101  for the types
    source, *_ = loader.get_source(environment, name)
    tree = environment.parse(source, name)
    found = meta.find_undeclared_variables(tree)
    for other in meta.find_referenced_templates(tree):
        found |= variables_of(environment, other) if other is not None else set()
    return found


def _problems_of(folder: Path, name: str) -> Iterator[str]:
    if name not in template_names(BUILT_IN):
        yield f"no mail uses it; the names are {', '.join(template_names(BUILT_IN))}"
        return
    try:
        used = variables_of(environment_of(folder, BUILT_IN), name)
        begins_well = not name.endswith(".txt") or (folder / name).read_text().startswith("Subject: ")
    except TemplateSyntaxError as error:
        yield f"line {error.lineno}: {error.message}"
    except (TemplateError, UnicodeDecodeError, OSError) as error:
        yield str(error)
    else:
        has = variables_of(environment_of(BUILT_IN), name) | OF_EVERY_MAIL
        if unknown := used - has:
            yield f"this mail has no {', '.join(sorted(unknown))}, but {', '.join(sorted(has))}"
        if not begins_well:
            yield str(MalformedTemplate())
