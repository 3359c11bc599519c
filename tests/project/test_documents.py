"""The links in the documents lead somewhere, and their tables and indexes are complete."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jwtapi.composition import settings_class
from jwtapi.storage.metadata import metadata
from tests.conftest import MakeSettings, on_sqlite
from tests.support.routes import routes_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    chain(
        ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"), ROOT.glob("benchmarks/*.md"), ROOT.glob("benchmarks/results/*.md")
    )
)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)

DECLARED_EVENT = re.compile(r'EventType\("([\w.]+)"')


def prose(document: Path) -> str:
    return FENCED.sub("", document.read_text())


def links(document: Path) -> Iterator[str]:
    """The targets of links, without those to other hosts."""
    for inline, reference in LINK.findall(CODE.sub("", prose(document))):
        target = inline or reference
        if not urlsplit(target).scheme:
            yield target


def anchors(document: Path) -> Iterator[str]:
    """The anchors that GitHub makes from the headings; it numbers the second and later ones of the same text."""
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", LINK.sub("", heading).lower()).replace(" ", "-")
        yield f"{slug}-{seen[slug]}" if seen[slug] else slug
        seen[slug] += 1


def broken_links(documents: Iterable[Path]) -> list[str]:
    """Each as `document: target`."""
    broken = []
    for document in documents:
        for target in links(document):
            path, _, anchor = unquote(target).partition("#")
            file = document.parent / path if path else document
            if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
                broken.append(f"{document.name}: {target}")
    return broken


def test_no_link_in_a_document_is_broken() -> None:
    assert sum(len(list(links(document))) for document in DOCUMENTS) > 100
    assert broken_links(DOCUMENTS) == []


def test_a_link_to_a_missing_file_or_heading_is_found_to_be_broken(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    other = tmp_path / "other.md"
    other.write_text("# Other\n\n## The `user` table, twice\n\n## The `user` table, twice\n\n```sh\n# a comment\n```\n")
    page.write_text(
        "# Page\n[1](other.md) [2](other.md#the-user-table-twice) [3](other.md#the-user-table-twice-1) [4](#page)\n"
        "[5](https://example.com/none) `[6](none.md)`\n```\n[7](none.md)\n```\n"
        "[8](none.md) [9](other.md#the-user-table) [10](other.md#a-comment) [11](#none) [12][reference]\n\n"
        "[reference]: folder/none.md\n"
    )
    assert broken_links([page, other]) == [
        "page.md: none.md",
        "page.md: other.md#the-user-table",
        "page.md: other.md#a-comment",
        "page.md: #none",
        "page.md: folder/none.md",
    ]


def test_the_index_of_a_folder_of_documents_links_every_page_in_it() -> None:
    for index in (ROOT / "docs/README.md", ROOT / "docs/decisions/README.md"):
        pages = {page.name for page in index.parent.glob("*.md")} - {index.name}
        assert pages
        assert pages <= set(links(index)), index


def test_every_page_that_the_code_or_a_deployment_file_names_exists() -> None:
    files = (*ROOT.glob("src/**/*.py"), *ROOT.glob("deploy/**/*.*"), *ROOT.glob("*.yaml"), *ROOT.glob(".ci/*.py"))
    named = set().union(*(re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text()) for file in files))
    assert named
    assert [page for page in named if not (ROOT / page).is_file()] == []


def test_the_page_on_settings_has_a_row_for_every_setting_and_for_no_other() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    names = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in settings_class().model_fields)


def test_the_readme_is_short_and_its_settings_are_real_ones() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 300
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", readme, re.MULTILINE)
    names = [name.lower() for row in rows for name in re.findall("[A-Z_]+", row)]
    assert len(names) >= 10
    assert set(names) <= settings_class().model_fields.keys()


UNLISTED = ("GET /docs/", "GET /account/assets/", "GET /account/{", "GET /admin/")
"""How the routes begin that the README leaves out: the files of pages, and the views of the account and admin page."""


@on_sqlite
def test_the_readme_has_a_row_for_every_endpoint_and_no_other(make_settings: MakeSettings) -> None:
    section = (ROOT / "README.md").read_text().partition("## Endpoints")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = [endpoint for cell in cells for endpoint in re.findall(r"`([A-Z]+ /\S*?)`", cell)]
    routes = [f"{method} {path}" for method, path in routes_of(make_settings(metrics_enabled=True)) if method != "HEAD"]
    assert sorted(named) == sorted({route for route in routes if not route.startswith(UNLISTED)})


def test_the_page_on_operation_names_every_type_of_event_and_no_other() -> None:
    section = (ROOT / "docs/operation.md").read_text().partition("## Events")[2].partition("\n## ")[0]
    declared = [name for path in ROOT.glob("src/**/events.py") for name in DECLARED_EVENT.findall(path.read_text())]
    assert declared
    assert sorted(re.findall(r"`(\w+\.\w+)`", section.partition("Each row")[0])) == sorted(declared)


def test_the_page_on_operation_names_every_table_and_no_other() -> None:
    section = (
        (ROOT / "docs/operation.md").read_text().partition("names are different. jwtapi uses")[2].partition("\n\n")[0]
    )
    assert sorted(re.findall(r"`(\w+)`", section)) == sorted({*metadata.tables, "jwtapi_schema_version"})
