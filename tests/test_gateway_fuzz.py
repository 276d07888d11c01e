"""A fuzzer against the local platform's gateway and service, in this process, without sockets.

Each kind of mutation starts from messages that are right and sends at least a million bytes, the same at each run but
for keys and ids. Whatever comes is answered as SOAP or HTTP has it, and nothing is served but what somebody has signed.
"""

import asyncio
import base64
import copy
import random
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from conformance.checks import soap_request
from conformance.checks.secured_request import CHECKS, name_of
from conformance.checks.soap_request import Check, ExpectedRequest
from conformance.contracts.loading import load_spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats.schemas import specs_root
from conformance.mock import dossier_number_generation as module
from conformance.mock import gateway, platform
from conformance.mock.authority import KeyKind
from conformance.mock.gateway import Accepted, Endpoint, Gateway
from conformance.mock.sts import ISSUER
from conformance.soap.markup import Element, canonical, parse, serialise, text
from conformance.soap.names import DS, ENVELOPED, EXCLUSIVE, SAML, SHA256, SOAP, SOAP12, WSSE, WSU, XML
from conformance.soap.security import wss
from conformance.soap.security.saml import Assertion, read_element
from conformance.soap.xsd.collecting import read_schema
from conformance.soap.xsd.contract import read_value
from tests.signing import BODY, HEADER, NOW, OPERATION, SECURITY, TIMESTAMP, contract, message, part, security, tokens

BYTES = 1_000_000
"""How much each kind of mutation sends at least."""
REFUSALS = frozenset({400, 405, 415})
"""By HTTP alone, as the matrix of broken messages allows it."""
SPEC = load_spec("dossier-number-generation")
ERRORS = read_schema(specs_root() / "common" / "xsd" / "errors-soa-v1.xsd", bundled_schemas())
FIELDS = {"content-type": "text/xml; charset=UTF-8", "soapaction": f'"{contract().operations[OPERATION].action}"'}
MESSAGES = tuple(
    serialise(one)
    for one in (
        message(),
        message(last_name="WOLKENVELD", created=NOW - timedelta(minutes=2)),
        message(KeyKind.RSA, last_name="ANOTHER"),
        message(KeyKind.P384),
    )
)
"""What a mutation starts from."""


def _core(root: Element, assertion: Assertion) -> tuple[bytes, bytes, Assertion]:
    """Return what has to be as it was signed: Body, Timestamp, and what the assertion says."""
    stamps = list(root.iter(TIMESTAMP))
    assert stamps == [part(security(root), TIMESTAMP)]
    return canonical(part(root, BODY)), canonical(stamps[0]), replace(assertion, data=b"")


def _own_core(data: bytes) -> tuple[bytes, bytes, Assertion]:
    root = parse(data)
    return _core(root, read_element(part(security(root), wss.ASSERTION), b""))


SIGNED = [_own_core(data) for data in MESSAGES]


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent over HTTP."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: FIELDS)
    method: str = "POST"


