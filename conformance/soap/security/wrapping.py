"""Signature wrapping and references that select something else than what is processed."""

import copy
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lxml import etree

from conformance.model.errors import MissingDataError
from conformance.soap.markup import Element, canonical, parse, serialise
from conformance.soap.message import Scene
from conformance.soap.names import DS, ENVELOPED, WSSE
from conformance.soap.security.foreign_keys import altered_assertion
from conformance.soap.security.resigning import (
    ELSEWHERE,
    WRAPPER,
    XPATH,
    XSLT,
    Change,
    alter,
    reference_to,
    resign,
    set_digest,
    signed_info,
)
from conformance.soap.security.saml import element_of
from conformance.soap.security.wss import SAML_ID, WSU_ID, instant


def _forged(scene: Scene, name: str | None) -> Element:
    """Return a copy of the Body with another value, and an id of its own, the given one, or none."""
    forged = copy.deepcopy(scene.body)
    alter(forged)
    if name is None:
        del forged.attrib[WSU_ID]
    else:
        forged.set(WSU_ID, name)
    return forged


def wrapped(where: Callable[[Scene], Element], tag: str = WRAPPER, *, same_id: bool = False) -> Change:
    """Return a change that moves the signed Body into a wrapper somewhere, and puts a forged one in its place.

    The forged one has no id, or that of the signed one.
    """

    def change(scene: Scene) -> None:
        scene.envelope.replace(scene.body, _forged(scene, str(scene.body.get(WSU_ID)) if same_id else None))
        etree.SubElement(where(scene), tag).append(scene.body)

    return change


def wrap_in_assertion(scene: Scene) -> None:
    """Move the signed Body into the assertion's own Signature, which no signature covers; its other bytes stay."""
    scene.envelope.replace(scene.body, _forged(scene, None))
    inside = etree.Element(f"{{{DS}}}Object")
    inside.append(scene.body)
    data = scene.assertion.data
    ends = [found.start() for found in re.finditer(rb"</(?:[\w.-]+:)?Signature\s*>", data)]
    if not ends:
        raise MissingDataError("the assertion has no signature of its own")
    scene.assertion = replace(scene.assertion, data=data[: ends[-1]] + serialise(inside) + data[ends[-1] :])


def wrap_assertion(scene: Scene) -> None:
    """Put a forged assertion, with the genuine one's Signature, in the place of the genuine one, which is wrapped."""
    genuine, forged = element_of(scene.assertion), parse(altered_assertion(scene.assertion))
    for signature in genuine.findall(f"{{{DS}}}Signature"):
        genuine.remove(signature)
    name = f"_{uuid.uuid4().hex}"
    forged.set(SAML_ID, name)
    scene.security.replace(scene.place, forged)
    etree.SubElement(scene.header, WRAPPER).append(genuine)
    next(scene.signature.iter(f"{{{WSSE}}}KeyIdentifier")).text = name


def double_body_with_same_id(scene: Scene) -> None:
    """Put a forged Body with the same id before the signed one."""
    scene.body.addprevious(_forged(scene, str(scene.body.get(WSU_ID))))


def double_body_first(scene: Scene) -> None:
    """Put a forged Body before the signed one."""
    scene.body.addprevious(_forged(scene, f"_{uuid.uuid4()}"))


def double_body_last(scene: Scene) -> None:
    """Put a forged Body after the signed one."""
    scene.body.addnext(_forged(scene, f"_{uuid.uuid4()}"))


def wrap_timestamp(scene: Scene) -> None:
    """Move the signed Timestamp into a wrapper in the Header, and put a later one in its place."""
    forged = copy.deepcopy(scene.stamp)
    del forged.attrib[WSU_ID]
    for moment in forged:
        moment.text = instant(datetime.fromisoformat(str(moment.text)) + timedelta(seconds=20))
    scene.security.replace(scene.stamp, forged)
    etree.SubElement(scene.header, WRAPPER).append(scene.stamp)


def _add_transform(scene: Scene, algorithm: str, *inside: Element) -> Element:
    """Put a transform before the others of the Body's reference, and return the reference."""
    reference = reference_to(scene, scene.body)
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=algorithm)
    transform.extend(inside)
    next(reference.iter(f"{{{DS}}}Transforms")).insert(0, transform)
    return reference


def xpath() -> Element:
    """Return an XPath expression that selects no text (XML Signature, section 6.6.3)."""
    element = etree.Element(f"{{{DS}}}XPath")
    element.text = "not(self::text())"
    return element


def stylesheet() -> Element:
    """Return a stylesheet that makes the same of everything."""
    space = "http://www.w3.org/1999/XSL/Transform"
    sheet = etree.Element(f"{{{space}}}stylesheet", {"version": "1.0"}, nsmap={"xsl": space})
    etree.SubElement(etree.SubElement(sheet, f"{{{space}}}template", match="/"), "same")
    return sheet


def transform_xpath(scene: Scene) -> None:
    """Sign the Body through an XPath that leaves all texts out, then change one of them."""
    bare = copy.deepcopy(scene.body)
    for one in bare.iter(etree.Element):
        one.text = one.tail = None
    set_digest(_add_transform(scene, XPATH, xpath()), canonical(bare))
    alter(scene.body)
    resign(scene)


def transform_xslt(scene: Scene) -> None:
    """Sign what a stylesheet makes of the Body, then change the Body."""
    set_digest(_add_transform(scene, XSLT, stylesheet()), b"<same></same>")
    alter(scene.body)
    resign(scene)


def ignored(algorithm: str, *make: Callable[[], Element]) -> Change:
    """Return a change that names a transform, and a digest as if it were not there."""

    def change(scene: Scene) -> None:
        _add_transform(scene, algorithm, *(one() for one in make))
        resign(scene)

    return change


def refer_elsewhere(scene: Scene) -> None:
    """Let the signature cover a document on the network in the place of the Body."""
    reference = reference_to(scene, scene.body)
    reference.set("URI", ELSEWHERE)
    set_digest(reference, b"")
    resign(scene)


def refer_elsewhere_too(scene: Scene) -> None:
    """Let the signature cover a document on the network besides."""
    reference = copy.deepcopy(reference_to(scene, scene.body))
    reference.set("URI", ELSEWHERE)
    set_digest(reference, b"")
    signed_info(scene).append(reference)
    resign(scene)


def refer_to_another_document(scene: Scene) -> None:
    """Let the signature cover the whole document in the place of the Body, with the digest of another one."""
    refer_to_document(scene)
    signed_info(scene).remove(reference_to(scene, scene.stamp))
    set_digest(next(one for one in signed_info(scene).iter(f"{{{DS}}}Reference") if one.get("URI") == ""), b"another")
    alter(scene.body)
    resign(scene)


def refer_to_document(scene: Scene) -> None:
    """Let the signature cover the whole document in the place of the Body: all of it but the signature."""
    reference = reference_to(scene, scene.body)
    reference.set("URI", "")
    listed = next(reference.iter(f"{{{DS}}}Transforms"))
    listed.insert(0, etree.Element(f"{{{DS}}}Transform", Algorithm=ENVELOPED))
    whole = copy.deepcopy(scene.envelope)
    security = next(whole.iter(f"{{{WSSE}}}Security"))
    for signature in security.findall(f"{{{DS}}}Signature"):
        security.remove(signature)
    for place in list(security.iterchildren(etree.ProcessingInstruction)):
        security.replace(place, element_of(scene.assertion))
    set_digest(reference, canonical(whole))
    resign(scene)
