"""Parts of a signed message changed, digested and signed again.

Must not decide what is changed.
"""

import base64
import copy
import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from conformance.model.errors import MissingDataError
from conformance.soap.markup import Element, canonical, children, local_name
from conformance.soap.message import LIFETIME, SignedDraft
from conformance.soap.names import DS
from conformance.soap.security.saml import Assertion, read_moment
from conformance.soap.security.wss import WSU_ID, instant

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
RSA_SHA1, ECDSA_SHA1 = (
    f"{DS}rsa-sha1",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
)
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
WRAPPER = "{urn:example:wrapper}Wrapper"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
_IDS: Final = frozenset({"Id", "ID", "id"})

Change = Callable[[SignedDraft], None]


@dataclass(frozen=True, slots=True)
class SecurityMutation:
    """One change to a signed message, and the `section` of the standard that the message then breaks or stretches.

    `about_header` is false where a refusal concerns the form of the message or its Body.

    `change` alters the message once it is signed; `assertion` gives other bytes in the assertion's place; `raw` alters
    the bytes as a whole; `headers` and `method` go over HTTP. `shift` moves the time of its Timestamp, which holds for
    `lifetime`. With `foreign_key` another key signs; `replay` sends the message before once more; `other`, `expired`
    and `denied` take an assertion of another caller, one whose time is over, or one that gives no access, in the place
    of the caller's own; with `borrow` another caller's assertion is at hand besides, with `other_key` its key.
    """

    section: str = ""
    change: Change | None = None
    assertion: Callable[[Assertion], bytes] | None = None
    raw: Callable[[bytes], bytes] | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    method: str = ""
    shift: timedelta = timedelta()
    lifetime: timedelta = LIFETIME
    foreign_key: bool = False
    replay: bool = False
    other: bool = False
    borrow: bool = False
    other_key: bool = False
    expired: bool = False
    denied: bool = False
    about_header: bool = True


def renew(draft: SignedDraft, *, digest: str = "sha256") -> None:
    """Make the digests of all references to parts of the message, and the signature value, fit what is there now."""
    info = signed_info(draft)
    for reference in info.findall(f"{{{DS}}}Reference"):
        name = reference.get("URI", "")[1:]
        part = next(
            (
                element
                for element in draft.envelope.iter(etree.Element)
                if name and element.get(WSU_ID) == name
            ),
            None,
        )
        if part is not None:
            set_digest(reference, canonical(part), digest)
    resign(draft, digest=digest)


def resign(draft: SignedDraft, *, digest: str = "sha256") -> None:
    """Make the signature value fit SignedInfo as it is now."""
    data = canonical(signed_info(draft))
    chosen = hashes.SHA256() if digest == "sha256" else hashes.SHA1()  # noqa: S303 - what must be refused
    key = draft.signer.private
    if isinstance(key, RSAPrivateKey):
        value = key.sign(data, padding.PKCS1v15(), chosen)
    else:
        size = (key.curve.key_size + 7) // 8
        numbers = decode_dss_signature(key.sign(data, ec.ECDSA(chosen)))
        value = b"".join(
            number.to_bytes(size, "big") for number in numbers
        )  # RFC 4050, section 3.3
    next(draft.signature.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(
        value
    ).decode("ascii")


def set_digest(reference: Element, data: bytes, digest: str = "sha256") -> None:
    """Set a reference's digest to that of some data."""
    value = base64.b64encode(hashlib.new(digest, data).digest()).decode("ascii")
    next(reference.iter(f"{{{DS}}}DigestValue")).text = value


def signed_info(draft: SignedDraft) -> Element:
    """Return the SignedInfo of the message's signature."""
    return next(draft.signature.iter(f"{{{DS}}}SignedInfo"))


def reference_to(draft: SignedDraft, part: Element) -> Element:
    """Return the reference of the signature to a part."""
    return next(
        reference
        for reference in signed_info(draft).iter(f"{{{DS}}}Reference")
        if reference.get("URI") == f"#{part.get(WSU_ID)}"
    )


def swap_digit(text: str) -> str:
    """Return a text of the same length with another character in its middle."""
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


def forged_request(draft: SignedDraft) -> Element:
    """Return what is forged in the place of the signed request: what the draft has, else a copy with another text."""
    signed_request = children(draft.body)[0]
    if draft.forged is not None:
        return copy.deepcopy(draft.forged)
    forged = copy.deepcopy(signed_request)
    alter(forged)
    _renew_ids(forged)
    return forged


def put_request(body: Element, request: Element) -> None:
    """Put a request in the place of a Body's own."""
    body.replace(children(body)[0], request)


def alter(request: Element) -> None:
    """Change the last text below an element: as long as before, a digit or letter in the place of its last one."""
    leaves = [
        element
        for element in request.iter(etree.Element)
        if not len(element) and element.text
    ]
    text = str(leaves[-1].text)
    leaves[-1].text = text[:-1] + _another(text[-1])


def _another(character: str) -> str:
    """Return another character of the same sort."""
    if character.isdecimal():
        return "1" if character != "1" else "2"
    other = "a" if character not in "aA" else "b"
    return other.upper() if character.isupper() else other


def _renew_ids(request: Element) -> None:
    """Give an element an Id of its own: an xs:ID occurs once in a document (XML Schema 2, section 3.3.8)."""
    for name in [one for one in request.attrib if local_name(str(one)) in _IDS]:
        request.set(name, f"_{uuid.uuid4()}")


def altered_assertion(assertion: Assertion) -> bytes:
    """Return an assertion that ends a second earlier, which is within all limits that somebody else might look at."""
    found = re.search(rb"(NotOnOrAfter\s*=\s*[\"'])([^\"']+)", assertion.data)
    end = read_moment(found[2].decode("ascii", "replace")) if found else None
    if found is None or end is None:
        raise MissingDataError("the assertion has no end in time that could be changed")
    earlier = instant(end - timedelta(seconds=1)).encode()
    return assertion.data[: found.start(2)] + earlier + assertion.data[found.end(2) :]