@dataclass(slots=True)
class Door:
    """The service behind its gateway; `passed` is what the gateway has let pass."""

    loop: asyncio.Runner
    checks: tuple[Check, ...] = CHECKS
    passed: list[Accepted] = field(default_factory=list)
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        operations = tuple(contract().operations.values())
        trusted = (tokens().credential.certificate,)
        expected = ExpectedRequest(operations, contract().problems, trusted, ISSUER)
        own = Gateway(expected, lambda: NOW, self.checks)
        answer = gateway.answering(own, self._serve, lambda problem: gateway.error_fault(SPEC.contract.errors, problem))
        refusal = {HTTPException: platform._refusal}
        self.app = Starlette(routes=[Route(module.PATH, Endpoint(answer))], exception_handlers=refusal)

    def _serve(self, accepted: Accepted) -> bytes:
        self.passed.append(accepted)
        return module.generate_covid_id(accepted)

    def send(self, sent: Sent) -> str:
        """Send a message, hold the answer against what it may be, and return what it is."""
        self.passed.clear()
        status, kind, body = self.loop.run(self._exchange(sent))
        if not kind.startswith("text/xml"):
            assert status in REFUSALS
            assert self.passed == []
            return f"HTTP {status}"
        if self.passed:
            self._demand_signed()
        root = parse(body)
        [content] = part(root, BODY)
        if content.tag == f"{{{SOAP}}}Fault":
            assert status == 500
            return _fault_code(content)
        assert status == 200
        assert contract().problems(content) == []
        assert len(self.passed) == 1
        return (read_value(content, ("Status", "StatusCode", "@Value")) or "").rpartition(":")[2]

    def _demand_signed(self) -> None:
        """Demand that what has passed is what somebody has signed."""
        [accepted] = self.passed
        body = accepted.request.getparent()
        assert body is not None
        root = body.getparent()
        assert root is accepted.request.getroottree().getroot()
        assert body is part(root, BODY)
        assert accepted.assertion is not None
        assert _core(root, accepted.assertion) in SIGNED, "what has passed was not signed so"

    async def _exchange(self, sent: Sent) -> tuple[int, str, bytes]:
        answers: list[MutableMapping[str, Any]] = []
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.headers.items()]
        scope = {"type": "http", "method": sent.method, "path": module.PATH, "query_string": b"", "headers": headers}

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": sent.body, "more_body": False}

        async def send(event: MutableMapping[str, Any]) -> None:
            answers.append(event)

        await self.app(scope, receive, send)
        kind = dict(answers[0]["headers"]).get(b"content-type", b"").decode("latin-1")
        return answers[0]["status"], kind, b"".join(one.get("body", b"") for one in answers[1:])


def _fault_code(fault: Element) -> str:
    """Return the code of a fault as the platform writes it; something that was not foreseen is none."""
    error = part(fault, "detail")[0]
    assert ERRORS.problems(error) == []
    code = error.findtext("Code", "")
    assert code in SPEC.contract.errors
    assert code != soap_request.UNFORESEEN, error.findtext("Message")
    return code


@pytest.fixture(scope="module", name="door")
def _door() -> Iterator[Door]:
    with asyncio.Runner() as loop:
        yield Door(loop)


# Bytes

TOKENS = (
    *(
        b"<",
        b">",
        b"</",
        b"/>",
        b"&",
        b"&amp;",
        b"&#0;",
        b"&#x1F600;",
        b"&#xD800;",
        b"&nothing;",
        b"&lt;a/&gt;",
        b"]]>",
    ),
    *(b"<!--", b"-->", b"<!-- -- -->", b"<?a b?>", b"<?xml?>", b'<?xml version="1.1"?>', b"<![CDATA[", b"<![CDATA[]]>"),
    *(
        b"\0",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x1b",
        b"\x7f",
    ),
    *(
        b"<a>" * 300,
        b"<a>" * 300 + b"</a>" * 300,
        b' xmlns=""',
        b' xmlns:a="a"',
        b' xml:id="a"',
        b" \t\r\n",
        b"A" * 5000,
    ),
    *(b"'", b'"', b"\xe2\x80\xa8", b"\xc2\x85", b"<!DOCTYPE a>", b'<!ENTITY a "b">', b"%a;", b"xmlns:xmlns='a'"),
)


def _slice(chance: random.Random, data: bytes, longest: int = 400) -> tuple[int, int]:
    begin = chance.randrange(len(data) + 1)
    return begin, min(len(data), begin + chance.randrange(1, longest))


