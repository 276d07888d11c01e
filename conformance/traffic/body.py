"""Takes in a body chunk by chunk: counts and hashes the wire's bytes, decodes and keeps a bounded part.

Must not read from sockets.
"""

import hashlib
import zlib

LARGEST_BODY = 8 * 2**20
"""Bytes of a body that are kept, before and after content decoding; reading stops there."""
_GZIP_OR_ZLIB = 47  # zlib: 32 to detect the header, plus the largest window


def content_coding(headers: tuple[tuple[str, str], ...]) -> str:
    """Return the content coding of a body in lower case, "" for none (RFC 9110, 8.4)."""
    values = [value for name, value in headers if name.lower() == "content-encoding"]
    return ", ".join(values).strip().lower().replace("identity", "").strip(", ")


class Body:
    """Takes in a body chunk by chunk: counts and hashes the wire's bytes, decodes and keeps a bounded part."""

    def __init__(self, coding: str) -> None:
        self.kept = bytearray()
        self.length = 0
        self.digest = hashlib.sha256()
        self.cut = ""
        self._decoder = None
        if coding in {"gzip", "x-gzip", "deflate"}:
            self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif coding:
            self.cut = (
                f"the content coding {coding!r} was not asked for and cannot be read"
            )

    def add(self, data: bytes) -> None:
        """Take in a chunk as it came from the wire."""
        self.length += len(data)
        self.digest.update(data)
        if self._decoder is None:
            self.kept += data[: LARGEST_BODY - len(self.kept) + 1]
        else:
            self._decode(data)
        if max(len(self.kept), self.length) > LARGEST_BODY:
            del self.kept[LARGEST_BODY:]
            self.cut = f"larger than {LARGEST_BODY} bytes; the rest was not read"

    def _decode(self, data: bytes) -> None:
        """Decode a chunk, never beyond the size limit; a new member may begin where one ends (RFC 1952, 2.2)."""
        while data and self._decoder is not None and len(self.kept) <= LARGEST_BODY:
            if self._decoder.eof:
                self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                self.kept += self._decoder.decompress(
                    data, LARGEST_BODY - len(self.kept) + 1
                )
            except zlib.error as error:
                self.cut = f"the content coding is broken: {error}"
                return
            data = self._decoder.unused_data

    def finish(self) -> None:
        """Note that the body has ended."""
        if self._decoder is None or self.cut:
            return
        unfinished = self.length and not self._decoder.eof
        if unfinished:
            self.cut = "the content coding ends too early"
