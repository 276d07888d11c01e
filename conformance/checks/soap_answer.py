"""Checks SOAP 1.1 answers: what came over HTTP, the envelope, a fault and its code, a status.

Roles and values are arguments. Must not know requirements, levels or services.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from lxml import etree

from conformance.checks.damaged.content_type import (
    media_types,
    repetition_problems,
    shown,
)
from conformance.checks.damaged.soap_reading import read_envelope
from conformance.checks.problem import Problem
from conformance.model.exchange import Response
from conformance.soap.markup import (
    Element,
    TooMuchXmlError,
    XmlError,
    below,
    children,
    local,
    namespace,
    path,
    text,
)
from conformance.soap.names import ERRORS, SOAP, SOAP12
from conformance.soap.recovery import LOST, XmlDamage
from conformance.soap.xsd.contract import Steps, read_value

RESPONSE, FAULT, OTHER = "response", "fault", "http"
FAULT_PARTS = ("faultcode", "faultstring", "faultactor", "detail")
CODE = re.compile(r"SOA-[0-9]{5}")
_FAULT_STATUS, _RESPONSE_STATUS = 500, 200
_SUCCESSES = range(200, 300)
ERROR_ELEMENTS = ("SystemError", "BusinessError")
_SHOWN = 120
_MALFORMED = "not well-formed XML: "
_INSTRUCTION = etree._ProcessingInstruction  # noqa: SLF001 - lxml publishes the class under this name only
_FAR = timedelta(days=1)
_OFF = timedelta(minutes=5)
_ZONE = timedelta(minutes=55)
"""What a wrong zone is off at least, give or take what clocks are."""


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """An answer as SOAP: a `response`, a `fault`, or `http` for anything else, with the reason in `problem`.

    `body` is the element in the Body, for a fault the Fault; `code` the error code of a fault, "" where it has none;
    `error` the SystemError or BusinessError of its detail; `declared` an element there that is none of the platform's,
    but that the WSDL declares for a fault. `damage` says what is wrong with an envelope that is not well-formed.
    `unreadable` says why nothing can be said of a body that may be SOAP, but is more than is read here.
    """

    kind: str
    problem: str = ""
    envelope: Element | None = None
    body: Element | None = None
    code: str = ""
    error: Element | None = None
    declared: Element | None = None
    damage: XmlDamage | None = None
    unreadable: str = ""


def read_answer(response: Response, faults: Collection[str] = ()) -> SoapAnswer:
    """Return what an answer is; `faults` are the elements that the WSDL declares for the detail of a fault."""
    try:
        found = read_envelope(response)
    except XmlError as problem:
        return _not_read(response, problem)
    answer = _of_envelope(found.root, faults)
    if not found.damage.mistake:
        return answer
    if answer.body is None:
        return SoapAnswer(OTHER, f"{found.damage.mistake}; {answer.problem}")
    fault = _fault_of_lost_name(answer)
    if fault is not None:
        answer = _read_fault(found.root, fault, faults)
    damage = found.damage
    if answer.body is not None and (fault is not None or LOST in answer.code):
        damage = replace(damage, torn=damage.torn | {answer.body})
    code = "" if LOST in answer.code else answer.code
    return replace(answer, code=code, damage=damage)


def _fault_of_lost_name(answer: SoapAnswer) -> Element | None:
    """Return what is a fault by its parts although its own name is damaged, None where nothing is."""
    if answer.kind != RESPONSE or answer.body is None:
        return None
    above = answer.body.getparent()
    codes = below(above, FAULT_PARTS[0]) if above is not None else iter(())
    return next((one.getparent() for one in codes), None)


def _of_envelope(envelope: Element, faults: Collection[str]) -> SoapAnswer:
    """Return what stands in an envelope."""
    space = namespace(envelope)
    if local(envelope) != "Envelope" or space not in (SOAP, SOAP12):
        return SoapAnswer(OTHER, f"XML, but no SOAP envelope: {path(envelope)}")
    bodies = [child for child in children(envelope) if child.tag == f"{{{space}}}Body"]
    if len(bodies) != 1:
        reason = f"an envelope with {len(bodies)} Body elements"
        return SoapAnswer(OTHER, reason, envelope)
    inside = children(bodies[0])
    if not inside:
        return SoapAnswer(OTHER, "an envelope with an empty Body", envelope)
    fault = next((child for child in inside if child.tag == f"{{{space}}}Fault"), None)
    if fault is not None:
        return _read_fault(envelope, fault, faults)
    return SoapAnswer(RESPONSE, "", envelope, inside[0])


def _not_read(response: Response, problem: XmlError) -> SoapAnswer:
    """Return why a body is no SOAP, or more than is read."""
    if isinstance(problem, TooMuchXmlError):
        return SoapAnswer(OTHER, str(problem), unreadable=str(problem))
    shown = response.body[:_SHOWN].decode("utf-8", "replace")
    reason = f"{problem}: {shown!r}" if response.body else "an empty body"
    return SoapAnswer(OTHER, reason)


def _read_fault(
    envelope: Element, fault: Element, faults: Collection[str]
) -> SoapAnswer:
    """Return a fault with its error: an element that the WSDL declares prevails over one of the platform."""
    declared = _declared(fault, faults)
    error = _error(fault) if declared is None else None
    code = _fault_code(fault, error, declared)
    return SoapAnswer(FAULT, "", envelope, fault, code, error, declared)


def http_line(response: Response) -> str:
    """Return what stands for an answer that is no SOAP: its status and reason."""
    return f"HTTP {response.status} {response.reason}".strip()


def status_problems(response: Response, answer: SoapAnswer) -> Iterator[Problem]:
    """Yield an HTTP status that does not go with the message (WS-I Basic Profile 1.1, R1111, R1124 and R1126)."""
    if answer.kind == FAULT and response.status != _FAULT_STATUS:
        yield Problem(
            "a SOAP fault comes with another status than 500",
            "status",
            "500",
            str(response.status),
        )
    elif answer.kind == RESPONSE and response.status not in _SUCCESSES:
        yield Problem(
            "a response comes with the status of an error",
            "status",
            "200",
            str(response.status),
        )
    elif answer.kind == RESPONSE and response.status != _RESPONSE_STATUS:
        yield Problem(
            "a response comes with another status than 200",
            "status",
            "200",
            str(response.status),
            odd=True,
        )


def media_problems(response: Response) -> Iterator[Problem]:
    """Yield a media type other than text/xml (SOAP 1.1, section 6)."""
    told = media_types(response)
    if not told:
        yield Problem(
            "the answer has no Content-Type", "Content-Type", "text/xml", "absent"
        )
        return
    yield from repetition_problems(response)
    if "text/xml" not in told:
        yield Problem(
            "the answer's media type is not text/xml",
            "Content-Type",
            "text/xml",
            shown(response),
        )


def envelope_problems(answer: SoapAnswer) -> Iterator[Problem]:
    """Yield what is wrong with the envelope and the frame of a fault (SOAP 1.1, section 4; R1000, R1001, R1014)."""
    envelope, body = answer.envelope, answer.body
    if envelope is None or body is None:
        return
    yield from _form_problems(answer.damage, envelope)
    if namespace(envelope) != SOAP:
        yield Problem(
            "the envelope is not of SOAP 1.1", "/Envelope", SOAP, namespace(envelope)
        )
        return
    if answer.damage is None or envelope not in answer.damage.touched:
        yield from _part_problems(envelope, body)
    if answer.kind == FAULT:
        yield from frame_problems(body)


def _form_problems(damage: XmlDamage | None, envelope: Element) -> Iterator[Problem]:
    """Yield that an envelope is not well-formed, or has processing instructions (SOAP 1.1, section 3; R1009)."""
    if damage is not None:
        message = "the answer is not well-formed XML (XML 1.0, section 2.1)"
        wanted, found = "well-formed XML", damage.mistake.removeprefix(_MALFORMED)
        yield Problem(message, "/Envelope", wanted, found.replace(LOST, "?"))
    everything = (*envelope.iter(), *_beside(envelope))
    instructions = [
        str(one.target) for one in everything if isinstance(one, _INSTRUCTION)
    ]
    if instructions:
        names = ", ".join(dict.fromkeys(f"<?{name}?>" for name in instructions))
        message = "a message has a processing instruction (SOAP 1.1, section 3; WS-I Basic Profile 1.1, R1009)"
        yield Problem(message, "/Envelope", "no processing instruction", names)


def _beside(root: Element) -> Iterator[Element]:
    """Yield what stands before and behind the root of a document."""
    yield from root.itersiblings(preceding=True)
    yield from root.itersiblings()


def _part_problems(envelope: Element, body: Element) -> Iterator[Problem]:
    """Yield parts of an envelope other than Header and Body, and a Body with more than one element."""
    parts = [
        local(child) if namespace(child) == SOAP else str(child.tag)
        for child in children(envelope)
    ]
    if parts not in (["Body"], ["Header", "Body"]):
        yield Problem(
            "the envelope has other parts than Header and Body",
            "/Envelope",
            "Header, Body",
            ", ".join(parts),
        )
    above = body.getparent()
    siblings = children(above) if above is not None else []
    if len(siblings) > 1:
        names = ", ".join(local(child) for child in siblings)
        yield Problem(
            "the Body has more than one element", "/Envelope/Body", "one element", names
        )


def value(answer: SoapAnswer, place: Steps | None) -> str | None:
    """Return the text at a role's place in a response, None where there is none, or no place for it."""
    if answer.body is None or place is None:
        return None
    found = read_value(answer.body, place)
    return found.strip() if found is not None else None