def _flip(chance: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _delete(chance: random.Random, data: bytes) -> bytes:
    begin, end = _slice(chance, data)
    return data[:begin] + data[end:]


def _insert(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]


def _insert_token(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(TOKENS) + data[at:]


def _double(chance: random.Random, data: bytes) -> bytes:
    begin, end = _slice(chance, data)
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[begin:end] + data[at:]


def _swap(chance: random.Random, data: bytes) -> bytes:
    first, second, third, fourth = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    return data[:first] + data[third:fourth] + data[second:third] + data[first:second] + data[fourth:]


def _truncate(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


Mutation = Callable[[random.Random, bytes], bytes]
OF_BYTES: Sequence[Mutation] = (_flip, _delete, _insert, _insert_token, _double, _swap, _truncate)


def _bytes(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(OF_BYTES)(chance, data)
    return data


# Markup: what a parser sees between tags, in texts and in values


_BETWEEN, _TEXT, _VALUE = rb"(?<=>)(?=<)", rb"(?<=>)[^<>]+(?=<)", rb'(?<==")[^"]*'


def _place_in(chance: random.Random, data: bytes, *patterns: bytes) -> tuple[int, int]:
    """Return where something begins and ends that fits one of some patterns."""
    found = [one.span() for one in re.finditer(chance.choice(patterns), data)]
    return chance.choice(found or [(0, 0)])


_PLAIN = (b"<!-- -->", b" ", b"\n", b"<![CDATA[]]>", b"<![CDATA[ ]]>", b"<?a?>", b"text", b"&#32;", b"<a/>", b"&#65;")


def _put(data: bytes, place: tuple[int, int], instead: bytes) -> bytes:
    return data[: place[0]] + instead + data[place[1] :]


def _between_tags(chance: random.Random, data: bytes) -> bytes:
    return _put(data, _place_in(chance, data, _BETWEEN), chance.choice(_PLAIN))


def _spelled(chance: random.Random, data: bytes) -> bytes:
    """Write a text or a value otherwise, which is the same."""
    place = _place_in(chance, data, _TEXT, _VALUE)
    told = data[slice(*place)].decode("latin-1")
    spelled = "".join(chance.choice((one, f"&#{ord(one)};", f"&#x{ord(one):x};")) for one in told)
    return _put(data, place, spelled.encode("latin-1"))


def _split_text(chance: random.Random, data: bytes) -> bytes:
    """Put a comment, or nothing, into a text, which is the same to a canonical form."""
    begin, end = _place_in(chance, data, _TEXT)
    middle = chance.randrange(begin, end + 1)
    return _put(data, (middle, middle), chance.choice(_PLAIN))


def _other_value(chance: random.Random, data: bytes) -> bytes:
    return _put(data, _place_in(chance, data, _TEXT, _VALUE), chance.choice(WORDS).encode())


def _declared(chance: random.Random, data: bytes) -> bytes:
    """Declare entities and use one, or declare a document type alone."""
    inside = chance.choice(ENTITIES)
    return b"<!DOCTYPE a [" + inside + b"]>" + _put(data, _place_in(chance, data, _TEXT), chance.choice((b"&a;", b"x")))


ENTITIES = (
    b"",
    b'<!ENTITY a "b">',
    b'<!ENTITY a SYSTEM "file:///etc/passwd">',
    b'<!ENTITY % a SYSTEM "http://127.0.0.1:9/a">%a;',
    b'<!ENTITY z "zzzzzzzzzz"><!ENTITY y "&z;&z;&z;&z;&z;&z;&z;&z;"><!ENTITY a "&y;&y;&y;&y;&y;&y;&y;&y;">',
    b'<!ATTLIST a b ID #IMPLIED><!ENTITY a "&a;">',
)
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
WORDS = (
    *("", " ", "0", "-1", "true", "GOOD", "F", "\u00e9\u4e2d\U0001f600", "0001-01-01T00:00:00+14:00", "A" * 3000),
    *("9999-12-31T23:59:59.999999999-14:00", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00"),
    *(f"{NOW:%Y-%m-%dT%H:%M:%S}+00:00", "1E400", "#", "#_", "#xpointer(/)", "#xpointer(id('a'))", "file:///etc/hosts"),
    *(EXCLUSIVE, f"{EXCLUSIVE}WithComments", ENVELOPED, SHA256, f"{DS}sha1", f"{DS}hmac-sha1", f"{MORE}hmac-sha256"),
    *(f"{DS}rsa-sha1", f"{DS}dsa-sha1", f"{MORE}rsa-sha256", f"{MORE}ecdsa-sha256", f"{MORE}ecdsa-sha512", "urn:a"),
    *("http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/2000/09/xmldsig#base64", "MIIB", "AAAA", "=="),
    *("urn:oasis:names:tc:SAML:1.0:cm:bearer", "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key", SOAP, SOAP12, WSSE, WSU),
)
OF_MARKUP: Sequence[Mutation] = (_between_tags, _spelled, _split_text, _other_value, _between_tags, _spelled, _declared)


def _markup(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = chance.choice(OF_MARKUP)(chance, data)
    return data


# Elements

IDS = (wss.WSU_ID, "Id", "ID", "id", wss.SAML_ID, f"{{{XML}}}id")
TAGS = (
    *(BODY, HEADER, SECURITY, TIMESTAMP, wss.ASSERTION, f"{{{DS}}}Signature", f"{{{DS}}}Object", f"{{{DS}}}Reference"),
    *(
        f"{{{SOAP}}}Envelope",
        f"{{{SOAP12}}}Body",
        f"{{{SAML}}}Attribute",
        f"{{{WSSE}}}BinarySecurityToken",
        "a",
        "{a}b",
    ),
)
Change = Callable[[random.Random, Element, list[Element]], object]


def _under(element: Element, other: Element) -> bool:
    return element is other or other in element.iterancestors()


def _place(chance: random.Random, where: Element, one: Element) -> None:
    where.insert(chance.randrange(len(where) + 1), one)


def _remove_element(chance: random.Random, root: Element, all_: list[Element]) -> None:
    one = chance.choice(all_)
    above = one.getparent()
    if above is not None and one is not root:
        above.remove(one)


def _double_element(chance: random.Random, root: Element, all_: list[Element]) -> None:
    one = copy.deepcopy(chance.choice(all_))
    beside = chance.choice(all_)
    above = beside.getparent()
    _place(chance, beside if above is None or chance.random() < 0.5 else above, one)
    if chance.random() < 0.5:  # so that it is not refused for its ids alone
        for inside in one.iter(etree.Element):
            for name in IDS:
                if name in inside.attrib:
                    del inside.attrib[name]
    del root


def _move_element(chance: random.Random, root: Element, all_: list[Element]) -> None:
    one, where = chance.choice(all_), chance.choice(all_)
    if one is not root and not _under(where, one):
        _place(chance, where, one)


def _wrap_element(chance: random.Random, root: Element, all_: list[Element]) -> None:
    one, wrapper = chance.choice(all_), etree.Element(chance.choice(TAGS))
    above = one.getparent()
    if above is not None and one is not root:
        above.replace(one, wrapper)
        wrapper.append(one)


def _wrap_signed(chance: random.Random, root: Element, all_: list[Element]) -> None:
    """Put what is signed elsewhere, and something like it in its place: signature wrapping."""
    one = chance.choice([each for each in all_ if each.get(wss.WSU_ID) or each.get(wss.SAML_ID)] or [root])
    above, forged = one.getparent(), copy.deepcopy(one)
    places = [each for each in all_ if not _under(each, one)]
    if above is None or not places:
        return
    above.replace(one, forged)
    for inside in forged.iter(etree.Element):
        if inside.text and chance.random() < 0.3:
            inside.text = chance.choice(WORDS)
        for name in IDS:
            if name in inside.attrib and chance.random() < 0.7:
                inside.attrib.pop(name)
    _place(chance, chance.choice(places), one)


def _rename(chance: random.Random, root: Element, all_: list[Element]) -> None:
    del root
    chance.choice(all_).tag = chance.choice((*TAGS, str(chance.choice(all_).tag)))


def _set_attribute(chance: random.Random, root: Element, all_: list[Element]) -> None:
    values = [str(value) for one in all_ for value in one.attrib.values()]
    names = [str(name) for one in all_ for name in one.attrib]
    one = chance.choice([each for each in all_ if each.attrib] or [root])
    name = chance.choice((*IDS, f"{{{SOAP}}}mustUnderstand", *names, *map(str, one.attrib)))
    one.set(name, chance.choice((*values, *(f"#{value}" for value in values), *WORDS)))


def _drop_attribute(chance: random.Random, root: Element, all_: list[Element]) -> None:
    one = chance.choice([each for each in all_ if each.attrib] or [root])
    if one.attrib:
        one.attrib.pop(str(chance.choice(list(one.attrib))))


def _set_text(chance: random.Random, root: Element, all_: list[Element]) -> None:
    del root
    texts = [str(one.text) for one in all_ if one.text]
    chance.choice(all_).text = chance.choice((*WORDS, *texts))


def _comment(chance: random.Random, root: Element, all_: list[Element]) -> None:
    del root
    made = etree.Comment("a") if chance.random() < 0.8 else etree.ProcessingInstruction("a", "b")
    made.tail = chance.choice(("", "", " ", "a"))
    _place(chance, chance.choice(all_), made)


OF_ELEMENTS: Sequence[Change] = (
    *(_remove_element, _double_element, _move_element, _wrap_element, _wrap_signed, _wrap_signed, _rename),
    *(_set_attribute, _set_attribute, _drop_attribute, _set_text, _comment),
)


def _elements(chance: random.Random, data: bytes) -> bytes:
    root = parse(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        chance.choice(OF_ELEMENTS)(chance, root, list(root.iter(etree.Element)))
    return serialise(root)


# Parts of other messages that are right


def _spliced(chance: random.Random, data: bytes) -> bytes:
    """Put parts of another right message into one: every part was signed, but not together."""
    root, other = parse(data), parse(chance.choice(MESSAGES))
    names = [BODY, TIMESTAMP, wss.ASSERTION, f"{{{DS}}}Signature", f"{{{DS}}}SignatureValue", f"{{{DS}}}SignedInfo"]
    names += [f"{{{DS}}}KeyInfo", f"{{{DS}}}X509Certificate", f"{{{SAML}}}Conditions", f"{{{SAML}}}AttributeStatement"]
    for name in chance.sample(names, chance.choice((1, 1, 2, 3))):
        own, others = list(root.iter(name)), list(other.iter(name))
        if own and others:
            old, new = chance.choice(own), copy.deepcopy(chance.choice(others))
            above = old.getparent()
            assert above is not None
            chance.choice((above.replace, lambda old, new: old.addnext(new)))(old, new)
    return serialise(root)


# Certificates and signatures, whose bytes are read before anybody is believed


def _encoded(chance: random.Random, data: bytes) -> bytes:
    """Change the bytes behind a certificate, a digest or a signature."""
    root = parse(data)
    names = (f"{{{DS}}}X509Certificate", f"{{{DS}}}X509Certificate", f"{{{DS}}}SignatureValue", f"{{{DS}}}DigestValue")
    one = chance.choice(list(root.iter(chance.choice(names))))
    inside = base64.b64decode(text(one))
    for _ in range(chance.choice((1, 1, 2, 8))):
        inside = chance.choice((_flip, _flip, _delete, _insert, _double, _truncate))(chance, inside)
    one.text = base64.b64encode(inside).decode("ascii")
    return serialise(root)


# Encodings

CODECS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "utf-8-sig", "latin-1", "cp037", "utf-8")
NAMES = (
    "UTF-8",
    "utf-16",
    "UTF-16LE",
    "UTF-32",
    "UTF-7",
    "ISO-8859-1",
    "US-ASCII",
    "windows-1252",
    "EBCDIC-CP-US",
    "no",
    "",
)


def _encodings(chance: random.Random, data: bytes) -> bytes:
    """Write a message in an encoding, declare this one, another one or none, and perhaps break it."""
    said = chance.choice(("", *(f'<?xml version="1.0" encoding="{name}"?>' for name in NAMES)))
    told = data.decode("utf-8")
    if chance.random() < 0.3:
        told = told.replace("GOOD", chance.choice(("G\u00f6\u00f6D", "\u202eGOOD", "GOOD\ufeff", "GO\u00adOD")))
    written = (said + told).encode(chance.choice(CODECS), "replace")
    return written if chance.random() < 0.7 else chance.choice(OF_BYTES)(chance, written)


def _noise(chance: random.Random, data: bytes) -> bytes:
    """Return bytes that have nothing to do with a message, but perhaps begin like one."""
    return data[: chance.choice((0, 0, 1, 5, 60, 300))] + chance.randbytes(chance.randrange(20000))


KINDS: Mapping[str, Mutation] = {
    "bytes": _bytes,
    "markup": _markup,
    "elements": _elements,
    "splices": _spliced,
    "certificates": _encoded,
    "encodings": _encodings,
    "noise": _noise,
}


REACHED: Mapping[str, set[str]] = {
    "bytes": {"SOA-03001", "SOA-01001"},
    "markup": {"SOA-03001", "SOA-03004", "SOA-01001", "Success"},
    "elements": {"SOA-03004", "SOA-01001", "Success"},
    "splices": {"SOA-01001", "Success"},
    "certificates": {"SOA-01001"},
    "encodings": {"SOA-03001", "SOA-03004", "Success"},
    "noise": {"SOA-03001"},
}
"""How far each kind of mutation comes, among others: what does not change what was signed is served."""


def _answers(door: Door, *kinds: str) -> set[str]:
    """Return how messages of some kinds of mutation are answered, BYTES of each."""
    answers = set()
    for kind in kinds:
        chance, left = random.Random(kind), BYTES
        while left > 0:
            data = KINDS[kind](chance, chance.choice(MESSAGES))
            left -= len(data)
            answers.add(door.send(Sent(data)))
    return answers


def test_right_messages_are_served(door: Door) -> None:
    """What the mutations start from is served, so that each refusal is due to a mutation."""
    assert [door.send(Sent(data)) for data in MESSAGES] == ["Success"] * len(MESSAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_envelopes_are_answered(door: Door, kind: str) -> None:
    """Three million bytes of each kind of mutation bring down nothing, and nothing unsigned is served."""
    assert _answers(door, kind) >= REACHED[kind]


def test_mutated_header_fields_are_answered(door: Door) -> None:
    """Other methods, media types and actions are refused by HTTP or by a fault, whatever the message is."""
    chance = random.Random("header fields")
    kinds = (
        FIELDS["content-type"],
        "text/xml",
        "TEXT/XML; charset=utf-16",
        "text/xml;;=;",
        "application/json",
        "",
        "a" * 999,
    )
    action = FIELDS["soapaction"]
    actions = (action, action, action.strip('"'), '""', "", '"', '"urn:a"', "\xff" * 9, "'a'")
    answers = set()
    for _ in range(300):
        headers = {"content-type": chance.choice(kinds), "soapaction": chance.choice(actions), "x": "\xe9"}
        for name in list(headers):
            if chance.random() < 0.1:
                del headers[name]
        method = chance.choice(("POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "NOTHING"))
        body = chance.choice(MESSAGES) if chance.random() < 0.5 else _bytes(chance, chance.choice(MESSAGES))
        answers.add(door.send(Sent(body, headers, method)))
    assert answers >= {"HTTP 405", "HTTP 415", "SOA-03001", "SOA-03004", "Success"}


@given(st.binary(max_size=4000))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_are_answered(door: Door, data: bytes) -> None:
    """Whatever bytes Hypothesis draws are no message, and are told so."""
    assert door.send(Sent(data)) in {"SOA-03001", "SOA-03002"}


@pytest.mark.parametrize("name", ["assertion_genuine", "signature_holds"])
def test_fuzzer_finds_a_gateway_that_is_lax(door: Door, name: str) -> None:
    """Where a check is left out, some mutation is served that nobody has signed."""
    lax = Door(door.loop, tuple(check for check in CHECKS if name_of(check) != name))
    with pytest.raises(AssertionError, match="was not signed so"):
        _answers(lax, "elements", "markup", "splices")
