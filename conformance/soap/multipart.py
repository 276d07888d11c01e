"""Finds the root part of a multipart/related body (RFC 2387), in which MTOM and SwA answers have their envelope.

Must not know SOAP.
"""

from email.message import Message
from email.parser import BytesParser


def root_part(content_type: str, body: bytes) -> tuple[str, bytes] | None:
    """Return the media type and the content of the root part, None where a body is not multipart/related or has none.

    The root is the part that `start` names, else the first (RFC 2387, section 3.2).
    """
    if content_type.partition(";")[0].strip().lower() != "multipart/related":
        return None
    head = f"Content-Type: {' '.join(content_type.split())}\r\n\r\n".encode("latin-1")
    whole = BytesParser().parsebytes(head + body)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    if not whole.is_multipart() or not parts:
        return None
    start = str(whole.get_param("start", "") or "").strip("<> ")
    named = (part for part in parts if _name(part) == start)
    root = next(named, parts[0]) if start else parts[0]
    content = root.get_payload(decode=True)
    if not isinstance(content, bytes):
        return None
    return str(root.get("Content-Type", "")), content


def _name(part: Message) -> str:
    return str(part.get("Content-ID", "")).strip("<> ")
