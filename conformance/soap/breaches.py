"""Ways to break the security of a message in exactly one place, after or before it is signed.

Each breach is what a careful gateway refuses. Must not send anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from conformance.soap.contract import body_of
from conformance.soap.markup import Element
from conformance.soap.names import DS, WSSE, WSU
from conformance.soap.wss import Signer, instant, make_signer

LATE: Final = timedelta(hours=1)
"""How far a Timestamp is off that no tolerance covers."""
TOLERATED: Final = timedelta(minutes=3)
"""How long ago a message may be made: its minute is over, the five minutes of tolerance are not (section 6.2)."""


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong with a message: a change once it is signed, another time, or another key."""

    change: Callable[[Element], None] | None = None
    shift: timedelta = timedelta()
    foreign_key: bool = False


def foreign(signer: Signer) -> Signer:
    """Return a signer with a key that nobody knows, and the certificate of the one given."""
    return make_signer(ec.generate_private_key(ec.SECP256R1()), signer.certificate)


def prepared(breach: Breach, signer: Signer, created: datetime) -> tuple[Signer, datetime]:
    """Return who signs, and the time that the message says it was made."""
    return (foreign(signer) if breach.foreign_key else signer), created + breach.shift


def _security(envelope: Element) -> Element:
    return next(envelope.iter(f"{{{WSSE}}}Security"))


def _drop_security(envelope: Element) -> None:
    header = _security(envelope).getparent()
    if header is not None:
        header.remove(_security(envelope))


def _drop_assertion(envelope: Element) -> None:
    security = _security(envelope)
    for place in security.iterchildren(etree.ProcessingInstruction):
        security.remove(place)


def _drop(name: str) -> Callable[[Element], None]:
    def change(envelope: Element) -> None:
        security = _security(envelope)
        for found in security.findall(name):
            security.remove(found)

    return change


def _alter_body(envelope: Element) -> None:
    """Change the last text of the Body, which stays valid by the schema."""
    leaves = [one for one in body_of(envelope).iter(etree.Element) if not len(one) and one.text]
    leaves[-1].text = f"{leaves[-1].text or ''}0"


def _alter_timestamp(envelope: Element) -> None:
    expires = next(envelope.iter(f"{{{WSU}}}Expires"))
    expires.text = instant(datetime.fromisoformat(str(expires.text)) + timedelta(seconds=30))


def _alter_value(envelope: Element) -> None:
    """Change the signature value: another character in its middle."""
    value = next(envelope.iter(f"{{{DS}}}SignatureValue"))
    text = str(value.text)
    middle = len(text.strip()) // 2
    value.text = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


BREACHES: Final[Mapping[str, Breach]] = {
    "no-security": Breach(_drop_security),
    "no-assertion": Breach(_drop_assertion),
    "no-signature": Breach(_drop(f"{{{DS}}}Signature")),
    "no-timestamp": Breach(_drop(f"{{{WSU}}}Timestamp")),
    "body-altered": Breach(_alter_body),
    "timestamp-altered": Breach(_alter_timestamp),
    "signature-altered": Breach(_alter_value),
    "foreign-key": Breach(foreign_key=True),
    "expired": Breach(shift=-LATE),
    "future": Breach(shift=LATE),
    "tolerated": Breach(shift=-TOLERATED),
}
"""Breaches by name; `tolerated` is one that a gateway has to put up with."""
