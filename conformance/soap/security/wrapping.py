"""Signature wrapping and references that select something else than what is processed."""

import copy
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lxml import etree

from conformance.model.errors import MissingDataError
from conformance.soap.markup import (
    Element,
    canonical,
    children,
    parse,
    serialise,
    without_prefixes,
)
from conformance.soap.message import SignedDraft, text_place
from conformance.soap.names import DS, ENVELOPED, WSSE
from conformance.soap.security.resigning import (
    ELSEWHERE,
    WRAPPER,
    XPATH,
    XSLT,
    Change,
    altered_assertion,
    forged_request,
    put_request,
    reference_to,
    resign,
    set_digest,
    signed_info,
)
from conformance.soap.security.saml import element_of
from conformance.soap.security.wss import SAML_ID, WSU_ID, instant


def _forged(draft: SignedDraft, name: str | None) -> Element:
    """Return a copy of the Body with the forged request, and an id of its own, the given one, or none."""
    forged = copy.deepcopy(draft.body)
    put_request(forged, forged_request(draft))
    if name is None:
        del forged.attrib[WSU_ID]
    else:
        forged.set(WSU_ID, name)
    return forged


def wrapped(
    where: Callable[[SignedDraft], Element],
    tag: str = WRAPPER,
    *,
    same_id: bool = False,
) -> Change:
    """Return a change that moves the signed Body into a wrapper somewhere, and puts a forged one in its place.

    The forged one has no id, or that of the signed one.
    """

    def change(draft: SignedDraft) -> None:
        draft.envelope.replace(
            draft.body, _forged(draft, str(draft.body.get(WSU_ID)) if same_id else None)
        )
        etree.SubElement(where(draft), tag).append(draft.body)

    return change


def wrap_beside_default_namespaces(draft: SignedDraft) -> None:
    """Move the signed Body into a wrapper in the Header, and put a forged one without prefixes in its place."""
    draft.text = without_prefixes(_forged(draft, None))
    draft.envelope.replace(draft.body, text_place())
    etree.SubElement(draft.header, WRAPPER).append(draft.body)


def forge_request_in_header(draft: SignedDraft) -> None:
    """Put a forged request into the Header before all else, and leave the signed Body where it is."""
    draft.header.insert(0, forged_request(draft))


def forge_body_in_header(draft: SignedDraft) -> None:
    """Put a forged Body into a header block before all else, and leave the signed one where it is."""
    block = etree.Element(WRAPPER)
    block.append(_forged(draft, None))
    draft.header.insert(0, block)


def forge_without_prefixes_in_header(draft: SignedDraft) -> None:
    """Put a forged request without prefixes into the Header before all else, and leave the signed Body where it is."""
    draft.text = without_prefixes(forged_request(draft))
    draft.header.insert(0, text_place())


def wrap_in_assertion(draft: SignedDraft) -> None:
    """Move the signed Body into the assertion's own Signature, which no signature covers; its other bytes stay."""
    draft.envelope.replace(draft.body, _forged(draft, None))
    inside = etree.Element(f"{{{DS}}}Object")
    inside.append(draft.body)
    data = draft.assertion.data
    ends = [
        match.start() for match in re.finditer(rb"</(?:[\w.-]+:)?Signature\s*>", data)
    ]
    if not ends:
        raise MissingDataError("the assertion has no signature of its own")
    draft.assertion = replace(
        draft.assertion, data=data[: ends[-1]] + _shielded(inside) + data[ends[-1] :]
    )


def _shielded(element: Element) -> bytes:
    """Return an element in UTF-8 that no default namespace around it reaches."""
    data = serialise(element)
    return data.replace(b" ", b' xmlns="" ', 1)


def wrap_assertion(draft: SignedDraft) -> None:
    """Put a forged assertion, with the genuine one's Signature, in the place of the genuine one, which is wrapped."""
    genuine, forged = (
        element_of(draft.assertion),
        parse(altered_assertion(draft.assertion)),
    )
    for signature in genuine.findall(f"{{{DS}}}Signature"):
        genuine.remove(signature)
    name = f"_{uuid.uuid4().hex}"
    forged.set(SAML_ID, name)
    draft.security.replace(draft.place, forged)
    etree.SubElement(draft.header, WRAPPER).append(genuine)
    next(draft.signature.iter(f"{{{WSSE}}}KeyIdentifier")).text = name


def double_body_with_same_id(draft: SignedDraft) -> None:
    """Put a forged Body with the same id before the signed one."""
    draft.body.addprevious(_forged(draft, str(draft.body.get(WSU_ID))))


def double_body_first(draft: SignedDraft) -> None:
    """Put a forged Body before the signed one."""
    draft.body.addprevious(_forged(draft, f"_{uuid.uuid4()}"))


