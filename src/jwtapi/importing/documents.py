"""Finds the elements of an array in a JSON document without holding the document, and without parsing the rest of it.

Only the brackets, quotes, commas and colons are looked at. Each element is then parsed as strict JSON, so an element
that is no JSON is refused there.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from jwtapi import strict_json
from jwtapi.importing.lines import MAX_BYTES
from jwtapi.importing.records import FileInvalid

_CHUNK = 256 * 1024
_OUTSIDE = re.compile(rb'["\[\]{},:]')
_INSIDE = re.compile(rb'["\\]')


def elements(file: BinaryIO, member: str | None) -> Iterator[bytes | None]:
    """Yield the text of each element of the array that is the document, or a member of the object that it is.

    None stands for an element that is longer than MAX_BYTES.

    Raises:
        FileInvalid: the document has no such array, or it ends in the middle.
    """
    scanner = _Scanner(member)
    while chunk := file.read(_CHUNK):
        yield from scanner.feed(chunk)
    scanner.finish()


class _Scanner:
    def __init__(self, member: str | None) -> None:
        self._member = member
        self._element_depth = 1 if member is None else 2
        self._depth = 0
        self._in_string = False
        self._skips = 0
        """Bytes of the next chunk that a backslash has escaped."""
        self._key: str | None = None
        """The name of the member that is read now, at the first level of an object."""
        self._found = False
        self._is_in_array = False
        self._piece: bytearray | None = None
        """The text since the last boundary. None: nobody needs it, because it belongs to another member."""
        self._is_too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        position, kept_until = self._skips, 0
        self._skips = 0
        while (found := (_INSIDE if self._in_string else _OUTSIDE).search(chunk, position)) is not None:
            position = found.end()
            sign = found[0]
            if self._in_string:
                if sign == b'"':
                    self._in_string = False
                else:
                    position += 1  # the sign after a backslash has no meaning of its own
                continue
            if sign == b'"':
                self._in_string = True
                continue
            if self._is_boundary(sign):
                self._keep(chunk, kept_until, found.start())
                yield from self._end_piece(sign)
                kept_until = position
            self._count(sign)
        self._skips = max(position - len(chunk), 0)
        self._keep(chunk, kept_until, len(chunk))

    def finish(self) -> None:
        if self._depth or self._in_string:
            raise FileInvalid("The document ends in the middle.")
        if not self._found:
            where = "no array" if self._member is None else f'no member "{self._member}" with an array'
            raise FileInvalid(f"The document has {where}.")

    def _is_boundary(self, sign: bytes) -> bool:
        """Return whether a name or an element of the array begins or ends here."""
        if self._is_in_array:
            return self._depth == self._element_depth and sign in b",]"
        return self._depth in {0, self._element_depth - 1} and sign in b"[{:,"

    def _end_piece(self, sign: bytes) -> Iterator[bytes | None]:
        piece, is_too_long = self._piece, self._is_too_long
        self._piece, self._is_too_long = None, False
        if self._is_in_array:
            if is_too_long:
                yield None
            elif piece is not None and (sign == b"," or piece.strip()):
                yield bytes(piece)
            self._piece = bytearray() if sign == b"," else None
            return
        if sign == b":":
            self._key = self._name(piece)
        elif sign == b",":
            self._key, self._piece = None, bytearray()
        elif sign == b"[" and self._key == self._member:
            if self._found:
                raise FileInvalid("The document has the array twice.")
            self._found, self._piece = True, bytearray()

    def _count(self, sign: bytes) -> None:
        if sign in b"[{":
            self._depth += 1
            if self._depth == self._element_depth and self._found and self._piece is not None:
                self._is_in_array = True
            elif self._depth == 1 and self._member is not None:
                if sign != b"{":
                    raise FileInvalid(f'The document is no object with the member "{self._member}".')
                self._piece = bytearray()
        elif sign in b"]}":
            self._depth -= 1
            if self._depth < 0:
                raise FileInvalid("The document has a bracket too many.")
            if self._is_in_array and self._depth < self._element_depth:
                if sign == b"}":  # the element before it would be lost
                    raise FileInvalid("The array ends with a bracket of another kind.")
                self._is_in_array = False

    def _name(self, piece: bytearray | None) -> str | None:
        try:
            name = strict_json.loads(bytes(piece or b""))
        except ValueError:
            raise FileInvalid("The document is no JSON.") from None
        return name if isinstance(name, str) else None

    def _keep(self, chunk: bytes, start: int, end: int) -> None:
        if self._piece is None or self._is_too_long:
            return
        if len(self._piece) + end - start > MAX_BYTES:
            self._is_too_long = True
            self._piece = bytearray()
        else:
            self._piece += chunk[start:end]
