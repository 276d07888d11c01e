"""Tiny implementations of DossierNumberGeneration (cookbook 1.2), most of which lie.

``VARIANTS`` names them: those that conform use what the cookbook leaves open, the others have one defect each.
``serve(name)`` serves one; the context gives the section of a target file: endpoint, WSDL, callers and trust.
``BORDERLINE`` holds, apart, the ones of which the cookbook does not say with certainty whether they conform; their
``conforming`` is only the reading the author leans to. Apart as well are these; ``serve`` knows them all:

- ``LAX``: services which let pass one thing that is not secure, by a message which a caller can write who has key,
  certificate and assertion, and for some of them those of a second caller;
- ``UNPROVOKABLE``: the same, but only who has the issuer's own key can write that message (or who waits a day);
- ``CLUMSY``: services which do not say no as they should to what is malformed;
- ``TOLERATED``: readings of the cookbook about which there is something to say, one each; they conform.

The contract, the key stores and the assertions are its own (``dossier_contract``, ``dossier_world``), and so is the
verification of messages (``dossier_security``): security first, then the schema, then the requester.

A variant is ``Rules``, of which one or two are changed, under layers which bend the answers. A defect's ``field`` is:

- ``response.http_status``, ``.media_type``, ``.envelope``, ``.schema``: the form of an answer that is no fault;
- ``response.id``, ``.id_unique``, ``.in_response_to``, ``.issue_instant``, ``.status``: its attributes and status;
- ``response.identifier``: a success has an identifier; ``response.identifier_shared``: no two persons have the same;
- ``success.status``: a valid request is not served;
- ``cbss.value``, ``cbss.code``: the content of a CbssStatus;
- ``failure.identifier``, ``failure.status``: a refusal has no identifier, and says that the client is wrong;
- ``last_name``, ``gender``, ``xsd``: what must not be accepted;
- ``fault.http_status``, ``.media_type``, ``.structure``, ``.code``, ``.origin``: the form of a fault;
- ``not_fault``: what is no fault at all where one is due;
- ``requester.person``, ``.person_nihii``, ``.nihii``, ``.nihii_cbe``, ``.cbe``: the five rows of Table 2;
- ``requester.own``, ``requester.none``: a right requester, or none, is refused; ``requester.message``: no message;
- ``security.PROPERTY`` (in ``LAX``, ``UNPROVOKABLE`` and ``TOLERATED``): what of the security is not minded;
- ``not_fault.KIND`` (in ``CLUMSY``): what is no fault where one is due for malformed, not_soap, no_body, empty_body,
  operation, dtd and action; ``accepted.KIND``: a success in its place, for second_child and soap12, too;
- ``http.media_type``, ``http.method`` (in ``CLUMSY``): what is served though it is no POST of text/xml, and how not to
  refuse it.

By hand: ``python -m tests.peers.dossier_number_generation --variant plain --port 0``, or ``--list``.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import hashlib
import itertools
import json
import re
import shutil
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lxml import etree

from .dossier_contract import (
    CORE,
    ERRORS,
    OWN,
    REQUEST,
    RESPONSE,
    TYPES,
    Contract,
    fresh_id,
)
from .dossier_security import DS, HABITS, SKEW, SOAP, WSSE, Demand, RefusedError, authenticate, bodies_of, parse
from .dossier_world import CBE, EHP, KINDS, NIHII, PERSON, world
from .server import PREFIX, Answer, Request, Variant, by_hand, plain_text, serving

__all__ = [
    "BORDERLINE",
    "CLUMSY",
    "LAX",
    "TOLERATED",
    "UNPROVOKABLE",
    "VARIANTS",
    "Variant",
    "contract_of",
    "serve",
]

PATH = "/covid/dossiers/v7"
STATUS = "urn:be:fgov:ehealth:2.0:status:"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_12_MEDIA = "application/soap+xml"

Element = etree._Element


# -------------------------------------------------------------------------------------------------------- exchanges


@dataclass(slots=True)
class Exchange:
    """A request as far as it was understood."""

    request: Request
    message: bytes = b""
    body: Element | None = None
    id: str | None = None
    kind: str = ""
    own: str = ""
    ssin: str | None = None
    nihii: str | None = None
    cbe: str | None = None
    person: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)


@dataclass(slots=True)
class Said(Answer):
    """An answer, and the exchange it belongs to; a document is an envelope."""

    exchange: Exchange | None = None


Service = Callable[[Request], Said]
Layer = Callable[[Service], Service]
Change = Callable[[Element, Exchange], object]


@dataclass(slots=True)
class State:
    """What a service remembers."""

    given: dict[object, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def next(self, name: str) -> int:
        """Count."""
        self.seen[name] += 1
        return self.seen[name]


def find(root: Element, name: str) -> Element:
    """Find the first element with a local name."""
    return next(root.iter(f"{{*}}{name}"))


def has(root: Element, name: str) -> bool:
    """Whether there is an element with a local name."""
    return next(root.iter(f"{{*}}{name}"), None) is not None


def drop(root: Element, name: str) -> None:
    """Remove the elements with a local name."""
    for element in list(root.iter(f"{{*}}{name}")):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)


def rename(element: Element, name: str) -> None:
    """Give an element another qualified name."""
    element.tag = name


def status_of(root: Element) -> str:
    """Give the last part of the first status code, empty for a fault."""
    code = next(root.iter(f"{{{CORE}}}StatusCode"), None)
    return "" if code is None else code.get("Value", "").rpartition(":")[2]


# ------------------------------------------------------------------------------------------- what variants may change


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a service says no: with HTTP alone, with a fault if there is a code, else with a status; or it does not."""

    code: str = ""
    status: str = "Requester"
    message: str = ""
    make: Callable[[], Answer] | None = None
    served: bool = False


_DESCRIPTIONS = {
    "SOA-00001": "Service error",
    "SOA-01001": "Service call not authenticated",
    "SOA-01002": "Service call not authorized",
    "SOA-02001": "Service not available. Please contact service desk",
    "SOA-02002": "Service temporarily not available. Please try later",
    "SOA-03001": "Malformed message",
    "SOA-03002": "Message must be SOAP",
    "SOA-03003": "Message must contain SOAP body",
    "SOA-03004": "WS-I compliance failure",
    "SOA-03005": "WSDL compliance failure",
    "SOA-03006": "XSD compliance failure",
    "SOA-03007": "Message content validation failure",
}

# By kind of what is wrong; the longest prefix in dotted words counts.
REFUSALS: Mapping[str, Refusal] = {
    "xml": Refusal("SOA-03001"),
    "media": Refusal("SOA-03004"),
    "method": Refusal(make=lambda: Answer(405, headers={"Allow": "POST"})),
    "action": Refusal("SOA-03004"),
    "wsi": Refusal("SOA-03004"),
    "soap": Refusal("SOA-03002"),
    "soap.body": Refusal("SOA-03003"),
    "wsdl": Refusal("SOA-03005"),
    "security": Refusal("SOA-01001"),
    "schema": Refusal("SOA-03006"),
    "last_name": Refusal("SOA-03006"),
    "gender": Refusal("SOA-03006"),
    "tracing": Refusal("SOA-03001"),
    "digits": Refusal("SOA-03007"),
    "requester": Refusal(),
    "unwilling": Refusal("SOA-02001"),
}

# What the plain service does not mind.
OVERLOOKED = frozenset(("tracing", "digits", "action.quotes"))

_TABLE_2: Mapping[str, str] = {
    "person": "The person identifier defined in your request (Criteria.Requester.PersonIdentifier : {0}) does not "
    "correspond to the security information provided in the Envelope header ({1})",
    "person_nihii": "No institution NIHII identifier ({0}) may be defined in your request, as the WS-security is "
    "connecting as a person ({1}).",
    "person_cbe": "No institution CBE identifier ({0}) may be defined in your request, as the WS-security is "
    "connecting as a person ({1}).",
    "nihii": "The institution identifier defined in your request (Criteria.Requester.InstitutionIdentifier.Nihii : "
    "{0}) does not correspond to the security information provided in the Envelope header ({1})",
    "nihii_cbe": "No institution CBE identifier ({0}) may be defined in your request, as the WS-security is "
    "connecting as a NIHII institution ({1}).",
    "cbe": "The institution identifier defined in your request (Criteria.Requester.InstitutionIdentifier.Cbe : {0}) "
    "does not correspond to the security information provided in the Envelope header ({1})",
    "cbe_nihii": "No institution NIHII identifier ({0}) may be defined in your request, as the WS-security is "
    "connecting as a CBE institution ({1}).",
    "other_person": "The person identifier defined in your request (Criteria.Requester.PersonIdentifier : {0}) does "
    "not correspond to the security information provided in the Envelope header ({1})",
    "none": "The requester is missing",
    "own": "The requester defined in your request ({0}) may not be used ({1})",
}
_FRENCH = "L'identifiant du demandeur ({0}) ne correspond pas à l'information de sécurité fournie dans l'en-tête ({1})."
_DUTCH = "Het identificatienummer van de aanvrager ({0}) stemt niet overeen met de veiligheidsinformatie ({1})."


def asked_for(rule: str, exchange: Exchange) -> str | None:
    """Give the value of the request to which a row of Table 2 applies, if there is any."""
    kind = KINDS[exchange.kind][0] if exchange.kind else "nobody"
    if rule in ("person", "other_person"):
        return exchange.ssin if exchange.kind and (kind == "ssin") == (rule == "person") else None
    values = {
        "person_nihii": ("ssin", exchange.nihii),
        "person_cbe": ("ssin", exchange.cbe),
        "nihii": ("nihii", exchange.nihii),
        "nihii_cbe": ("nihii", exchange.cbe),
        "cbe": ("cbe", exchange.cbe),
        "cbe_nihii": ("cbe", exchange.nihii),
    }
    wanted, value = values.get(rule, ("", None))
    return value if wanted == kind else None


def table_2(rule: str, exchange: Exchange, _: State) -> bool:
    """Whether a row of Table 2 speaks against a request; two rows the table leaves out are read by analogy."""
    value = asked_for(rule, exchange)
    if value is None or rule == "other_person":
        return False
    return rule in ("person_nihii", "person_cbe", "nihii_cbe", "cbe_nihii") or value != exchange.own


Objects = Callable[[str, Exchange, State], bool]


def _blind(*rules: str) -> Objects:
    """Do not know some of the rows."""
    return lambda rule, exchange, state: rule not in rules and table_2(rule, exchange, state)


def _same_if(rule: str, same: Callable[[str, str], bool]) -> Objects:
    """Compare in another way for one of the rows."""

    def objects(asked: str, exchange: Exchange, state: State) -> bool:
        value = asked_for(asked, exchange)
        if asked != rule or value is None:
            return table_2(asked, exchange, state)
        return not same(value, exchange.own)

    return objects


def _only_when(rule: str, condition: Callable[[Exchange, State], bool]) -> Objects:
    """Know one of the rows under a condition only."""
    return lambda asked, exchange, state: (
        table_2(asked, exchange, state) and (asked != rule or condition(exchange, state))
    )


def _also(rule: str, condition: Callable[[Exchange], bool]) -> Objects:
    """Object to something more."""
    return lambda asked, exchange, state: condition(exchange) if asked == rule else table_2(asked, exchange, state)


def _dossier(exchange: Exchange, state: State) -> str:
    """Give an identifier never given before."""
    return f"CV-{state.next('dossier'):06d}-{uuid.uuid4().hex[:12].upper()}"