def double_body_last(draft: SignedDraft) -> None:
    """Put a forged Body after the signed one."""
    draft.body.addnext(_forged(draft, f"_{uuid.uuid4()}"))


def wrap_timestamp(draft: SignedDraft) -> None:
    """Move the signed Timestamp into a wrapper in the Header, and put one of a second before in its place."""
    forged = copy.deepcopy(draft.stamp)
    del forged.attrib[WSU_ID]
    for moment in forged:
        moment.text = instant(
            datetime.fromisoformat(str(moment.text)) - timedelta(seconds=1)
        )
    draft.security.replace(draft.stamp, forged)
    etree.SubElement(draft.header, WRAPPER).append(draft.stamp)


def _add_transform(draft: SignedDraft, algorithm: str, *inside: Element) -> Element:
    """Put a transform before the others of the Body's reference, and return the reference."""
    reference = reference_to(draft, draft.body)
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=algorithm)
    transform.extend(inside)
    next(reference.iter(f"{{{DS}}}Transforms")).insert(0, transform)
    return reference


def xpath() -> Element:
    """Return an XPath expression that selects nothing of what is in a Body (XML Signature, section 6.6.3)."""
    element = etree.Element(f"{{{DS}}}XPath")
    element.text = "count(ancestor-or-self::*[parent::*[local-name()='Body']]) = 0"
    return element


def stylesheet() -> Element:
    """Return a stylesheet that makes the same of everything."""
    space = "http://www.w3.org/1999/XSL/Transform"
    sheet = etree.Element(
        f"{{{space}}}stylesheet", {"version": "1.0"}, nsmap={"xsl": space}
    )
    etree.SubElement(etree.SubElement(sheet, f"{{{space}}}template", match="/"), "same")
    return sheet


def transform_xpath(draft: SignedDraft) -> None:
    """Sign the Body through an XPath that leaves the request out, then put another one in its place."""
    bare = copy.deepcopy(draft.body)
    for request in children(bare):
        bare.remove(request)
    set_digest(_add_transform(draft, XPATH, xpath()), canonical(bare))
    put_request(draft.body, forged_request(draft))
    resign(draft)


def transform_xslt(draft: SignedDraft) -> None:
    """Sign what a stylesheet makes of the Body, then change the Body."""
    set_digest(_add_transform(draft, XSLT, stylesheet()), b"<same></same>")
    put_request(draft.body, forged_request(draft))
    resign(draft)


def ignored(algorithm: str, *make: Callable[[], Element]) -> Change:
    """Return a change that names a transform, and a digest as if it were not there."""

    def change(draft: SignedDraft) -> None:
        _add_transform(draft, algorithm, *(extra() for extra in make))
        resign(draft)

    return change


def refer_elsewhere(draft: SignedDraft) -> None:
    """Let the signature cover a document on the network in the place of the Body."""
    reference = reference_to(draft, draft.body)
    reference.set("URI", ELSEWHERE)
    set_digest(reference, b"")
    resign(draft)


def refer_elsewhere_too(draft: SignedDraft) -> None:
    """Let the signature cover a document on the network besides."""
    reference = copy.deepcopy(reference_to(draft, draft.body))
    reference.set("URI", ELSEWHERE)
    set_digest(reference, b"")
    signed_info(draft).append(reference)
    resign(draft)


def refer_to_another_document(draft: SignedDraft) -> None:
    """Let the signature cover the whole document in the place of the Body, with the digest of another one."""
    refer_to_document(draft)
    signed_info(draft).remove(reference_to(draft, draft.stamp))
    set_digest(
        next(
            reference
            for reference in signed_info(draft).iter(f"{{{DS}}}Reference")
            if reference.get("URI") == ""
        ),
        b"another",
    )
    put_request(draft.body, forged_request(draft))
    resign(draft)


def refer_to_document(draft: SignedDraft) -> None:
    """Let the signature cover the whole document in the place of the Body: all of it but the signature."""
    reference = reference_to(draft, draft.body)
    reference.set("URI", "")
    listed = next(reference.iter(f"{{{DS}}}Transforms"))
    listed.insert(0, etree.Element(f"{{{DS}}}Transform", Algorithm=ENVELOPED))
    whole = copy.deepcopy(draft.envelope)
    security = next(whole.iter(f"{{{WSSE}}}Security"))
    for signature in security.findall(f"{{{DS}}}Signature"):
        security.remove(signature)
    for place in list(security.iterchildren(etree.ProcessingInstruction)):
        security.replace(place, element_of(draft.assertion))
    set_digest(reference, canonical(whole))
    resign(draft)
