"""Parses a configuration of nginx into its directives."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(r"""\s*(?:#[^\n]*|('[^']*'|"[^"]*")|([{};])|([^\s{};]+))""")


class Directive(NamedTuple):
    name: str
    arguments: tuple[str, ...]
    block: tuple["Directive", ...] = ()
    """The directives between its braces."""

    def of(self, name: str) -> list["Directive"]:
        """Return the directives with this name in the block, and in the blocks inside it."""
        return [found for each in self.block for found in ([each] if each.name == name else []) + each.of(name)]

    def values(self, name: str) -> list[tuple[str, ...]]:
        return [found.arguments for found in self.of(name)]


def parsed(configuration: str) -> Directive:
    """Return the whole file as the block of a directive without a name."""
    tokens = (match[match.lastindex] for match in _TOKEN.finditer(configuration) if match.lastindex)
    return Directive("", (), tuple(_directives(tokens)))


def _directives(tokens: Iterator[str]) -> Iterator[Directive]:
    words: list[str] = []
    for token in tokens:
        if token == "}":
            return
        if token == ";":
            yield Directive(words[0], tuple(words[1:]))
            words = []
        elif token == "{":
            yield Directive(words[0], tuple(words[1:]), tuple(_directives(tokens)))
            words = []
        else:
            words.append(token if token[0] not in "'\"" else token[1:-1])