def _hashed(value: object) -> str:
    return "CV-" + hashlib.sha256(repr(value).encode()).hexdigest()[:20].upper()


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_PREFIXES: Mapping[str, str] = {"soapenv": SOAP, "core": CORE, "dos": OWN, "typ": TYPES, "soa": ERRORS}


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes one service differ from another; as they stand here they are right."""

    contract: Contract = field(default_factory=Contract)
    refusals: Mapping[str, Refusal] = field(default_factory=lambda: REFUSALS)
    overlook: frozenset[str] = OVERLOOKED
    schema_first: bool = False
    longest: timedelta | None = None
    late: timedelta = SKEW
    early: timedelta = SKEW
    replays: bool = True
    repair: Callable[[Element, Exchange], object] = lambda _payload, _exchange: None
    objects: Objects = table_2
    identifier: Callable[[Exchange, State], str] = _dossier
    unwilling: Callable[[Exchange, State], bool] = lambda _exchange, _state: False
    table: Mapping[str, str] = field(default_factory=lambda: _TABLE_2)
    prefixes: Mapping[str, str] = field(default_factory=lambda: _PREFIXES)
    stamp: Callable[[datetime], str] = _utc


def _refusing(refusal: Refusal, *kinds: str) -> Mapping[str, Refusal]:
    """Refuse these in another way."""
    return {**REFUSALS, **dict.fromkeys(kinds, refusal)}


# --------------------------------------------------------------------------------------------------------- service


class Peer:
    """A service under rules: a request in, an answer out."""

    def __init__(self, rules: Rules, schema: etree.XMLSchema) -> None:
        self._rules = rules
        self._schema = schema
        self._state = State()
        everybody = world()
        self._demand = Demand(
            everybody.sts_certificate,
            everybody.ca_certificate,
            everybody.issued,
            rules.overlook,
            rules.longest,
            rules.late,
            rules.early,
        )
        self._kinds = {attribute: kind for kind, (_, _, attribute) in KINDS.items()}

    def __call__(self, request: Request) -> Said:
        """Answer a request."""
        if request.path != PATH:
            return Said(404, b"not found", headers={"Content-Type": "text/plain"})
        exchange = Exchange(request)
        try:
            document = self._serve(exchange)
        except RefusedError as refused:
            return self._refuse(refused, exchange)
        return self._said(200, document, exchange)

    def _serve(self, exchange: Exchange) -> Element:
        rules = self._rules
        root = self._read(exchange)
        body = exchange.body
        assert body is not None
        steps: list[Callable[[], None]] = [
            lambda: self._authenticate(root, exchange),
            lambda: self._understand(body, exchange),
        ]
        for step in reversed(steps) if rules.schema_first else steps:
            step()
        if "tracing" not in rules.overlook:
            self._check_tracing(exchange.request)
        if "digits" not in rules.overlook:
            _check_digits(exchange)
        for rule, text in rules.table.items():
            if rules.objects(rule, exchange, self._state):
                value = asked_for(rule, exchange) or exchange.ssin or exchange.nihii or exchange.cbe
                raise RefusedError(f"requester.{rule}", text.format(value, exchange.own))
        if rules.unwilling(exchange, self._state):
            raise RefusedError("unwilling", "")
        return self._reply(exchange, "Success", "", rules.identifier(exchange, self._state))

    # ------------------------------------------------------------------------------------------------------ reading

    def _read(self, exchange: Exchange) -> Element:
        request, overlook = exchange.request, self._rules.overlook
        if request.method != "POST" and f"method.{request.method}" not in overlook:
            raise RefusedError(f"method.{request.method}", f"POST is due, not {request.method}")
        media, _, parameters = request.header("content-type").partition(";")
        newer = media.strip().lower() == SOAP_12_MEDIA
        passing = {"text/xml": "", SOAP_12_MEDIA: "soap.version", "application/json": "media.json"}
        if (
            overlook.isdisjoint(("media", passing.get(media.strip().lower(), "-")))
            and media.strip().lower() != "text/xml"
        ):
            raise RefusedError("media.soap12" if newer else "media", f"text/xml is due, not {media}")
        if not (newer and "soap.version" in overlook):
            self._check_action(request.header("soapaction").strip())
        exchange.message = _utf_8(request.body, parameters)
        root = self._parsed(exchange.message)
        name = etree.QName(root)
        if root.tag == f"{{{SOAP_12}}}Envelope":
            if "soap.version" not in overlook:
                raise RefusedError("soap.version", "the envelope is one of SOAP 1.2")
        elif root.tag != f"{{{SOAP}}}Envelope":
            raise RefusedError("soap.root", f"{root.tag} is no envelope of SOAP 1.1")
        exchange.body = bodies_of(root, overlook)[0]
        header = root.find(f"{{{name.namespace}}}Header")
        for block in () if header is None else header.iterchildren(etree.Element):
            if block.get(f"{{{name.namespace}}}mustUnderstand") in ("1", "true") and block.tag != f"{{{WSSE}}}Security":
                raise RefusedError("soap.understand", f"{block.tag} is not understood")
        return root

    def _check_action(self, text: str) -> None:
        rules = self._rules
        if "action.quotes" not in rules.overlook and not re.fullmatch(r'"[^"]*"', text):
            raise RefusedError("action", f"the SOAPAction {text} has no quotes")
        if text.strip('"') != rules.contract.action and "action" not in rules.overlook:
            raise RefusedError("action", f"unknown SOAPAction {text}")

    def _parsed(self, message: bytes) -> Element:
        try:
            root = parse(message)
            if root.getroottree().docinfo.internalDTD is not None:
                if "wsi.doctype" not in self._rules.overlook:
                    raise RefusedError("wsi.doctype", "a message has no document type declaration")
                root = etree.fromstring(message, etree.XMLParser(resolve_entities="internal"))  # type: ignore[arg-type]
        except etree.XMLSyntaxError as error:
            raise RefusedError("xml", str(error)) from error
        return root

    def _authenticate(self, root: Element, exchange: Exchange) -> None:
        attributes = authenticate(exchange.message, root, self._demand)
        value = root.findtext(f".//{{{WSSE}}}Security/{{{DS}}}Signature/{{{DS}}}SignatureValue")
        if self._state.next(f"signature {value}") > 1 and not self._rules.replays:
            raise RefusedError("security.replay", "the message was received before")
        for name, value in attributes.items():
            if name in self._kinds:
                exchange.kind, exchange.own = self._kinds[name], value
        anonymous = {"security.missing", "security.empty", "security.assertion.missing", "no_assertion.x509"}
        if not exchange.kind and (attributes or anonymous.isdisjoint(self._rules.overlook)):
            raise RefusedError("security.attributes", "the assertion does not tell who calls")

    def _understand(self, body: Element, exchange: Exchange) -> None:
        children = [child for child in body if isinstance(child.tag, str)]
        overlook = self._rules.overlook
        if not children:
            raise RefusedError("wsdl.empty", "the body is empty")
        if len(children) != 1 and overlook.isdisjoint(("children.first", "children.last")):
            raise RefusedError("wsi.children", f"the body has {len(children)} children")
        payload = copy.deepcopy(children[-1 if "children.last" in overlook else 0])
        exchange.id = payload.get("Id")
        self._rules.repair(payload, exchange)
        if payload.tag != f"{{{OWN}}}{REQUEST}":
            raise RefusedError("wsdl.operation", f"there is no operation for {payload.tag}")
        person = next(payload.iter("{*}Person"), None)
        if person is not None and not has(person, "LastName"):
            raise RefusedError("last_name", "the last name is missing")
        if (_text(payload, "Gender") or "F") not in ("F", "M"):
            raise RefusedError("gender", "the gender is neither F nor M")
        try:
            self._schema.assertValid(etree.ElementTree(payload))
        except etree.DocumentInvalid as error:
            raise RefusedError("schema", str(error)) from error
        exchange.ssin, exchange.nihii, exchange.cbe = (
            _text(payload, name) for name in ("PersonIdentifier", "Nihii", "Cbe")
        )
        names = ("LastName", "FirstNames", "Gender", "PhoneNumber")
        last, first, gender, phone = (_text(payload, name) for name in names)
        exchange.person = (last, first, gender, phone)

    def _check_tracing(self, request: Request) -> None:
        if "@" not in request.header("from") or "/" not in request.header("user-agent"):
            raise RefusedError("tracing", "User-Agent and From are needed")

    # ------------------------------------------------------------------------------------------------------ writing

    def _said(self, status: int, document: Element, exchange: Exchange) -> Said:
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        return Said(status, document=document, headers=headers, dump=written, exchange=exchange)

    def _refuse(self, refused: RefusedError, exchange: Exchange) -> Said:
        kind = refused.kind
        while kind not in self._rules.refusals:
            kind = kind.rpartition(".")[0]
        refusal = self._rules.refusals[kind]
        text = refusal.message or refused.text
        if refusal.make is not None:
            made = refusal.make()
            return Said(made.status, made.body, headers=dict(made.headers), exchange=exchange)
        if refusal.served:
            served = self._reply(exchange, "Success", "", self._rules.identifier(exchange, self._state))
            return self._said(200, served, exchange)
        if refusal.code:
            return self._said(500, self._fault(refusal.code, text, refused.kind), exchange)
        return self._said(200, self._reply(exchange, refusal.status, text, None), exchange)

    def _envelope(self) -> tuple[Element, Element]:
        spaces = dict(self._rules.prefixes)
        root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=spaces)
        return root, etree.SubElement(root, f"{{{SOAP}}}Body")

    def _reply(self, exchange: Exchange, status: str, message: str, identifier: str | None) -> Element:
        root, body = self._envelope()
        response = etree.SubElement(body, f"{{{OWN}}}{RESPONSE}")
        response.set("Id", fresh_id())
        if exchange.id is not None:
            response.set("InResponseTo", exchange.id)
        response.set("IssueInstant", self._rules.stamp(datetime.now(UTC)))
        element = etree.SubElement(response, f"{{{CORE}}}Status")
        etree.SubElement(element, f"{{{CORE}}}StatusCode").set("Value", STATUS + status)
        if message:
            etree.SubElement(element, f"{{{CORE}}}StatusMessage").text = message
        if identifier is not None:
            add_identifier(response, identifier, qualified=self._rules.contract.qualified)
        return root

    def _fault(self, code: str, text: str, kind: str) -> Element:
        root, body = self._envelope()
        fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
        prefix = next(one for one, space in self._rules.prefixes.items() if space == SOAP)
        consumer = not code.startswith(("SOA-02", "SOA-00"))
        special = {"soap.understand": "MustUnderstand", "soap.version": "VersionMismatch"}
        sort = special.get(kind, "Client" if consumer else "Server")
        etree.SubElement(fault, "faultcode").text = f"{prefix}:{sort}"
        description = _DESCRIPTIONS.get(code, "Unknown error")
        etree.SubElement(fault, "faultstring").text = f"{code}: {description}"
        error = etree.SubElement(etree.SubElement(fault, "detail"), f"{{{ERRORS}}}SystemError")
        error.set("Id", str(uuid.uuid4()))
        etree.SubElement(error, "Origin").text = "Consumer" if consumer else "Provider"
        etree.SubElement(error, "Code").text = code
        etree.SubElement(error, "Message").text = f"{description}: {text}" if text else description
        etree.SubElement(error, f"{{{ERRORS}}}Environment").text = "Acceptation"
        return root


def written(root: Element) -> str:
    """Write an envelope."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + bare(root)


def bare(root: Element) -> str:
    """Write an envelope without a declaration."""
    return etree.tostring(root, encoding="unicode")


def add_identifier(response: Element, identifier: str, *, qualified: bool = False) -> None:
    """Add the identifier to a response."""
    name = "CovidDossierIdentifier"
    etree.SubElement(response, f"{{{OWN}}}{name}" if qualified else name).text = identifier


def _text(payload: Element, name: str) -> str | None:
    """Read the text of an element, or of the one element in it."""
    element = next(payload.iter(f"{{*}}{name}"), None)
    return None if element is None else str(element.xpath("string()")).strip()


def _utf_8(body: bytes, parameters: str) -> bytes:
    """Give a message in UTF-8 and without a declaration, whatever it came in."""
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters, re.IGNORECASE)
    name = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else charset[1] if charset else "utf-8"
    try:
        text = body.decode("utf-8-sig" if name.lower() == "utf-8" else name)
    except (LookupError, UnicodeDecodeError) as error:
        raise RefusedError("xml", f"the message is not in {name}") from error
    return re.sub(r"\A<\?xml\b[^>]*\?>\s*", "", text).encode()


def _check_digits(exchange: Exchange) -> None:
    for name, value, length in (
        ("PersonIdentifier", exchange.ssin, 9),
        ("Nihii", exchange.nihii, 6),
        ("Cbe", exchange.cbe, 8),
    ):
        if value is None:
            continue
        roots = (value[:length], "2" + value[:length]) if length == 9 else (value[:length],)
        if value[length : length + 2] not in {f"{97 - int(root) % 97:02d}" for root in roots}:
            raise RefusedError("digits", f"the check digits of {name} {value} are wrong")


# ----------------------------------------------------------------------------------------------------------- layers


def _is_reply(said: Said) -> bool:
    return said.status == 200 and said.document is not None


def _is_success(said: Said) -> bool:
    return _is_reply(said) and status_of(said.document) == "Success"


def _is_refusal(said: Said) -> bool:
    return _is_reply(said) and status_of(said.document) != "Success"


def _is_fault(said: Said) -> bool:
    return said.status == 500 and said.document is not None


def _is_any(said: Said) -> bool:
    return said.document is not None


Which = Callable[[Said], bool]


def tree(change: Change, which: Which = _is_reply) -> Layer:
    """Change the envelopes of some answers."""
    return answer(lambda said, exchange: change(said.document, exchange), which)


def answer(change: Callable[[Said, Exchange], object], which: Which = _is_any) -> Layer:
    """Change some answers."""

    def wrap(inner: Service) -> Service:
        def handle(request: Request) -> Said:
            said = inner(request)
            if which(said) and said.exchange is not None:
                change(said, said.exchange)
            return said

        return handle

    return wrap


def every(count: int, layer: Layer, which: Which = _is_success) -> Layer:
    """Put a layer over every so-manieth of some answers."""

    def wrap(inner: Service) -> Service:
        seen = itertools.count(1)

        def handle(request: Request) -> Said:
            said = inner(request)
            due = which(said) and next(seen) % count == 0
            return layer(lambda _: said)(request) if due else said

        return handle

    return wrap


def fault(change: Callable[[Element], object]) -> Layer:
    """Change the faults."""
    return tree(lambda root, _: change(root), _is_fault)


def reply(change: Callable[[Element], object], which: Which = _is_reply) -> Layer:
    """Change the answers that are no faults."""
    return tree(lambda root, _: change(root), which)


def header(name: str, value: str, which: Which = _is_any) -> Layer:
    """Set an HTTP header of some answers."""
    return answer(lambda said, _: said.headers.update({name: value}), which)


def recode(change: Callable[[str], bytes | str], which: Which = _is_reply) -> Layer:
    """Change the text of some answers; nothing can change their envelopes after that."""

    def alter(said: Said, _: Exchange) -> None:
        changed = change(said.dump(said.document))
        said.freeze(changed if isinstance(changed, bytes) else changed.encode())

    return answer(alter, which)


def status(code: int, which: Which) -> Layer:
    """Set the HTTP status of some answers."""
    return answer(lambda said, _: setattr(said, "status", code), which)


def set_of(name: str, value: object, which: Which = _is_any) -> Layer:
    """Set a field of some answers."""
    return answer(lambda said, _: setattr(said, name, value), which)


