"""Security headers, Timestamps and assertions that stand twice, or at another place than theirs.

Must not know which of them a service has to refuse.
"""

import copy
import uuid
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from conformance.soap.markup import Element
from conformance.soap.message import SignedDraft
from conformance.soap.names import WSSE
from conformance.soap.security.resigning import (
    WRAPPER,
)
from conformance.soap.security.wss import WSU_ID, instant

EXPIRED_BY: Final = timedelta(hours=1)
"""How far the time of a Timestamp is off, beyond any tolerance."""


def double_security(draft: SignedDraft) -> None:
    """Put a second Security header, with a Timestamp of its own and no signature, before the right one."""
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    other.append(stamp)
    draft.security.addprevious(other)


def bury_security(draft: SignedDraft) -> None:
    """Put the Security header into another header block."""
    draft.header.remove(draft.security)
    etree.SubElement(draft.header, WRAPPER).append(draft.security)


def double_timestamp(draft: SignedDraft) -> None:
    """Put a second Timestamp, which nothing signs, before the signed one."""
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    draft.stamp.addprevious(stamp)


def _fresh(draft: SignedDraft) -> Element:
    """Return a Timestamp that is not signed and holds now, where the signed one is over."""
    stamp = copy.deepcopy(draft.stamp)
    stamp.set(WSU_ID, f"_{uuid.uuid4()}")
    for moment in stamp:
        moment.text = instant(datetime.fromisoformat(str(moment.text)) + EXPIRED_BY)
    return stamp


def fresh_timestamp_first(draft: SignedDraft) -> None:
    """Put a fresh Timestamp before the signed one, which has expired."""
    draft.stamp.addprevious(_fresh(draft))


def fresh_timestamp_last(draft: SignedDraft) -> None:
    """Put a fresh Timestamp behind all else."""
    draft.security.append(_fresh(draft))


def fresh_header_first(draft: SignedDraft) -> None:
    """Put a second Security header with a fresh Timestamp before the right one."""
    draft.security.addprevious(_other_header(draft))


def fresh_header_last(draft: SignedDraft) -> None:
    """Put a second Security header with a fresh Timestamp behind the right one."""
    draft.security.addnext(_other_header(draft))


def _other_header(draft: SignedDraft) -> Element:
    other = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    other.append(_fresh(draft))
    return other
