"""Reads the envelope of an answer: as it stands, by the header's encoding, of a root part, or in spite of damage.

Must not know what stands in an envelope.
"""

import re
from dataclasses import replace
from typing import Final

from conformance.checks.damaged.content_type import content_types
from conformance.model.exchange import Response
from conformance.soap.markup import TooMuchXmlError, XmlError, parse
from conformance.soap.multipart import root_part
from conformance.soap.recovery import Recovered, XmlDamage, recover

_CHARSET: Final = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_ENVELOPE: Final = re.compile(rb"E\0*n\0*v\0*e\0*l\0*o\0*p\0*e")
"""The name of an envelope, in whatever encoding."""


def read_envelope(response: Response) -> Recovered:
    """Return the envelope of an answer, that of its root part where it has several parts (MTOM, SwA).

    Where only the header says how it is encoded, that is believed. Raises XmlError for what is no XML, and no damaged
    envelope.
    """
    kind, body = ", ".join(content_types(response)[:1]), response.body
    kind, body = root_part(kind, body) or (kind, body)
    try:
        return Recovered(parse(body), XmlDamage(""))
    except TooMuchXmlError:
        raise
    except XmlError as error:
        mistake = error
    found = _CHARSET.search(kind)
    charset = found[1] if found is not None else ""
    if charset and charset.lower() not in ("utf-8", "utf8"):
        try:
            return Recovered(parse(body.decode(charset).encode()), XmlDamage(""))
        except (LookupError, UnicodeError):
            mistake = XmlError(f"not text in {charset}")
        except XmlError as error:
            mistake = error
    if _ENVELOPE.search(body) is None:
        raise mistake
    recovered = recover(body, charset)
    return replace(recovered, damage=replace(recovered.damage, mistake=str(mistake)))