def instead(make: Callable[[], Answer], which: Which) -> Layer:
    """Give something else in the place of some answers."""

    def alter(said: Said, _: Exchange) -> None:
        made = make()
        said.status, said.headers = made.status, dict(made.headers)
        said.freeze(made.content())

    return answer(alter, which)


def _attribute(name: str, value: Callable[[str | None, Exchange], str | None], which: Which = _is_reply) -> Layer:
    """Change an attribute of the response; None removes it."""

    def change(root: Element, exchange: Exchange) -> None:
        response = find(root, RESPONSE)
        new = value(response.get(name), exchange)
        if new is not None:
            response.set(name, new)
        elif name in response.attrib:
            del response.attrib[name]

    return tree(change, which)


def _set_text(name: str, text: str, which: Which) -> Layer:
    """Set the text of an element, if it is there."""

    def change(root: Element) -> None:
        for element in root.iter(f"{{*}}{name}"):
            element.text = text

    return reply(change, which)


def _code(value: Callable[[str], str | None], which: Which) -> Layer:
    """Change the value of the first status code; None removes it."""

    def change(root: Element) -> None:
        code = find(root, "StatusCode")
        new = value(code.get("Value", ""))
        if new is None:
            del code.attrib["Value"]
        else:
            code.set("Value", new)

    return reply(change, which)


# -------------------------------------------------------------------------------------------------------- catalogue


