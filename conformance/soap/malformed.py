"""Messages whose form is broken: SOAP, XML, WS-I Basic Profile.

Must not know WS-Security.
"""

import copy
import uuid
from collections.abc import Callable, Mapping

from lxml import etree

from conformance.soap.markup import (
    Element,
    canonical,
    children,
    local,
    local_name,
    parse,
    serialise,
    without_prefixes,
)
from conformance.soap.message import SignedDraft, text_place
from conformance.soap.names import DS, ECDSA_SHA256, RSA_SHA256, SOAP, SOAP12
from conformance.soap.security.resigning import (
    ECDSA_SHA1,
    RSA_SHA1,
    SHA1,
    reference_to,
    renew,
    resign,
    set_digest,
    signed_info,
)
from conformance.soap.security.saml import element_of


def weaken(draft: SignedDraft) -> None:
    """Sign with SHA-1."""
    method = next(draft.signature.iter(f"{{{DS}}}SignatureMethod"))
    weak = {RSA_SHA256: RSA_SHA1, ECDSA_SHA256: ECDSA_SHA1}
    method.set("Algorithm", weak[draft.signer.algorithm])
    for method in draft.signature.iter(f"{{{DS}}}DigestMethod"):
        method.set("Algorithm", SHA1)
    renew(draft, digest="sha1")


def cover_assertion(draft: SignedDraft) -> None:
    """Sign the assertion too, as ProtectTokens of the policy asks."""
    info = signed_info(draft)
    reference = copy.deepcopy(reference_to(draft, draft.body))
    reference.set("URI", f"#{draft.assertion.id}")
    set_digest(reference, canonical(element_of(draft.assertion)))
    info.append(reference)
    resign(draft)


def change_prefixes(draft: SignedDraft) -> None:
    """Let other prefixes stand for all namespaces, which makes it no other message."""
    spaces = {
        space
        for element in draft.envelope.iter(etree.Element)
        for space in element.nsmap.values()
    }
    _write_anew(
        draft, {f"p{number}": space for number, space in enumerate(sorted(spaces))}
    )


def default_namespaces(draft: SignedDraft) -> None:
    """Write the Body and all in it without prefixes, which makes it no other message, and sign it again."""
    draft.text = without_prefixes(draft.body)
    set_digest(reference_to(draft, draft.body), canonical(parse(draft.text)))
    draft.envelope.replace(draft.body, text_place())
    resign(draft)


def _write_anew(
    draft: SignedDraft, prefixes: Mapping[str, str], spell: Callable[[str], str] = str
) -> None:
    """Copy a message with prefixes for its namespaces, each name as it is spelt now, and sign it again."""
    copies: dict[Element, Element] = {}
    top = etree.Element(spell(draft.envelope.tag), nsmap=dict(prefixes))
    _copy_inside(draft.envelope, top, spell, copies)
    for name in (
        "envelope",
        "header",
        "security",
        "stamp",
        "body",
        "signature",
        "place",
    ):
        setattr(draft, name, copies[getattr(draft, name)])
    renew(draft)


def _copy_inside(
    element: Element,
    made: Element,
    spell: Callable[[str], str],
    copies: dict[Element, Element],
) -> None:
    """Give a new element what there is of an old one, and note what has become of each."""
    copies[element] = made
    made.text, made.tail = element.text, element.tail
    for name, value in element.attrib.items():
        made.set(spell(str(name)), value)
    for child in element:
        if local(child):
            _copy_inside(
                child, etree.SubElement(made, spell(str(child.tag))), spell, copies
            )
        else:
            copies[child] = copy.deepcopy(child)
            made.append(copies[child])


def empty_body(draft: SignedDraft) -> None:
    """Remove what stands in the Body, and sign again."""
    for child in list(draft.body):
        draft.body.remove(child)
    renew(draft)


def drop_body(draft: SignedDraft) -> None:
    """Remove the Body and its reference."""
    signed_info(draft).remove(reference_to(draft, draft.body))
    draft.envelope.remove(draft.body)
    resign(draft)


def second_child(draft: SignedDraft) -> None:
    """Double the Body's element, and sign again (WS-I Basic Profile 1.1, R2201)."""
    draft.body.append(copy.deepcopy(children(draft.body)[0]))
    for child in children(draft.body)[1:]:
        for name in [name for name in child.attrib if local_name(str(name)) == "Id"]:
            child.set(name, f"_{uuid.uuid4()}")
    renew(draft)


def unknown_operation(draft: SignedDraft) -> None:
    """Ask for an operation that no WSDL has, and sign again."""
    root = children(draft.body)[0]
    root.tag = etree.QName(etree.QName(root).namespace, "NoSuchOperationRequest").text
    renew(draft)


def foreign_header(draft: SignedDraft) -> None:
    """Add a header block that must be understood and is unknown (SOAP 1.1, section 4.2.3)."""
    block = etree.SubElement(
        draft.header, "{urn:example:header}Unknown", {f"{{{SOAP}}}mustUnderstand": "1"}
    )
    block.text = "1"


def cut(data: bytes) -> bytes:
    """Cut a message before its last end tag."""
    return data[: data.rindex(b"</")]


def with_document_type(data: bytes) -> bytes:
    """Put a document type with an entity before a message (SOAP 1.1, section 3)."""
    return b'<!DOCTYPE Envelope [<!ENTITY harmless "nothing">]>' + data


def without_envelope(data: bytes) -> bytes:
    """Return the Body's element alone."""
    root = parse(data)
    return serialise(children(next(root.iter(f"{{{SOAP}}}Body")))[0])


def as_soap12(draft: SignedDraft) -> None:
    """Let the namespace of SOAP 1.2 stand for that of SOAP 1.1."""

    def spell(name: str) -> str:
        return name.replace(SOAP, SOAP12)

    _write_anew(
        draft,
        {str(prefix): spell(space) for prefix, space in draft.envelope.nsmap.items()},
        spell,
    )