def instant_problems(
    told: str, sent: str | None, now: datetime, *, where: str
) -> Iterator[Problem]:
    """Yield a response's time (`told`, at a place) that is not when it was made.

    It is held against the answer's own Date header (`sent`), so that only the service's clock counts, and against this
    machine's; a time without zone may be off by hours, since it does not say in which zone it was taken.
    """
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return  # the schema says so
    date = _date(sent)
    zoned = moment.tzinfo is not None
    moment = moment if zoned else moment.replace(tzinfo=UTC)
    off = min(abs(reference - moment) for reference in (now, date or now))
    about = f"about {date or now:%Y-%m-%dT%H:%M:%SZ}"
    if off > _OFF:
        certain = off > _FAR or (zoned and date is not None and off > _ZONE)
        message = "the time of the response is not that at which it was made"
        yield Problem(message, where, about, told, odd=not certain)
    elif not zoned:
        yield Problem(
            "the time of the response has no time zone",
            where,
            about,
            told,
            odd=True,
        )


def _date(text_of_header: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text_of_header or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def part(fault: Element, name: str) -> Element | None:
    """Return a fault's first part of a name, whatever its namespace."""
    return next((child for child in children(fault) if local(child) == name), None)


def _entries(fault: Element) -> list[Element]:
    """Return the elements in a fault's detail."""
    detail = part(fault, "detail")
    return children(detail) if detail is not None else []


def _error(fault: Element) -> Element | None:
    return next((one for one in _entries(fault) if local(one) in ERROR_ELEMENTS), None)


def _declared(fault: Element, faults: Collection[str]) -> Element | None:
    return next(
        (
            one
            for one in _entries(fault)
            if str(one.tag) in faults and namespace(one) != ERRORS
        ),
        None,
    )


def _fault_code(fault: Element, error: Element | None, declared: Element | None) -> str:
    """Return a fault's error code: that of its detail, else one that its text begins with."""
    code = child_text(error, "Code") if error is not None else ""
    if declared is not None:
        code = next((one for one in _texts(declared) if CODE.fullmatch(one)), "")
    if code:
        return code
    for name in ("detail", "faultstring", "faultcode"):
        for child in children(fault):
            found = CODE.search(text(child)) if local(child) == name else None
            if found:
                return found.group()
    return ""


def _texts(element: Element) -> Iterator[str]:
    """Yield the texts of an element, of all elements in it, and of their attributes."""
    for one in (element, *element.iterdescendants()):
        if local(one):
            yield text(one)
            yield from (str(told).strip() for told in one.attrib.values())


def child_text(element: Element, name: str) -> str:
    """Return the text of an element's first child of a name, "" where it has none."""
    return next(
        (text(child) for child in children(element) if local(child) == name), ""
    )


def frame_problems(fault: Element) -> Iterator[Problem]:
    """Yield what is wrong with the parts of a fault (SOAP 1.1, section 4.4)."""
    found = children(fault)
    for child in found:
        if local(child) not in FAULT_PARTS:
            yield Problem(
                "a fault has a part that SOAP 1.1 does not know",
                path(child),
                ", ".join(FAULT_PARTS),
                local(child),
                lacking=True,
            )
        elif namespace(child):
            yield Problem(
                "a fault's part is qualified",
                path(child),
                "no namespace",
                namespace(child),
            )
        elif local(child) == "faultcode":
            yield from _faultcode_problems(child)
    for name in FAULT_PARTS[:2]:
        if not any(local(child) == name for child in found):
            yield Problem(
                f"a fault has no {name}", path(fault), name, "absent", lacking=True
            )


def _faultcode_problems(element: Element) -> Iterator[Problem]:
    """Yield that a faultcode is no qualified name: its namespace is not told, or by a prefix that nobody declares."""
    told = text(element)
    prefix, colon, _ = told.rpartition(":")
    if colon and prefix not in element.nsmap:
        message = "faultcode has a prefix that nobody declares"
        yield Problem(message, path(element), "a QName", told)
    elif told and not colon and not element.nsmap.get(None):
        message = "faultcode is not qualified (SOAP 1.1, section 4.4)"
        wanted = f"a name of a namespace, such as one of {SOAP}"
        yield Problem(message, path(element), wanted, f"{told} of no namespace")