class _Catalogue:
    """The variants: those that are certain, and what is kept apart."""

    def __init__(self) -> None:
        self.certain: dict[str, Variant] = {}
        self.borderline: dict[str, Variant] = {}
        self.lax: dict[str, Variant] = {}
        self.unprovokable: dict[str, Variant] = {}
        self.clumsy: dict[str, Variant] = {}
        self.tolerated: dict[str, Variant] = {}
        self._made: dict[str, tuple[Rules, tuple[Layer, ...]]] = {}

    def _add(self, where: dict[str, Variant], variant: Variant, layers: tuple[Layer, ...], rules: Any) -> None:
        if variant.name in self._made:
            raise ValueError(f"two variants are called {variant.name}")
        where[variant.name] = variant
        self._made[variant.name] = (replace(Rules(), **rules), layers)

    def good(self, name: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant that conforms."""
        self._add(self.certain, Variant(name, True, summary), layers, rules)

    def bad(self, name: str, field: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant with one defect."""
        self._add(self.certain, Variant(name, False, summary, field), layers, rules)

    def perhaps_good(self, name: str, field: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant which seems to conform."""
        self._add(self.borderline, Variant(name, True, summary, field), layers, rules)

    def perhaps_bad(self, name: str, field: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant which does not seem to conform."""
        self._add(self.borderline, Variant(name, False, summary, field), layers, rules)

    def trusting(self, name: str, field: str, summary: str, *words: str, **rules: Any) -> None:
        """Add a variant which lets pass what is not secure: it overlooks a kind of errors or has a bad habit."""
        self._trust(self.lax, Variant(f"lax-{name}", False, summary, f"security.{field}"), words, rules)

    def gullible(self, name: str, field: str, summary: str, *words: str) -> None:
        """Add a variant which lets pass what nobody but the issuer could send."""
        self._trust(self.unprovokable, Variant(f"lax-{name}", False, summary, f"security.{field}"), words, {})

    def _trust(self, where: dict[str, Variant], variant: Variant, words: tuple[str, ...], rules: Any) -> None:
        unknown = {word for word in words if word not in HABITS and not word.startswith("security.")}
        if unknown:
            raise ValueError(f"{variant.name} has habits nobody knows: {unknown}")
        self._add(where, variant, (), {"overlook": OVERLOOKED | frozenset(words), **rules})

    def inept(self, name: str, field: str, summary: str, **rules: Any) -> None:
        """Add a variant which does not say no as it should."""
        self._add(self.clumsy, Variant(name, False, summary, field), (), rules)

    def noted(self, name: str, field: str, summary: str, *words: str, **rules: Any) -> None:
        """Add a variant about which there is one thing to say; all others of this kind it does not do."""
        strict = {"overlook": OVERLOOKED | frozenset(words), "longest": _MINUTE, "replays": False}
        self._add(self.tolerated, Variant(name, True, summary, f"security.{field}"), (), {**strict, **rules})

    def contract(self, name: str) -> Contract:
        """Give the contract of a variant."""
        return self._made[name][0].contract

    @contextlib.contextmanager
    def serve(self, name: str, port: int = 0) -> Iterator[dict[str, Any]]:
        """Serve a variant; the context gives the section of a target file."""
        rules, layers = self._made[name]
        folder = Path(tempfile.mkdtemp(prefix="dossier-contract-"))
        try:
            service: Service = Peer(rules, rules.contract.write(folder))
            for layer in layers:
                service = layer(service)
            with serving(service, port) as base:
                endpoint = base.removesuffix(PREFIX.rstrip("/")) + PATH
                wsdl = folder / "covid-dossiers.wsdl"
                wsdl.write_text(rules.contract.wsdl(endpoint), encoding="utf-8")
                everybody = world()
                names = {PERSON: "physician", NIHII: "center", CBE: "company", EHP: "hub"}
                yield {
                    "endpoint": endpoint,
                    "wsdl": str(wsdl),
                    "callers": {names[kind]: one.section() for kind, one in everybody.holders.items()},
                    "trust": {"sts_ca": str(everybody.ca)},
                }
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def lines(self) -> list[str]:
        """Describe all variants, one a line."""
        lines = []
        for where, word in (
            (self.certain, ""),
            (self.borderline, "borderline, rather "),
            (self.lax, "lax, "),
            (self.unprovokable, "lax beyond provocation, "),
            (self.clumsy, "clumsy, "),
            (self.tolerated, "tolerated, "),
        ):
            for variant in where.values():
                sort = "conforming" if variant.conforming else "defective"
                about = f" ({variant.field})" if variant.field else ""
                lines.append(f"{variant.name}: {word}{sort}{about}: {variant.summary}")
        return lines


_MINUTE = timedelta(seconds=60)


# -------------------------------------------------------------------------------------------- variants that conform


def _add_contracts(catalogue: _Catalogue) -> None:
    good = catalogue.good
    good("qualified", "all elements of its own are qualified", contract=Contract(qualified=True))
    good("person-identifier-wrapped", "PersonIdentifier has a child Ssin", contract=Contract(wrapped_person=True))
    good("requester-required", "its WSDL wants a Requester", contract=Contract(requester_required=True))
    good("requester-choice", "its WSDL wants one of both identifiers", contract=Contract(requester_choice=True))
    good("last-name-anonymous", "LastName has a type without a name", contract=Contract(anonymous_name=True))
    good("types-included", "the protocol's types come by xs:include", contract=Contract(included=True))
    good("schema-inline", "the protocol's schema is in the WSDL itself", contract=Contract(inline=True))
    good(
        "lower-camel",
        "the operation is called generateCovidId",
        contract=Contract(operation="generateCovidId", action=OWN + ":generateCovidId"),
    )
    good("soap-action-empty", "its WSDL has an empty SOAPAction", contract=Contract(action=""))
    good("soap-action-ignored", "any SOAPAction passes", overlook=OVERLOOKED | {"action"})
    good(
        "contract-motley",
        "all of these freedoms of the contract at once",
        contract=Contract(
            qualified=True, wrapped_person=True, requester_required=True, anonymous_name=True, inline=True, prefix="x1"
        ),
    )


def _add_refusals(catalogue: _Catalogue) -> None:
    good = catalogue.good
    good("message-french", "StatusMessage in French", table=dict.fromkeys(_TABLE_2, _FRENCH))
    good("message-dutch", "StatusMessage in Dutch", table=dict.fromkeys(_TABLE_2, _DUTCH))
    for code in ("SOA-03007", "SOA-01002"):
        name, refusal = f"mismatch-{code[4:]}", Refusal(code)
        good(name, f"a wrong requester gets a fault {code}", refusals=_refusing(refusal, "requester"))
    for code in ("SOA-03001", "SOA-03005", "SOA-03007"):
        name, refusal = f"last-name-{code[4:]}", Refusal(code)
        good(name, f"a missing last name gets a fault {code}", refusals=_refusing(refusal, "last_name"))
    good(
        "last-name-reply",
        "a missing last name gets a response with status Requester",
        refusals=_refusing(Refusal(message="LastName is mandatory"), "last_name"),
    )
    good("gender-03007", "a wrong gender gets a fault SOA-03007", refusals=_refusing(Refusal("SOA-03007"), "gender"))
    good(
        "gender-reply",
        "a wrong gender gets a response with status Requester",
        refusals=_refusing(Refusal(message="Gender is F or M"), "gender"),
    )
    good("schema-03001", "XSD errors get SOA-03001", refusals=_refusing(Refusal("SOA-03001"), "schema"))
    good("business-error", "faults have a BusinessError", fault(_as_business))
    good("nested-code", "a second code under Requester", reply(_nest, _is_refusal))
    good("cbss-00008", "a refusal has a CbssStatus MSG00008", _cbss("NOK", "MSG00008"))
    good("cbss-00013", "a refusal has a CbssStatus MSG00013", _cbss("NOK", "MSG00013"))
    good("schema-first", "the schema is checked before security", schema_first=True)
    good("ttl-enforced", "a message may live for one minute only", longest=timedelta(seconds=60))
    good("tracing-enforced", "User-Agent and From are needed", overlook=OVERLOOKED - {"tracing"})
    good("digits-checked", "wrong check digits get SOA-03007", overlook=OVERLOOKED - {"digits"})


def _add_readings(catalogue: _Catalogue) -> None:
    good = catalogue.good

    def other(name: str, summary: str, code: str, *kinds: str) -> None:
        good(f"{name}-{code[4:]}", f"{summary} {code}", refusals=_refusing(Refusal(code), *kinds))

    def bare(name: str, summary: str, make: Callable[[], Answer], *kinds: str) -> None:
        good(name, summary, refusals=_refusing(Refusal(make=make), *kinds))

    for code in ("SOA-01002", "SOA-00001", "SOA-03001"):
        other("security", "security errors get", code, "security")
    for code in ("InvalidSecurity", "FailedCheck"):
        good(f"security-{code.lower()}", f"security errors get a fault wsse:{code}, no detail", fault(_as_wsse(code)))
    bare("malformed-400", "ill-formed XML gets 400", lambda: plain_text(400, "bad request"), "xml")
    bare("malformed-400-empty", "ill-formed XML gets 400 and nothing else", lambda: Answer(400), "xml")
    bare("malformed-400-page", "ill-formed XML gets 400 and a page", lambda: _html(400), "xml")
    bare("media-415", "another media type gets 415", lambda: plain_text(415, "text/xml is due"), "media")
    bare("media-415-empty", "another media type gets 415 and nothing else", lambda: Answer(415), "media")
    bare("soap12-415", "application/soap+xml gets 415", lambda: Answer(415), "media.soap12")
    bare("method-405-page", "another method gets 405 and a page", _page_405, "method")
    for code in ("SOA-03001", "SOA-03004"):
        other("method", "another method gets a fault", code, "method")
    other("media", "another media type gets", "SOA-03001", "media")
    other("malformed", "ill-formed XML gets", "SOA-03002", "xml")
    for code in ("SOA-03001", "SOA-03002"):
        other("dtd", "a document type declaration gets", code, "wsi.doctype")
    for code in ("SOA-03004", "SOA-03006"):
        other("operation", "an unknown operation gets", code, "wsdl.operation")
    other("action", "a wrong SOAPAction gets", "SOA-03005", "action")
    good("action-quotes-due", "a SOAPAction without quotes gets SOA-03004", overlook=OVERLOOKED - {"action.quotes"})
    for code in ("SOA-03003", "SOA-03006"):
        other("empty-body", "an empty body gets", code, "wsdl.empty")
    other("soap12", "an envelope of SOAP 1.2 gets VersionMismatch with", "SOA-03004", "soap.version", "media.soap12")
    for code in ("SOA-03004", "SOA-01001"):
        other("two-bodies", "two bodies get", code, "soap.bodies")
    good("replay-refused", "a message gets SOA-01001 when it comes again", replays=False)
    good("assertion-rewritten", "assertions are compared in canonical form only", overlook=_REWRITTEN)
    good(
        "strict",
        "lifetimes beyond a minute, replays and SOAPActions without quotes are refused",
        longest=_MINUTE,
        replays=False,
        overlook=OVERLOOKED - {"action.quotes"},
    )


_REWRITTEN = OVERLOOKED | {"security.assertion.bytes"}


def _page_405() -> Answer:
    page = _html(405)
    page.headers["Allow"] = "POST"
    return page


def _as_wsse(name: str) -> Callable[[Element], None]:
    """Turn faults about security into those of WS-Security, which have no detail."""

    def change(root: Element) -> None:
        if find(root, "Code").text == "SOA-01001":
            code = find(root, "faultcode")
            new = etree.Element("faultcode", nsmap={"wsse": WSSE})
            new.text = f"wsse:{name}"
            code.addprevious(new)
            parent = code.getparent()
            assert parent is not None
            parent.remove(code)
            drop(root, "detail")

    return change


def _as_business(root: Element) -> None:
    rename(find(root, "SystemError"), f"{{{ERRORS}}}BusinessError")


def _nest(root: Element) -> None:
    code = find(root, "StatusCode")
    etree.SubElement(code, f"{{{CORE}}}StatusCode").set("Value", STATUS + "InvalidInput")


def _cbss(value: str, code: str, which: Which = _is_refusal) -> Layer:
    """Add a CbssStatus."""

    def change(root: Element, _: Exchange) -> None:
        qualified = f"{{{OWN}}}CovidDossierIdentifier" in {one.tag for one in root.iter()}
        prefix = f"{{{TYPES}}}" if qualified else ""
        detail = etree.SubElement(find(root, "Status"), f"{{{CORE}}}StatusDetail")
        cbss = etree.SubElement(detail, f"{{{TYPES}}}CbssStatus")
        for name, text in (("Value", value), ("Code", code), ("Description", "Not known at the provider")):
            etree.SubElement(cbss, prefix + name).text = text
        information = etree.SubElement(cbss, prefix + "Information")
        etree.SubElement(information, prefix + "FieldName").text = "Requester"

    return tree(change, which)


def _add_forms(catalogue: _Catalogue) -> None:
    good = catalogue.good
    other = {"S": SOAP, "ns2": CORE, "ns3": OWN, "ns4": TYPES, "ns5": ERRORS}
    good("prefixes-other", "other prefixes", prefixes=other)
    good("prefixes-swapped", "prefixes which others use for other things", prefixes=_SWAPPED)
    good("status-default-namespace", "the namespace of Status is the default in it", recode(_with_default_namespace))
    good("comments", "comments everywhere", tree(_commented, _is_any))
    good("white-space", "white space between elements", recode(_indented, _is_any))
    good("no-declaration", "no XML declaration", set_of("dump", bare))
    good("declaration-single-quotes", "an XML declaration in single quotes", recode(_single_quoted, _is_any))
    good("byte-order-mark", "a byte order mark", recode(lambda text: b"\xef\xbb\xbf" + text.encode(), _is_any))
    sixteen = header("Content-Type", "text/xml; charset=utf-16")
    good("utf-16", "UTF-16", sixteen, recode(_sixteen, _is_any))
    for name, value in (
        ("content-type-bare", "text/xml"),
        ("content-type-capitals", "Text/XML;Charset=UTF-8"),
        ("content-type-quoted", 'text/xml;charset="utf-8"'),
    ):
        good(name, f"the content type is {value}", header("Content-Type", value))
    good("chunked", "bodies in chunks", set_of("chunked", True))
    good("gzip", "gzip where the request accepts it", answer(_zipped))
    good("close", "the connection is closed after every answer", set_of("close", True))
    good("http-1-0", "HTTP/1.0", set_of("version", "HTTP/1.0"), set_of("close", True))
    good("header-names-small", "names of headers in small letters", set_of("lower", True))
    good("reason-odd", "status lines with a reason of its own", set_of("reason", "All is well, or not"))
    good("fault-headers", "faults have more HTTP headers", header("X-Trace", "7", _is_fault), header("Via", "1.1 x"))
    good("cdata", "texts in CDATA", tree(_in_cdata, _is_any))
    good("character-references", "texts with character references", recode(_referenced, _is_any))
    good("attributes-reversed", "attributes in another order", reply(_reverse_attributes))
    good("soap-header", "answers have a SOAP header", tree(_with_header, _is_any))
    good("namespaces-more", "declarations of namespaces that are not used", recode(_with_more_namespaces, _is_any))


_SWAPPED = {"wsdl": SOAP, "soap": CORE, "xs": OWN, "saml": TYPES, "ds": ERRORS}


def _with_default_namespace(text: str) -> str:
    text = text.replace("<core:Status>", f'<Status xmlns="{CORE}">')
    return re.sub(r"(</?)core:", r"\1", text)


def _commented(root: Element, _: Exchange) -> None:
    for element in list(root.iter(etree.Element)):
        if len(element):
            element.insert(0, etree.Comment(f" {etree.QName(element).localname} "))
        elif element.text:
            comment = etree.Comment(" in the midst ")
            comment.tail, element.text = element.text[3:], element.text[:3]
            element.append(comment)
    root.addprevious(etree.Comment(" before "))


def _indented(text: str) -> str:
    root = parse(re.sub(r"\A<\?xml[^>]*>\s*", "", text).encode())
    etree.indent(root, space="\t")
    return written(root) + "\n\n"


def _single_quoted(text: str) -> str:
    return text.replace('<?xml version="1.0" encoding="UTF-8"?>', "<?xml version='1.0' encoding='utf-8'?>")


def _sixteen(text: str) -> bytes:
    return text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")


def _zipped(said: Said, exchange: Exchange) -> None:
    said.headers["Vary"] = "Accept-Encoding"
    if re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", exchange.request.header("accept-encoding")):
        said.freeze(gzip.compress(said.content()))
        said.headers["Content-Encoding"] = "gzip"


_TEXTS = ("CovidDossierIdentifier", "StatusMessage", "Code", "Origin", "Message", "Environment", "faultstring")


def _in_cdata(root: Element, _: Exchange) -> None:
    for name in _TEXTS:
        for element in root.iter(f"{{*}}{name}"):
            element.text = etree.CDATA(element.text or "")


def _referenced(text: str) -> str:
    def spell(match: re.Match[str]) -> str:
        return match[1] + "".join(f"&#{ord(letter)};" for letter in match[2]) + match[3]

    return re.sub(r"(<[\w:]*(?:CovidDossierIdentifier|StatusMessage|Code)>)([^<&]*)(<)", spell, text)


def _reverse_attributes(root: Element) -> None:
    response = find(root, RESPONSE)
    attributes = {str(name): str(value) for name, value in response.attrib.items()}
    response.attrib.clear()
    for name in reversed(attributes):
        response.set(name, attributes[name])


def _with_header(root: Element, _: Exchange) -> None:
    block = etree.Element(f"{{{SOAP}}}Header")
    trace = etree.SubElement(block, "{urn:example:trace}Trace", nsmap={"tr": "urn:example:trace"})
    trace.set(f"{{{SOAP}}}mustUnderstand", "0")
    trace.text = "7"
    root.insert(0, block)


def _with_more_namespaces(text: str) -> str:
    text = text.replace("Envelope ", 'Envelope xmlns:a="urn:example:a" ', 1)
    if "Fault>" in text:
        return text
    text = text.replace("Envelope ", 'Envelope xmlns="urn:example:b" ', 1)
    return text.replace("<CovidDossierIdentifier", '<CovidDossierIdentifier xmlns=""')


def _stamped(hours: float, form: str) -> Callable[[datetime], str]:
    def write(moment: datetime) -> str:
        text = moment.astimezone(timezone(timedelta(hours=hours))).strftime(form)
        return re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)

    return write


def _add_values(catalogue: _Catalogue) -> None:
    good = catalogue.good
    good(
        "same-identifier",
        "the same person gets the same identifier again",
        identifier=lambda exchange, state: state.given.setdefault(exchange.person, _dossier(exchange, state)),
    )
    good(
        "phone-without-effect",
        "the same again, whatever the phone number",
        identifier=lambda exchange, state: state.given.setdefault(exchange.person[:3], _dossier(exchange, state)),
    )
    good("identifier-uuid", "identifiers are UUIDs", identifier=lambda _, __: str(uuid.uuid4()))
    good(
        "identifier-digits",
        "identifiers are a few digits, one more each time",
        identifier=lambda _, state: str(41_000 + state.next("dossier")),
    )
    good(
        "identifier-long",
        "identifiers are long, with signs and spaces in them",
        identifier=lambda exchange, state: f"{_dossier(exchange, state)} / {'dossier-' * 25} é & <{uuid.uuid4()}>",
    )
    good("instant-offset", "IssueInstant with an offset", stamp=_stamped(2, "%Y-%m-%dT%H:%M:%S%z"))
    good("instant-offset-west", "IssueInstant with a western offset", stamp=_stamped(-9.5, "%Y-%m-%dT%H:%M:%S%z"))
    good("instant-fractions", "IssueInstant with nine digits", stamp=_stamped(1, "%Y-%m-%dT%H:%M:%S.%f123%z"))
    good("instant-z", "IssueInstant with Z and no fractions", stamp=_stamped(0, "%Y-%m-%dT%H:%M:%SZ"))
    good("success-message", "a success has a StatusMessage", reply(_with_message, _is_success))
    good("success-message-empty", "a success has an empty StatusMessage", reply(_with_empty_message, _is_success))
    good("response-id-letters", "Id without an underscore", _attribute("Id", lambda _, __: f"resp.{uuid.uuid4().hex}"))
    good("response-id-counted", "Id counts", _counted_id())


def _with_message(root: Element) -> None:
    etree.SubElement(find(root, "Status"), f"{{{CORE}}}StatusMessage").text = "Tout est en ordre"


def _with_empty_message(root: Element) -> None:
    etree.SubElement(find(root, "Status"), f"{{{CORE}}}StatusMessage")


def _counted_id() -> Layer:
    numbers = itertools.count(1)
    return _attribute("Id", lambda _, __: f"r{next(numbers)}")


def _add_faults(catalogue: _Catalogue) -> None:
    good = catalogue.good
    good("fault-lang", "a fault's Message has a language", fault(lambda root: _speak(find(root, "Message"), "en")))
    good("fault-messages", "a fault has Messages in three languages", fault(_with_messages))
    good("fault-retry-contact", "a fault has Retry and Contact", fault(_with_retry))
    good("fault-actor", "a fault has a faultactor", fault(_with_actor))
    good("fault-without-id", "a fault's error has no Id", fault(lambda root: find(root, "SystemError").attrib.clear()))
    for name, text in (
        ("fault-code-client", "soapenv:Client"),
        ("fault-code-server", "soapenv:Server"),
        ("fault-code-dotted", "soapenv:Client.Authentication"),
    ):
        good(name, f"the faultcode is {text}", _set_text("faultcode", text, _is_fault))
    for word in ("Test", "Integration", "Simulation", "Production", "Development"):
        good(f"environment-{word.lower()}", f"Environment is {word}", _set_text("Environment", word, _is_fault))
    good(
        "faultstring-own", "faultstring in its own words", _set_text("faultstring", "Le message est refusé", _is_fault)
    )
    good("fault-message-own", "Message in its own words", _set_text("Message", "Naam ontbreekt", _is_fault))
    good("fault-detail-more", "detail has another element after the error", fault(_with_more_detail))


def _speak(element: Element, language: str) -> None:
    element.set("{http://www.w3.org/XML/1998/namespace}lang", language)


def _with_messages(root: Element) -> None:
    first = find(root, "Message")
    _speak(first, "en")
    for language, text in (("nl", "Bericht geweigerd"), ("fr", "Message refusé")):
        more = etree.Element("Message")
        more.text = text
        _speak(more, language)
        first.addnext(more)


def _with_retry(root: Element) -> None:
    message = find(root, "Message")
    for name, text in (("Contact", "support@example.invalid"), ("Retry", "0")):
        element = etree.Element(name)
        element.text = text
        message.addnext(element)


def _with_actor(root: Element) -> None:
    actor = etree.Element("faultactor")
    actor.text = "urn:example:gateway"
    find(root, "faultstring").addnext(actor)


def _with_more_detail(root: Element) -> None:
    etree.SubElement(find(root, "detail"), "{urn:example:trace}Trace").text = "7"


# ------------------------------------------------------------------------------------------------ variants that lie


def _html(code: int) -> Answer:
    return plain_text(code, "<!DOCTYPE html><html><body><h1>Error</h1></body></html>", "text/html; charset=utf-8")


def _json(code: int) -> Answer:
    return plain_text(code, '{"error":{"code":"SOA-03006","message":"XSD compliance failure"}}', "application/json")


def _add_http_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    for code in (404, 500, 503):
        bad(f"success-{code}", "response.http_status", f"a success has status {code}", status(code, _is_success))
    bad("refusal-400", "response.http_status", "a refusal in a response has status 400", status(400, _is_refusal))
    bad("refusal-500", "response.http_status", "a refusal in a response has status 500", status(500, _is_refusal))
    for name, value in (
        ("soap12", "application/soap+xml; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("plain", "text/plain; charset=utf-8"),
        ("json", "application/json"),
        ("xml", "application/xml"),
    ):
        kind = "Content-Type"
        bad(f"media-{name}", "response.media_type", f"a response is {value}", header(kind, value, _is_reply))
        bad(f"fault-media-{name}", "fault.media_type", f"a fault is {value}", header(kind, value, _is_fault))
    for code in (200, 202, 400, 403):
        bad(f"fault-{code}", "fault.http_status", f"a fault has status {code}", status(code, _is_fault))
    for name, make in (
        ("html-500", lambda: _html(500)),
        ("html-400", lambda: _html(400)),
        ("json-500", lambda: _json(500)),
        ("json-400", lambda: _json(400)),
        ("text-400", lambda: plain_text(400, "bad request")),
        ("empty-500", lambda: Answer(500)),
        ("html-200", lambda: _html(200)),
        ("problem-403", lambda: plain_text(403, '{"title":"no"}', "application/problem+json")),
    ):
        bad(f"not-fault-{name}", "not_fault", f"{name} in the place of a fault", instead(make, _is_fault))
    bad(
        "not-fault-bare-error",
        "not_fault",
        "the SystemError alone, without an envelope",
        recode(lambda text: etree.tostring(find(_reparsed(text), "SystemError"), encoding="unicode"), _is_fault),
    )
    bad(
        "not-fault-truncated",
        "not_fault",
        "the last ten characters of a fault are missing",
        recode(lambda text: text[:-10], _is_fault),
    )


def _reparsed(text: str) -> Element:
    return parse(re.sub(r"\A<\?xml[^>]*>\s*", "", text).encode())


def _add_envelope_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    rule = "response.envelope"
    bad("envelope-soap12", rule, "an envelope of SOAP 1.2", recode(lambda text: text.replace(SOAP, SOAP_12)))
    bad("envelope-none", rule, "the response without an envelope", recode(_unwrapped))
    bad("envelope-no-body", rule, "the response is a child of the envelope", recode(_bodiless))
    bad("envelope-empty-body", rule, "an empty body", reply(lambda root: drop(root, RESPONSE)))
    bad("envelope-two", rule, "the body has the response twice", reply(_twice))
    bad("envelope-trailer", rule, "an element after the body", reply(_with_trailer))
    bad("envelope-truncated", rule, "the last ten characters are missing", recode(lambda text: text[:-10]))
    bad("envelope-doctype", rule, "a document type declaration", recode(_with_doctype))
    bad("envelope-json", rule, "JSON, labelled as XML", recode(lambda _: '{"status":"Success"}'))
    bad("envelope-empty", rule, "nothing at all", recode(lambda _: ""))
    bad(
        "envelope-unescaped",
        rule,
        "a bare ampersand",
        recode(lambda text: text.replace("</core:Status>", "&</core:Status>")),
    )
    bad("envelope-space-first", rule, "white space before the declaration", recode(lambda text: "\n" + text))
    bad("envelope-header-last", rule, "the header after the body", reply(_header_last))
    bad("envelope-fifth-truncated", rule, "every fifth is truncated", every(5, recode(lambda text: text[:-10])))


def _unwrapped(text: str) -> str:
    return written(find(_reparsed(text), RESPONSE))


def _bodiless(text: str) -> str:
    return re.sub(r"</?soapenv:Body>", "", text)


def _twice(root: Element) -> None:
    response = find(root, RESPONSE)
    response.addnext(copy.deepcopy(response))


def _with_trailer(root: Element) -> None:
    etree.SubElement(root, "{urn:example:trace}Trace").text = "7"


def _with_doctype(text: str) -> str:
    return text.replace("?>\n", "?>\n<!DOCTYPE soapenv:Envelope>\n", 1)


def _header_last(root: Element) -> None:
    etree.SubElement(etree.SubElement(root, f"{{{SOAP}}}Header"), "{urn:example:trace}Trace")


def _add_schema_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    rule = "response.schema"
    v1 = CORE.replace("v2", "v1")
    bad("schema-unknown-element", rule, "an element its schema does not know", reply(_add_child("Extra"), _is_success))
    bad("schema-refusal-element", rule, "the same, in a refusal", reply(_add_child("Extra"), _is_refusal))
    bad(
        "schema-qualified",
        rule,
        "CovidDossierIdentifier is qualified",
        reply(lambda root: rename(_identifier(root), f"{{{OWN}}}CovidDossierIdentifier"), _is_success),
    )
    bad("schema-order", rule, "CovidDossierIdentifier stands before Status", reply(_reorder, _is_success))
    bad("schema-twice", rule, "two identifiers", reply(_add_child("CovidDossierIdentifier"), _is_success))
    bad("schema-core-v1", rule, "Status in the namespace of core v1", recode(lambda text: text.replace(CORE, v1)))
    bad("schema-status-unqualified", rule, "Status in no namespace", reply(_unqualify))
    bad("schema-status-missing", rule, "no Status", reply(lambda root: drop(root, "Status")))
    bad("schema-status-code-missing", rule, "no StatusCode", reply(lambda root: drop(root, "StatusCode")))
    bad("schema-value-missing", rule, "StatusCode has no Value", _code(lambda _: None, _is_reply))
    bad("schema-message-first", rule, "StatusMessage before StatusCode", reply(_message_first))
    bad("schema-attribute", rule, "an unknown attribute", _attribute("Version", lambda _, __: "7"))
    bad("schema-other-name", rule, "the response has another name", reply(_renamed(f"{{{OWN}}}GenerateCovidIdReply")))
    bad("schema-other-space", rule, "the response is in another namespace", reply(_renamed(f"{{{TYPES}}}{RESPONSE}")))
    bad("schema-no-space", rule, "the response is in no namespace", reply(_renamed(RESPONSE)))
    bad("schema-detail", rule, "StatusDetail with an element nobody declares", reply(_undeclared, _is_refusal))
    bad("schema-text", rule, "text beside the elements", reply(_with_text))
    bad("schema-fifth", rule, "every fifth has an unknown element", every(5, reply(_add_child("Extra"))))


def _identifier(root: Element) -> Element:
    return find(root, "CovidDossierIdentifier")


def _add_child(name: str, text: str = "7") -> Callable[[Element], None]:
    def change(root: Element) -> None:
        etree.SubElement(find(root, RESPONSE), name).text = text

    return change


def _reorder(root: Element) -> None:
    find(root, RESPONSE).insert(0, _identifier(root))


def _unqualify(root: Element) -> None:
    for element in find(root, "Status").iter("{*}*"):
        rename(element, etree.QName(element).localname)


def _message_first(root: Element) -> None:
    status = find(root, "Status")
    drop(status, "StatusMessage")
    message = etree.Element(f"{{{CORE}}}StatusMessage")
    message.text = "Voilà"
    status.insert(0, message)


def _renamed(name: str) -> Callable[[Element], None]:
    return lambda root: rename(find(root, RESPONSE), name)


def _undeclared(root: Element) -> None:
    detail = etree.SubElement(find(root, "Status"), f"{{{CORE}}}StatusDetail")
    etree.SubElement(detail, "{urn:example:nobody}Reason").text = "7"


def _with_text(root: Element) -> None:
    find(root, "Status").tail = "all is well"


def _add_attribute_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("id-missing", "response.id", "no Id", _attribute("Id", lambda _, __: None))
    bad("id-empty", "response.id", "an empty Id", _attribute("Id", lambda _, __: ""))
    bad("id-digit", "response.id", "Id begins with a digit", _attribute("Id", lambda _, __: f"0{uuid.uuid4()}"))
    bad("id-space", "response.id", "a space within Id", _attribute("Id", lambda old, _: f"{old} 1"))
    bad("id-colon", "response.id", "a colon in Id", _attribute("Id", lambda old, _: f"urn:{old}"))
    bad("id-refusal-missing", "response.id", "a refusal has no Id", _attribute("Id", lambda _, __: None, _is_refusal))
    bad("id-constant", "response.id_unique", "Id is always the same", _attribute("Id", lambda _, __: "_response"))
    bad("id-few", "response.id_unique", "the third Id is the first again", _few_ids(2))
    bad(
        "id-by-caller",
        "response.id_unique",
        "Id depends on the caller alone",
        _attribute("Id", lambda _, exchange: f"_{exchange.own}"),
    )
    rule = "response.in_response_to"
    bad("in-response-to-missing", rule, "no InResponseTo", _attribute("InResponseTo", lambda _, __: None))
    bad("in-response-to-empty", rule, "an empty one", _attribute("InResponseTo", lambda old, _: old and ""))
    bad("in-response-to-other", rule, "of no request", _attribute("InResponseTo", lambda old, _: old and fresh_id()))
    bad("in-response-to-short", rule, "it is cut to 20", _attribute("InResponseTo", lambda old, _: old and old[:20]))
    bad(
        "in-response-to-small",
        rule,
        "letters swapped",
        _attribute("InResponseTo", lambda old, _: old and old.swapcase()),
    )
    bad("in-response-to-hash", rule, "a # before it", _attribute("InResponseTo", lambda old, _: old and "#" + old))
    bad(
        "in-response-to-refusal",
        rule,
        "missing in a refusal",
        _attribute("InResponseTo", lambda _, __: None, _is_refusal),
    )
    bad("in-response-to-last", rule, "that of the request before", _stale())
    bad(
        "in-response-to-fifth",
        rule,
        "wrong in every fifth answer",
        every(5, _attribute("InResponseTo", lambda old, _: old and fresh_id())),
    )
    rule = "response.issue_instant"
    bad("instant-missing", rule, "no IssueInstant", _attribute("IssueInstant", lambda _, __: None))
    for name, text in (
        ("february-30", "2026-02-30T10:00:00Z"),
        ("constant", "2022-08-01T10:00:00Z"),
        ("future", "2046-08-01T10:00:00Z"),
        ("locale", "01/08/2022 10:00"),
        ("empty", ""),
    ):
        bad(f"instant-{name}", rule, f"it is {text!r}", _attribute("IssueInstant", lambda _, __, text=text: text))  # type: ignore[misc]
    bad("instant-date", rule, "a date alone", stamp=_stamped(0, "%Y-%m-%d"))
    bad("instant-epoch", rule, "seconds since 1970", stamp=lambda moment: str(int(moment.timestamp())))
    bad("instant-space", rule, "a space for the T", stamp=_stamped(0, "%Y-%m-%d %H:%M:%SZ"))
    bad("instant-two-hours", rule, "local time with Z", stamp=_stamped(2, "%Y-%m-%dT%H:%M:%SZ"))
    bad("instant-yesterday", rule, "yesterday", stamp=lambda moment: _utc(moment - timedelta(days=1)))


def _few_ids(count: int) -> Layer:
    names = itertools.cycle([fresh_id() for _ in range(count)])
    return _attribute("Id", lambda _, __: next(names))


def _stale() -> Layer:
    last = ["_none"]

    def value(old: str | None, _: Exchange) -> str | None:
        if old is None:
            return None
        before, last[0] = last[0], old
        return before

    return _attribute("InResponseTo", value)


def _add_status_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    rule = "response.status"
    for name, text in (
        ("ok", STATUS + "OK"),
        ("bare", "Success"),
        ("number", "200"),
        ("small", STATUS + "success"),
        ("v1", "urn:be:fgov:ehealth:1.0:status:Success"),
        ("http", "https://ehealth.fgov.be/2.0/status/Success"),
        ("empty", ""),
        ("requester", STATUS + "Requester"),
        ("responder", STATUS + "Responder"),
        ("saml", "urn:oasis:names:tc:SAML:2.0:status:Success"),
    ):
        bad(f"status-{name}", rule, f"a success has {text or 'no text'}", _code(lambda _, text=text: text, _is_success))  # type: ignore[misc]
    bad("status-refusal-unknown", rule, "a refusal has Client", _code(lambda _: STATUS + "Client", _is_refusal))
    bad("status-refusal-data", rule, "DataNotFound at level 1", _code(lambda _: STATUS + "DataNotFound", _is_refusal))
    bad("status-swapped", rule, "Success is at level 2 only", reply(_swap_levels, _is_success))
    bad("status-fifth", rule, "every fifth success has OK", every(5, _code(lambda _: STATUS + "OK", _is_success)))
    rule = "response.identifier"
    bad(
        "identifier-missing",
        rule,
        "no identifier",
        reply(lambda root: drop(root, "CovidDossierIdentifier"), _is_success),
    )
    bad("identifier-empty", rule, "an empty identifier", identifier=lambda _, __: "")
    bad("identifier-blank", rule, "a blank identifier", identifier=lambda _, __: "  \n ")
    bad(
        "identifier-fifth", rule, "every fifth is missing", every(5, reply(lambda r: drop(r, "CovidDossierIdentifier")))
    )
    bad(
        "identifier-only-known",
        rule,
        "missing where no first names are given",
        tree(lambda root, e: None if e.person[1] else drop(root, "CovidDossierIdentifier"), _is_success),
    )
    for name, value, code, field_ in (
        ("value-ok", "OK", "MSG00008", "cbss.value"),
        ("value-small", "nok", "MSG00008", "cbss.value"),
        ("value-empty", "", "MSG00013", "cbss.value"),
        ("code-unknown", "NOK", "MSG00099", "cbss.code"),
        ("code-short", "NOK", "MSG8", "cbss.code"),
        ("code-small", "NOK", "msg00013", "cbss.code"),
        ("code-soa", "NOK", "SOA-03007", "cbss.code"),
    ):
        bad(f"cbss-{name}", field_, f"a refusal has a CbssStatus {value} {code}", _cbss(value, code))


def _swap_levels(root: Element) -> None:
    code = find(root, "StatusCode")
    code.set("Value", STATUS + "Partial")
    etree.SubElement(code, f"{{{CORE}}}StatusCode").set("Value", STATUS + "Success")


def _add_sharing_defects(catalogue: _Catalogue) -> None:
    last = 0
    makers: tuple[tuple[str, str, Callable[[Exchange, State], str]], ...] = (
        ("constant", "always the same", lambda _, __: "CV-0000001"),
        ("last-name", "by the last name alone", lambda e, _: _hashed(e.person[last])),
        ("first-letters", "by the first three letters", lambda e, _: _hashed((e.person[last] or "")[:3].lower())),
        ("length", "by the length of the last name", lambda e, _: _hashed(len(e.person[last] or ""))),
        ("without-last-name", "by all but the last name", lambda e, _: _hashed(e.person[1:])),
        ("gender", "by the gender alone", lambda e, _: _hashed(e.person[2])),
        ("caller", "by the caller", lambda e, _: _hashed(e.own)),
        ("three", "three different ones only", lambda _, s: _hashed(s.next("dossier") % 3)),
        ("pairs", "two each time", lambda _, s: _hashed(s.next("dossier") // 2)),
        ("hour", "by the hour of the day", lambda _, __: _hashed(datetime.now(UTC).strftime("%Y%m%d%H"))),
        ("four", "four different ones only, by a hash", lambda e, _: str(int(_hashed(e.person)[3:7], 16) % 4)),
        ("fifth", "every fifth is the first again", _fifth_is_first),
        ("person-callers", "always the same for callers who are persons", _same_for_persons),
    )
    for name, summary, maker in makers:
        catalogue.bad(f"shared-{name}", "response.identifier_shared", f"identifiers: {summary}", identifier=maker)


def _fifth_is_first(exchange: Exchange, state: State) -> str:
    new = _dossier(exchange, state)
    first = state.given.setdefault("first", new)
    return first if state.next("fifth") % 5 == 0 else new


def _same_for_persons(exchange: Exchange, state: State) -> str:
    return "CV-0000002" if exchange.kind == PERSON else _dossier(exchange, state)


def _add_unwilling_defects(catalogue: _Catalogue) -> None:
    last, first, gender, phone = range(4)
    responder = _refusing(Refusal(status="Responder", message="An error has occurred"), "unwilling")
    cases: tuple[tuple[str, str, Callable[[Exchange, State], bool]], ...] = (
        ("person", "callers who are persons", lambda e, _: e.kind == PERSON),
        ("nihii", "NIHII institutions", lambda e, _: e.kind == NIHII),
        ("cbe", "CBE institutions", lambda e, _: e.kind == CBE),
        ("ehp", "EHP institutions", lambda e, _: e.kind == EHP),
        ("elliptic", "callers with a key on a curve", lambda e, _: e.kind in (NIHII, CBE)),
        ("last-name-only", "persons with a last name only", lambda e, _: not any(e.person[1:])),
        ("all-parts", "persons of whom all is known", lambda e, _: all(e.person)),
        ("first-names", "persons with first names", lambda e, _: bool(e.person[first])),
        ("two-first-names", "persons with two first names", lambda e, _: " " in (e.person[first] or "")),
        ("phone", "persons with a phone number", lambda e, _: bool(e.person[phone])),
        ("woman", "women", lambda e, _: e.person[gender] == "F"),
        ("man", "men", lambda e, _: e.person[gender] == "M"),
        ("no-gender", "persons without a gender", lambda e, _: not e.person[gender]),
        ("no-id", "requests without an Id", lambda e, _: e.id is None),
        ("id", "requests with an Id", lambda e, _: e.id is not None),
        ("underscore", "last names with an underscore", lambda e, _: "_" in (e.person[last] or "")),
        ("accent", "last names with other than ASCII letters", lambda e, _: not (e.person[last] or "").isascii()),
        ("again", "a person seen before", lambda e, s: s.next(repr(e.person)) > 1),
        ("fifth", "every fifth request", lambda _, s: s.next("unwilling") % 5 == 0),
        ("all", "everybody", lambda _, __: True),
    )
    for number, (name, summary, unwilling) in enumerate(cases):
        refusals = responder if number % 3 == 2 else REFUSALS
        catalogue.bad(
            f"unserved-{name}", "success.status", f"not served: {summary}", unwilling=unwilling, refusals=refusals
        )


def _add_failure_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    add = _add_child("CovidDossierIdentifier", "CV-1")
    last_name = _refusing(Refusal(message="LastName is mandatory"), "last_name")
    bad("refusal-identifier", "failure.identifier", "a refusal has an identifier", reply(add, _is_refusal))
    bad(
        "refusal-identifier-empty",
        "failure.identifier",
        "a refusal has an empty identifier",
        reply(_add_child("CovidDossierIdentifier", ""), _is_refusal),
    )
    bad(
        "last-name-identifier",
        "failure.identifier",
        "the refusal of a missing last name has an identifier",
        tree(lambda root, exchange: None if exchange.person[0] else add(root), _is_refusal),
        refusals=last_name,
    )
    for name, kind in (("mismatch", "requester"), ("last-name", "last_name")):
        for word in ("Responder", "Success"):
            bad(
                f"{name}-{word.lower()}",
                "failure.status",
                f"status {word} and a message for {kind}",
                refusals=_refusing(Refusal(status=word, message="" if kind == "requester" else "No last name"), kind),
            )


def _invent(name: str, text: str) -> Callable[[Element, Exchange], None]:
    """Add a last name where there is none."""

    def repair(payload: Element, _: Exchange) -> None:
        for person in payload.iter("{*}Person"):
            if not has(person, name):
                element = etree.Element(name)
                element.text = text
                person.insert(0, element)

    return repair


def _some_gender(payload: Element, _: Exchange) -> None:
    for element in payload.iter("{*}Gender"):
        element.text = element.text if element.text in ("F", "M") else "F"


def _no_gender(*taken: str) -> Callable[[Element, Exchange], None]:
    """Take some more genders, as if none was given."""

    def repair(payload: Element, _: Exchange) -> None:
        for element in list(payload.iter("{*}Gender")):
            if (element.text or "") in taken:
                drop(payload, "Gender")

    return repair


_ORDER = (
    *("Requester", "PersonIdentifier", "InstitutionIdentifier", "Nihii", "Cbe", "Ssin", "Criteria"),
    *("Person", "LastName", "FirstNames", "Gender", "PhoneNumber"),
)


def _without_unknown(payload: Element, _: Exchange) -> None:
    for element in list(payload.iterdescendants("{*}*")):
        parent = element.getparent()
        if etree.QName(element).localname not in _ORDER and parent is not None:
            parent.remove(element)


def _without_doubles(payload: Element, _: Exchange) -> None:
    for element in list(payload.iterdescendants("{*}*")):
        parent = element.getparent()
        if parent is not None and any(one.tag == element.tag for one in element.itersiblings(preceding=True)):
            parent.remove(element)


def _in_order(payload: Element, _: Exchange) -> None:
    for parent in payload.iter("{*}*"):
        parent[:] = sorted(parent.iterchildren("{*}*"), key=lambda one: _place(etree.QName(one).localname))


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _with_instant(payload: Element, _: Exchange) -> None:
    if payload.get("IssueInstant") is None:
        payload.set("IssueInstant", _utc(datetime.now(UTC)))


def _with_good_instant(payload: Element, _: Exchange) -> None:
    try:
        datetime.fromisoformat(payload.get("IssueInstant", "2022-08-01T00:00:00Z"))
        date_only = "T" not in payload.get("IssueInstant", "T")
    except ValueError:
        date_only = True
    if date_only:
        payload.set("IssueInstant", _utc(datetime.now(UTC)))


def _with_good_id(payload: Element, _: Exchange) -> None:
    if not re.fullmatch(r"[^\W\d][\w.\-]*", payload.get("Id", "_")):
        del payload.attrib["Id"]


def _without_attributes(payload: Element, _: Exchange) -> None:
    for element in payload.iter("{*}*"):
        for name in list(element.attrib):
            if element is not payload or name not in ("Id", "IssueInstant"):
                del element.attrib[name]


def _without_text(payload: Element, _: Exchange) -> None:
    for element in payload.iter("{*}*"):
        element.tail = None
        if len(element):
            element.text = None


def _cut(name: str, length: int) -> Callable[[Element, Exchange], None]:
    def repair(payload: Element, _: Exchange) -> None:
        for element in payload.iter(f"{{*}}{name}"):
            element.text = (element.text or "")[:length]

    return repair


def _fill(name: str) -> Callable[[Element, Exchange], None]:
    def repair(payload: Element, _: Exchange) -> None:
        for element in payload.iter(f"{{*}}{name}"):
            element.text = element.text or "?"

    return repair


def _digits_only(payload: Element, exchange: Exchange) -> None:
    for name, length in (("PersonIdentifier", 11), ("Nihii", 8), ("Cbe", 10)):
        for element in payload.iter(f"{{*}}{name}"):
            element.text = re.sub(r"\D", "", element.text or "").zfill(length)[: max(length, 11)]


def _whatever_identifier(payload: Element, exchange: Exchange) -> None:
    """Take an identifier that has not even the form of one for the caller's own."""
    for name, pattern in (("PersonIdentifier", r"\d{11}"), ("Nihii", r"\d{8}(\d{3})?"), ("Cbe", r"\d{10}")):
        for element in payload.iter(f"{{*}}{name}"):
            if not re.fullmatch(pattern, element.text or "", re.ASCII):
                element.text = exchange.own


def _without_namespaces(payload: Element, _: Exchange) -> None:
    for element in payload.iterdescendants("{*}*"):
        rename(element, etree.QName(element).localname)


def _first_of_choice(payload: Element, _: Exchange) -> None:
    for element in payload.iter("{*}InstitutionIdentifier"):
        del element[1:]


def _any_root(payload: Element, _: Exchange) -> None:
    if etree.QName(payload).localname == REQUEST:
        rename(payload, f"{{{OWN}}}{REQUEST}")


def _everything(payload: Element, exchange: Exchange) -> None:
    for repair in (
        *(_without_unknown, _without_doubles, _in_order, _with_instant, _with_good_instant, _with_good_id),
        *(_without_attributes, _without_text, _cut("LastName", 100), _cut("PhoneNumber", 30), _fill("LastName")),
    ):
        repair(payload, exchange)


def _add_validation_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("last-name-accepted", "last_name", "a missing last name is accepted", repair=_invent("LastName", "unknown"))
    bad(
        "last-name-accepted-with-first",
        "last_name",
        "a missing last name is accepted where there are first names",
        repair=lambda payload, exchange: (
            _invent("LastName", "?")(payload, exchange) if has(payload, "FirstNames") else None
        ),
    )
    bad(
        "last-name-accepted-alone",
        "last_name",
        "a missing last name is accepted where there is nothing else",
        repair=lambda payload, exchange: (
            None if has(payload, "FirstNames") else _invent("LastName", "?")(payload, exchange)
        ),
    )
    bad("gender-accepted", "gender", "any gender is accepted", repair=_some_gender)
    bad("gender-x-accepted", "gender", "X is accepted", repair=_no_gender("X"))
    bad("gender-other-accepted", "gender", "U, V, W, X, O and 1 are accepted", repair=_no_gender(*"UVWXO1"))
    bad("gender-small-accepted", "gender", "f and m are accepted", repair=_no_gender("f", "m"))
    bad("gender-words-accepted", "gender", "words are accepted", repair=_no_gender("female", "male", "Female", "Male"))
    for name, summary, repair in (
        ("unknown-element", "unknown elements", _without_unknown),
        ("doubled-element", "doubled elements", _without_doubles),
        ("order", "elements in any order", _in_order),
        ("instant-absent", "no IssueInstant", _with_instant),
        ("instant-bad", "an IssueInstant that is no date-time", _with_good_instant),
        ("id-bad", "an Id that is no xs:ID", _with_good_id),
        ("attributes", "unknown attributes", _without_attributes),
        ("text", "text beside elements", _without_text),
        ("last-name-long", "a last name of more than 100 characters", _cut("LastName", 100)),
        ("last-name-empty", "an empty last name", _fill("LastName")),
        ("phone-long", "a phone number of more than 30 characters", _cut("PhoneNumber", 30)),
        ("punctuation", "identifiers with punctuation", _digits_only),
        ("identifier-form", "identifiers of any form, as the caller's own", _whatever_identifier),
        ("qualified", "qualified elements", _without_namespaces),
        ("choice", "a NIHII and a CBE number at once", _first_of_choice),
        ("root", "a request in any namespace", _any_root),
        ("nothing", "almost whatever the schema forbids", _everything),
    ):
        bad(f"xsd-{name}", "xsd", f"accepted: {summary}", repair=repair)


def _child(root: Element, name: str, text: str | None) -> None:
    element = find(root, name)
    if text is None:
        drop(root, name)
    else:
        element.text = text


def _add_fault_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    rule = "fault.structure"
    bad("fault-code-qualified", rule, "Code is qualified", fault(_requalify("Code")))
    bad("fault-origin-qualified", rule, "Origin is qualified", fault(_requalify("Origin")))
    bad("fault-all-qualified", rule, "all is qualified", fault(_requalify("Origin", "Code", "Message")))
    bad("fault-environment-unqualified", rule, "Environment is not qualified", fault(_bare("Environment")))
    bad("fault-error-unqualified", rule, "SystemError is not qualified", fault(_bare("SystemError")))
    for name in ("Code", "Message", "Origin", "Environment", "SystemError", "detail", "faultcode", "faultstring"):
        bad(f"fault-no-{name.lower()}", rule, f"no {name}", fault(lambda root, name=name: drop(root, name)))  # type: ignore[misc]
    for word in ("Acceptance", "ACC", "", "test"):
        name = word.lower() if word != "test" else "small"
        layer = _set_text("Environment", word, _is_fault)
        bad(f"fault-environment-{name or 'empty'}", rule, f"Environment is {word!r}", layer)
    other = ERRORS.replace("v1", "v2")
    bad(
        "fault-error-v2",
        rule,
        "the error is in another namespace",
        recode(lambda t: t.replace(ERRORS, other), _is_fault),
    )
    bad("fault-error-name", rule, "the error is a SystemFault", fault(_error_name(f"{{{ERRORS}}}SystemFault")))
    bad("fault-error-order", rule, "Code stands before Origin", fault(_code_first))
    bad("fault-error-extra", rule, "the error has an element more", fault(_error_extra))
    bad("fault-retry-word", rule, "Retry is no boolean", fault(_bad_retry))
    bad("fault-detail-text", rule, "detail is a text", fault(_detail_text))
    bad("fault-detail-qualified", rule, "detail is qualified", fault(_in_soap("detail")))
    bad("fault-faultcode-qualified", rule, "faultcode is qualified", fault(_in_soap("faultcode", "faultstring")))
    bad(
        "fault-faultcode-unbound",
        rule,
        "faultcode has a prefix nobody binds",
        _set_text("faultcode", "x:Client", _is_fault),
    )
    bad("fault-soap12", rule, "the fault is built as in SOAP 1.2", fault(_soap_12))
    bad("fault-two-children", rule, "a response beside the fault", fault(_with_response))
    bad(
        "fault-other-namespace",
        rule,
        "the Fault is in no namespace",
        fault(lambda r: rename(find(r, "Fault"), "Fault")),
    )
    rule = "fault.code"
    for code in ("SOA-02001", "SOA-02002", "SOA-01001", "SOA-01002", "SOA-03003", "SOA-09999", "XSD-1", "03006"):
        refusals = _refusing(Refusal(code), "last_name")
        bad(f"last-name-{code.lower()}", rule, f"a missing last name gets {code}", refusals=refusals)
    for code in ("SOA-02001", "SOA-03002", "SOA-09999"):
        refusals = _refusing(Refusal(code), "requester")
        bad(f"mismatch-{code.lower()}", rule, f"a wrong requester gets {code}", refusals=refusals)
    for name, text in (("unknown", "SOA-00042"), ("small", "soa-03006"), ("short", "SOA-3006"), ("empty", "")):
        bad(f"fault-code-{name}", rule, f"all faults have code {text!r}", _set_text("Code", text, _is_fault))
    bad("schema-02001", rule, "XSD errors get SOA-02001", refusals=_refusing(Refusal("SOA-02001"), "schema", "gender"))
    for word in ("Provider", "Client", "", "eHealth"):
        name = word.lower() or "empty"
        bad(f"fault-origin-{name}", "fault.origin", f"Origin is {word!r}", _set_text("Origin", word, _is_fault))


def _requalify(*names: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        for name in names:
            rename(find(find(root, "SystemError"), name), f"{{{ERRORS}}}{name}")

    return change


def _bare(name: str) -> Callable[[Element], None]:
    return lambda root: rename(find(root, name), name)


def _in_soap(*names: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        for name in names:
            rename(find(root, name), f"{{{SOAP}}}{name}")

    return change


def _error_name(name: str) -> Callable[[Element], None]:
    return lambda root: rename(find(root, "SystemError"), name)


def _code_first(root: Element) -> None:
    find(root, "SystemError").insert(0, find(root, "Code"))


def _error_extra(root: Element) -> None:
    urn = etree.Element("urn")
    urn.text = "urn:be:fgov:ehealth:errors"
    find(root, "Code").addnext(urn)


def _bad_retry(root: Element) -> None:
    retry = etree.Element("Retry")
    retry.text = "no"
    find(root, "Message").addnext(retry)


def _detail_text(root: Element) -> None:
    detail = find(root, "detail")
    drop(detail, "SystemError")
    detail.text = "SOA-03006"


def _soap_12(root: Element) -> None:
    element = find(root, "Fault")
    text, error = find(root, "faultstring").text, find(root, "SystemError")
    del element[:]
    code = etree.SubElement(element, f"{{{SOAP}}}Code")
    etree.SubElement(code, f"{{{SOAP}}}Value").text = "soapenv:Sender"
    etree.SubElement(etree.SubElement(element, f"{{{SOAP}}}Reason"), f"{{{SOAP}}}Text").text = text
    etree.SubElement(element, f"{{{SOAP}}}Detail").append(error)


def _with_response(root: Element) -> None:
    response = etree.SubElement(find(root, "Body"), f"{{{OWN}}}{RESPONSE}")
    response.set("Id", fresh_id())
    response.set("IssueInstant", _utc(datetime.now(UTC)))
    code = etree.SubElement(etree.SubElement(response, f"{{{CORE}}}Status"), f"{{{CORE}}}StatusCode")
    code.set("Value", STATUS + "Responder")


def _add_requester_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    rows = ("person", "person_nihii", "nihii", "nihii_cbe", "cbe")
    for row in rows:
        bad(f"accepts-{row.replace('_', '-')}", f"requester.{row}", f"row {row} is not known", objects=_blind(row))
    values = ("person", "nihii", "cbe")
    for row in values:
        rule = f"requester.{row}"
        prefix = _same_if(row, lambda value, own: value[:4] == own[:4])
        bad(f"{row}-prefix", rule, "only the first four digits are compared", objects=prefix)
        bad(f"{row}-length", rule, "only the length is compared", objects=_same_if(row, lambda v, o: len(v) == len(o)))
        suffix = _same_if(row, lambda value, own: value[-2:] == own[-2:] or value == own)
        bad(f"{row}-check-digits", rule, "equal check digits are enough", objects=suffix)
        bad(f"{row}-sorted", rule, "digits in any order", objects=_same_if(row, lambda v, o: sorted(v) == sorted(o)))
        first = _only_when(row, lambda _, state: state.next("mismatch") % 2 == 1)
        bad(f"{row}-second-accepted", rule, "every second mismatch is accepted", objects=first)
    bad(
        "person-with-institution",
        "requester.person",
        "compared only where there is an institution as well",
        objects=_only_when("person", lambda e, _: e.nihii is not None or e.cbe is not None),
    )
    bad(
        "person-nihii-with-person",
        "requester.person_nihii",
        "a NIHII is refused only where there is no person",
        objects=_only_when("person_nihii", lambda e, _: e.ssin is None),
    )
    bad(
        "nihii-cbe-own-unknown",
        "requester.nihii_cbe",
        "a CBE number is refused only where it begins with 1",
        objects=_only_when("nihii_cbe", lambda e, _: (e.cbe or "").startswith("1")),
    )
    bad(
        "cbe-enterprises-only",
        "requester.cbe",
        "compared for EHP institutions only",
        objects=_only_when("cbe", lambda e, _: e.kind == EHP),
    )
    bad(
        "cbe-hubs-accepted",
        "requester.cbe",
        "compared for CBE institutions only",
        objects=_only_when("cbe", lambda e, _: e.kind == CBE),
    )
    bad(
        "person-with-first-names",
        "requester.person",
        "compared only where there are no first names",
        objects=_only_when("person", lambda e, _: not e.person[1]),
    )
    owns: tuple[tuple[str, Callable[[Exchange], str | None]], ...] = (
        ("person", lambda e: e.ssin if e.kind == PERSON else None),
        ("nihii", lambda e: e.nihii),
        ("cbe", lambda e: e.cbe if e.kind == CBE else None),
        ("ehp", lambda e: e.cbe if e.kind == EHP else None),
    )
    for name, value in owns:
        bad(f"own-{name}-refused", "requester.own", f"the right one is refused: {name}", objects=_refuses_own(value))
    bad("none-refused", "requester.none", "a request without a requester is refused", objects=_also("none", _has_none))
    for kind in (PERSON, NIHII, CBE):
        bad(
            f"none-refused-{kind.partition('_')[0]}",
            "requester.none",
            f"the same, for {kind}",
            objects=_also("none", lambda e, kind=kind: e.kind == kind and _has_none(e)),  # type: ignore[misc]
        )
    bad(
        "message-missing",
        "requester.message",
        "no StatusMessage",
        reply(lambda r: drop(r, "StatusMessage"), _is_refusal),
    )
    bad("message-empty", "requester.message", "an empty StatusMessage", _set_text("StatusMessage", "", _is_refusal))
    bad("message-blank", "requester.message", "a blank StatusMessage", _set_text("StatusMessage", " \n", _is_refusal))
    for row in rows:
        table = {**_TABLE_2, row: ""}
        bad(f"message-missing-{row.replace('_', '-')}", "requester.message", f"none for row {row}", table=table)


def _refuses_own(value: Callable[[Exchange], str | None]) -> Objects:
    return _also("own", lambda exchange: value(exchange) == exchange.own)


def _has_none(exchange: Exchange) -> bool:
    return exchange.ssin is None and exchange.nihii is None and exchange.cbe is None


# ------------------------------------------------------------------------------------------------------- borderline


def _add_borderline(catalogue: _Catalogue) -> None:
    maybe, doubtful = catalogue.perhaps_good, catalogue.perhaps_bad
    maybe(
        "person-cbe-accepted",
        "requester.person_nihii",
        "a person may name a CBE institution: Table 2 forbids a NIHII only",
        objects=_blind("person_cbe"),
    )
    maybe(
        "cbe-nihii-accepted",
        "requester.cbe",
        "a CBE institution may name a NIHII: Table 2 is silent",
        objects=_blind("cbe_nihii"),
    )
    maybe(
        "other-person-refused",
        "requester.person",
        "an institution may not name a person: 5.2.2.1 allows it, row 1 of Table 2 may not",
        objects=_also("other_person", lambda e: e.kind != PERSON and e.ssin is not None),
    )
    maybe(
        "nihii-eight-digits",
        "requester.nihii",
        "a NIHII of 11 digits is compared by its first eight",
        objects=_same_if("nihii", lambda value, own: value[:8] == own[:8]),
    )
    maybe(
        "mismatch-own-words",
        "requester.message",
        "the message is one word",
        _set_text("StatusMessage", "Error", _is_refusal),
    )
    for code in ("SOA-00001", "SOA-01001", "SOA-03001", "SOA-03006"):
        refusals = _refusing(Refusal(code), "requester")
        maybe(f"mismatch-{code.lower()}", "fault.code", f"a wrong requester gets a fault {code}", refusals=refusals)
    maybe(
        "last-name-00001",
        "fault.code",
        "a missing last name gets SOA-00001, the default error",
        refusals=_refusing(Refusal("SOA-00001"), "last_name"),
    )
    maybe(
        "last-name-03004",
        "fault.code",
        "a missing last name gets SOA-03004, WS-I failure",
        refusals=_refusing(Refusal("SOA-03004"), "last_name"),
    )
    maybe(
        "shared-names",
        "response.identifier_shared",
        "people of the same names get the same identifier, whatever their gender and phone number",
        identifier=lambda e, _: _hashed(e.person[:2]),
    )
    maybe(
        "shared-letters",
        "response.identifier_shared",
        "small and capital letters of names make no difference",
        identifier=lambda e, _: _hashed([(part or "").casefold() for part in e.person]),
    )
    maybe("success-201", "response.http_status", "a success has status 201", status(201, _is_success))
    doubtful("success-202", "response.http_status", "a success has status 202", status(202, _is_success))
    doubtful("media-none", "response.media_type", "no content type", answer(lambda s, _: s.headers.pop("Content-Type")))
    doubtful(
        "latin-1",
        "response.envelope",
        "ISO-8859-1, which WS-I forbids",
        header("Content-Type", "text/xml; charset=iso-8859-1"),
        recode(lambda t: t.replace("UTF-8", "ISO-8859-1").encode("iso-8859-1", "xmlcharrefreplace"), _is_any),
    )
    doubtful(
        "charset-wrong",
        "response.media_type",
        "the charset is utf-16, the declaration and the bytes are UTF-8",
        header("Content-Type", "text/xml; charset=utf-16"),
    )
    doubtful(
        "processing-instruction",
        "response.envelope",
        "a processing instruction, which WS-I forbids",
        recode(lambda text: text.replace("<soapenv:Body>", "<?peer here?><soapenv:Body>"), _is_any),
    )
    doubtful("id-echo", "response.id_unique", "Id is that of the request", _attribute("Id", lambda o, e: e.id or o))
    doubtful(
        "in-response-to-invented",
        "response.in_response_to",
        "InResponseTo where the request had no Id",
        _attribute("InResponseTo", lambda old, _: old or "unknown"),
    )
    doubtful(
        "in-response-to-blank",
        "response.in_response_to",
        "an empty InResponseTo where the request had no Id",
        _attribute("InResponseTo", lambda old, _: old or ""),
    )
    doubtful("instant-local", "response.issue_instant", "no offset", stamp=_stamped(0, "%Y-%m-%dT%H:%M:%S"))
    doubtful(
        "instant-ten-minutes",
        "response.issue_instant",
        "the clock is ten minutes slow",
        stamp=lambda moment: _utc(moment - timedelta(minutes=10)),
    )
    maybe("status-spaces", "response.status", "white space around the code", _code(lambda old: f" {old}\n", _is_reply))
    doubtful(
        "cbss-on-success",
        "cbss.value",
        "a success has a CbssStatus NOK",
        _cbss("NOK", "MSG00008", _is_success),
    )
    doubtful("fault-origin-small", "fault.origin", "Origin is consumer", _set_text("Origin", "consumer", _is_fault))
    maybe("faultcode-own", "fault.structure", "faultcode soapenv:XSD", _set_text("faultcode", "soapenv:XSD", _is_fault))
    doubtful("faultcode-bare", "fault.structure", "faultcode Client", _set_text("faultcode", "Client", _is_fault))
    doubtful(
        "identifier-last-name",
        "response.identifier",
        "the identifier contains the last name",
        identifier=lambda e, s: f"{_dossier(e, s)}-{e.person[0]}",
    )
    maybe(
        "last-name-one-letter",
        "success.status",
        "a last name of one letter is not served",
        unwilling=lambda e, _: len(e.person[0] or "") < 2,
        refusals=_refusing(Refusal("SOA-03007"), "unwilling"),
    )
    maybe(
        "last-name-blank",
        "last_name",
        "a last name of white space gets SOA-03007",
        unwilling=lambda e, _: not e.person[0],
        refusals=_refusing(Refusal("SOA-03007"), "unwilling"),
    )
    maybe(
        "soap12-client",
        "accepted.soap12",
        "an envelope of SOAP 1.2 gets a fault Client, not VersionMismatch",
        _set_text("faultcode", "soapenv:Client", _is_version),
    )
    maybe(
        "method-page",
        "http.method",
        "GET gets a page which says that this is a web service, with status 200",
        refusals=_refusing(Refusal(make=lambda: _html(200)), "method.GET"),
    )
    maybe(
        "tracing-01002",
        "success.status",
        "without User-Agent and From, which SHOULD be there, SOA-01002",
        overlook=OVERLOOKED - {"tracing"},
        refusals=_refusing(Refusal("SOA-01002"), "tracing"),
    )


def _is_version(said: Said) -> bool:
    return _is_fault(said) and (find(said.document, "faultcode").text or "").endswith(":VersionMismatch")


# ------------------------------------------------------------------------------------------------ services too lax


def _add_lax(catalogue: _Catalogue) -> None:
    lax = catalogue.trusting
    hour = timedelta(hours=1)
    lax("missing", "missing", "a message without a Security header", "security.missing")
    lax("missing-empty", "missing", "an empty Security header", "security.empty")
    lax("no-assertion", "no_assertion", "a message without an assertion", "security.assertion.missing")
    lax("no-assertion-x509", "no_assertion", "a certificate in the place of the assertion", "no_assertion.x509")
    lax("no-signature", "no_signature", "a message without a signature", "security.signature.missing")
    lax("body-altered", "body_altered", "a body that was altered", "digest.body")
    lax("timestamp-altered", "timestamp_altered", "a timestamp that was altered", "digest.timestamp")
    lax("assertion-digest", "assertion_altered", "an altered assertion whose digest is wrong", "assertion.digest")
    lax("assertion-value", "assertion_altered", "an altered assertion whose digest is right", "assertion.value")
    lax("assertion-unsigned", "assertion_altered", "an assertion without a signature", "assertion.unsigned")
    lax("assertion-unchecked", "assertion_altered", "any assertion at all", "assertion.unchecked")
    lax("value", "signature_value", "a signature with a wrong value", "security.value")
    lax("value-empty", "signature_value", "a signature with an empty value", "value.empty")
    lax("body-unsigned", "body_unsigned", "a body that is not signed", "security.body")
    lax("timestamp-unsigned", "timestamp_unsigned", "a timestamp that is not signed", "security.timestamp.unsigned")
    lax("timestamp-expired", "timestamp_expired", "a message of last week", "security.timestamp.expired")
    lax("timestamp-expired-hour", "timestamp_expired", "a message of half an hour ago", late=hour)
    lax("timestamp-future", "timestamp_future", "a message of next week", "security.timestamp.future")
    lax("timestamp-future-hour", "timestamp_future", "a message of half an hour hence", early=hour)
    lax("timestamp-missing", "timestamp_missing", "a message without a timestamp", "security.timestamp.missing")
    lax("transform-unknown", "transforms", "unknown transforms are ignored", "transforms.unknown")
    lax("transform-xpath", "transforms", "an XPath filter is executed", "transforms.xpath")
    lax("transform-xpath-ignored", "transforms", "an XPath filter is ignored", "transforms.xpath_ignored")
    lax("transform-xslt", "transforms", "XSLT is executed", "transforms.xslt")
    lax("transform-xslt-ignored", "transforms", "XSLT is ignored", "transforms.xslt_ignored")
    lax("external", "external_reference", "one more reference, to something else", "reference.external")
    lax("external-covers", "external_reference", "a reference elsewhere for the body", "reference.external_covers")
    lax("external-fetched", "external_reference", "a reference elsewhere, which is followed", "reference.fetch")
    lax("whole-document", "whole_document", "a reference to all, whatever its digest", "reference.whole")
    lax("several-headers-first", "several_headers", "a second Security header", "headers.first")
    lax("several-headers-last", "several_headers", "a Security header before the right one", "headers.last")
    lax("two-assertions-first", "two_assertions", "a second assertion", "assertions.first")
    lax("two-assertions-last", "two_assertions", "an assertion before the right one", "assertions.last")
    lax("two-assertions-mixed", "two_assertions", "the key of one, the caller of the other", "assertions.mixed")


def _add_lax_about_keys(catalogue: _Catalogue) -> None:
    lax = catalogue.trusting
    lax("foreign-key-x509", "foreign_key", "the key of a certificate in KeyInfo", "key.x509")
    lax("foreign-key-value", "foreign_key", "the key of a KeyValue in KeyInfo", "key.value")
    lax("foreign-key-token", "foreign_key", "the key of a BinarySecurityToken", "key.token")
    lax("foreign-key-offered", "foreign_key", "any of these three", "key.x509", "key.value", "key.token")
    lax("foreign-key-known", "foreign_key", "the key of another caller it knows", "key.known")
    lax("foreign-issuer", "foreign_issuer", "an assertion of an issuer of whom nobody knows", "issuer.any")
    lax("foreign-issuer-ca", "foreign_issuer", "an assertion by any certificate of the authority", "issuer.ca")
    lax("foreign-issuer-name", "foreign_issuer", "an assertion by anybody of the issuer's name", "issuer.name")
    lax("weak-hmac", "weak_hmac", "an HMAC with a key from the message", "hmac.message")
    lax("weak-hmac-truncated", "weak_hmac", "an HMAC that was cut to nothing", "hmac.truncated")
    lax("key-info", "key_info", "any KeyInfo, or none", "security.pointer")
    lax("key-info-absent", "key_info", "a signature without KeyInfo", "key_info.absent")
    lax("key-info-other", "key_info", "KeyInfo which points elsewhere", "key_info.other")


def _add_wrapped(catalogue: _Catalogue) -> None:
    lax = catalogue.trusting
    lax("wrapping-anywhere", "wrapping_header", "the signed body may be anywhere", "wrapping.anywhere")
    lax("wrapping-security", "wrapping_header", "it may be in the Security header", "wrapping.security")
    lax("wrapping-header", "wrapping_assertion", "it may be in another header", "wrapping.header")
    lax("wrapping-assertion", "wrapping_assertion", "it may be in the assertion", "wrapping.assertion")
    lax("wrapping-forged", "wrapping_assertion", "the assertion that is verified may be anywhere", "wrapping.forged")
    lax("doubled-body-first", "wrapping_doubled_body", "of two bodies the last is verified", "bodies.first")
    lax("doubled-body-last", "wrapping_doubled_body", "of two bodies the first is verified", "bodies.last")
    lax("doubled-ids-first", "wrapping_doubled_ids", "the first with an Id is verified", "ids.first")
    lax("doubled-ids-last", "wrapping_doubled_ids", "the last with an Id is verified", "ids.last")
    lax("wrapping-timestamp", "wrapping_timestamp", "the signed timestamp may be anywhere", "wrapping.timestamp")
    lax("doubled-timestamp-first", "wrapping_timestamp", "of two the last is verified", "timestamps.first")
    lax("doubled-timestamp-last", "wrapping_timestamp", "of two the first is verified", "timestamps.last")


def _add_unprovokable(catalogue: _Catalogue) -> None:
    lax = catalogue.gullible
    lax("assertion-expired", "assertion_expired", "an assertion of last week", "security.assertion.expired")
    lax("assertion-future", "assertion_future", "an assertion of next week", "security.assertion.future")
    lax("method-bearer", "methods", "the confirmation method bearer", "methods.bearer")
    lax("method-sender-vouches", "methods", "the confirmation method sender-vouches", "methods.sender-vouches")


def _add_tolerated(catalogue: _Catalogue) -> None:
    noted = catalogue.noted
    noted("replay-accepted", "replay", "a message that comes again is served again", replays=True)
    noted("sha1-accepted", "sha1", "digests and signatures with SHA-1 will do", "sha1")
    noted("lifetime-accepted", "long_lifetime", "a message may live as long as it likes", longest=None)
    noted("tolerance-none", "tolerance", "a message may be late by one minute only", late=_MINUTE)
    noted("tolerance-none-early", "tolerance", "a message may be early by one minute only", early=_MINUTE)
    noted(
        "whole-document-checked",
        "whole_document",
        "one reference to the whole message will do, if its digest is right",
        "reference.whole_checked",
    )


# ------------------------------------------------------------------------------------------- services that are clumsy


def _traceback() -> Answer:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/srv/dossiers/service.py", line 214, in handle\n'
        "    envelope = read(request.body)\n"
        "lxml.etree.XMLSyntaxError: not well-formed\n"
    )
    return plain_text(500, text)


def _pages(*codes: int) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Give pages which are no faults."""
    for code in codes:
        yield f"html-{code}", lambda code=code: _html(code)  # type: ignore[misc]
        yield f"json-{code}", lambda code=code: _json(code)  # type: ignore[misc]


# By the last word of a field: the kind of what is malformed, and what to call it.
_MALFORMED: Mapping[str, tuple[str, str]] = {
    "not_soap": ("soap.root", "XML that is not SOAP"),
    "no_body": ("soap.body", "an envelope without a body"),
    "empty_body": ("wsdl.empty", "an empty body"),
    "operation": ("wsdl.operation", "an unknown operation"),
    "dtd": ("wsi.doctype", "a document type declaration"),
    "action": ("action", "a wrong SOAPAction"),
}


def _add_no_faults(catalogue: _Catalogue) -> None:
    inept = catalogue.inept
    for name, make in (
        ("html-200", lambda: _html(200)),
        ("empty-500", lambda: Answer(500)),
        ("html-500", lambda: _html(500)),
        ("traceback-500", _traceback),
        ("empty-200", lambda: Answer(200)),
    ):
        refusals = _refusing(Refusal(make=make), "xml")
        inept(f"malformed-{name}", "not_fault.malformed", f"{name} for ill-formed XML", refusals=refusals)
    for field_, (kind, summary) in _MALFORMED.items():
        for page, make in (*_pages(400, 500), ("traceback-500", _traceback)):
            refusals = _refusing(Refusal(make=make), kind)
            name = f"{field_.replace('_', '-')}-{page}"
            inept(name, f"not_fault.{field_}", f"{page} for {summary}", refusals=refusals)


def _add_accepting(catalogue: _Catalogue) -> None:
    inept = catalogue.inept
    served = Refusal(served=True)
    for field_ in ("not_soap", "empty_body", "operation", "no_body"):
        kind, summary = _MALFORMED[field_]
        name = f"{field_.replace('_', '-')}-served"
        inept(name, f"accepted.{field_}", f"a success for {summary}", refusals=_refusing(served, kind))
    for end in ("first", "last"):
        overlook = OVERLOOKED | {f"children.{end}"}
        inept(
            f"second-child-{end}", "accepted.second_child", f"of several children the {end} counts", overlook=overlook
        )
    inept(
        "dtd-processed",
        "accepted.dtd",
        "a document type declaration is read and its entities are expanded",
        overlook=OVERLOOKED | {"wsi.doctype"},
    )
    inept("soap12-served", "accepted.soap12", "SOAP 1.2 is as good as SOAP 1.1", overlook=OVERLOOKED | {"soap.version"})


def _add_methods(catalogue: _Catalogue) -> None:
    inept = catalogue.inept
    inept(
        "any-media-served", "http.media_type", "XML is served whatever its media type", overlook=OVERLOOKED | {"media"}
    )
    inept(
        "json-media-served",
        "http.media_type",
        "XML is served if it is called application/json",
        overlook=OVERLOOKED | {"media.json"},
    )
    for kind in ("media", "method"):
        for name, make in (("traceback-500", _traceback), ("html-500", lambda: _html(500))):
            refusals = _refusing(Refusal(make=make), kind)
            field_ = "http.media_type" if kind == "media" else "http.method"
            inept(f"{kind}-{name}", field_, f"{name} for another {kind}", refusals=refusals)
    served = Refusal(served=True)
    inept("get-served", "http.method", "GET gets a success", refusals=_refusing(served, "method.GET"))
    inept("method-served", "http.method", "any method gets a success", refusals=_refusing(served, "method"))
    inept("put-served", "http.method", "PUT is as good as POST", overlook=OVERLOOKED | {"method.PUT"})


_CATALOGUE = _Catalogue()
_CATALOGUE.good("plain", "as the cookbook has it")
for _part in (
    *(_add_contracts, _add_refusals, _add_readings, _add_forms, _add_values, _add_faults),
    *(_add_http_defects, _add_envelope_defects, _add_schema_defects, _add_attribute_defects, _add_status_defects),
    *(_add_sharing_defects, _add_unwilling_defects, _add_failure_defects, _add_validation_defects),
    *(_add_fault_defects, _add_requester_defects, _add_borderline),
    *(_add_lax, _add_lax_about_keys, _add_wrapped, _add_unprovokable, _add_tolerated),
    *(_add_no_faults, _add_accepting, _add_methods),
):
    _part(_CATALOGUE)

VARIANTS: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.certain)
BORDERLINE: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.borderline)
LAX: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.lax)
UNPROVOKABLE: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.unprovokable)
CLUMSY: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.clumsy)
TOLERATED: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.tolerated)


def serve(name: str) -> AbstractContextManager[dict[str, Any]]:
    """Serve a variant on a free port of loopback; the context gives the section of a target file."""
    return _CATALOGUE.serve(name)


def contract_of(name: str) -> Contract:
    """Give the contract of a variant, for a client that wants to write a request."""
    return _CATALOGUE.contract(name)


@contextlib.contextmanager
def _serve_printed(name: str, port: int) -> Iterator[str]:
    with _CATALOGUE.serve(name, port) as section:
        yield json.dumps(section, indent=2)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [*VARIANTS, *BORDERLINE, *LAX, *UNPROVOKABLE, *CLUMSY, *TOLERATED]
    by_hand(names, _CATALOGUE.lines(), _serve_printed)
