"""Serves files of this package to browsers: compressed, and with an ETag, under a strict content security policy."""

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Self

from fastapi import Request, Response

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
"""The headers of a page whose scripts and styles are files of this server. None is inline."""


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str | None
    etag: str
    gzipped: bytes = field(repr=False)

    @classmethod
    def of(cls, content: bytes, name: str) -> Self:
        """Compress the content. `name` has the ending that decides the media type. Half a MB takes about 50 ms."""
        # A weak ETag, because it is the same for the compressed and the plain file (RFC 9110 §8.8.3).
        etag = f'W/"{sha256(content).hexdigest()[:32]}"'
        return cls(mimetypes.guess_type(name)[0], etag, gzip.compress(content, mtime=0))

    def response_to(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """Return the file, or 304 if the browser has it.

        The browser caches the file and asks each time whether it has changed, so an upgrade has effect immediately.
        """
        headers = {"Cache-Control": "no-cache", "ETag": self.etag, "Vary": "Accept-Encoding", **(headers or {})}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(self.gzipped, headers=headers, media_type=self.media_type)
        return Response(gzip.decompress(self.gzipped), headers=headers, media_type=self.media_type)


@cache
def asset_of(path: Path) -> Asset:
    """Read and compress a file at its first request, and cache it."""
    return Asset.of(path.read_bytes(), path.name)
