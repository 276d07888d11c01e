"""A tiny client of DossierNumberGeneration, which signs as the cookbook asks, for the peer of that name.

``message`` builds a signed envelope for a caller of a target file, ``send`` sends it. Run as a module
(``python -m tests.peers.dossier_client``) it sends a good request of each kind of caller to every variant that
conforms, shows what a right service refuses, and checks the answers against the peer's own schemas.
"""

from __future__ import annotations

import gzip
import http.client
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from lxml import etree

from . import dossier_number_generation as peer
from .dossier_contract import CORE, ERRORS, OWN, RESPONSE, Contract, fresh_id
from .dossier_security import (
    ASSERTION_ID,
    DS,
    ECDSA_SHA256,
    EXCLUSIVE,
    RSA_SHA256,
    SHA256,
    SOAP,
    TOKEN_TYPE,
    WSSE,
    WSSE11,
    WSU,
    PrivateKey,
    canonical,
    digest,
    parse,
    sign,
)
from .dossier_world import make_key

NAMES = {"LastName": "COVID_LASTNAME_TEST"}
EVERYTHING = {
    "LastName": "D'Hondt-Müller & fils",
    "FirstNames": "Noor Élise",
    "Gender": "F",
    "PhoneNumber": "+32 2 555 01 23",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the key, the bytes of the assertion and its identifier."""

    key: PrivateKey
    assertion: bytes
    assertion_id: str
    requester: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Caller:
        """Read the files of an entry of a target file."""
        store = Path(section["keystore"]).read_bytes()
        key = load_key_and_certificates(store, section["password"].encode())[0]
        assert isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
        written = Path(section["assertion"]).read_bytes()
        element = re.sub(rb"\A(\s|<\?.*?\?>|<!--.*?-->)*", b"", written, flags=re.DOTALL).rstrip()
        return cls(key, element, parse(written).get("AssertionID", ""), section["requester"])


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message is made of; changes before and after signing make it a bad one."""

    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    life: timedelta = timedelta(seconds=60)
    signed: tuple[str, ...] = ("body", "timestamp")
    signature: bool = True
    after: Callable[[str], str] = lambda text: text
    key: PrivateKey | None = None


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _reference(name: str, value: str) -> str:
    return (
        f'<ds:Reference URI="#{name}"><ds:Transforms><ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>{value}</ds:DigestValue></ds:Reference>'
    )


def message(caller: Caller, payload: str, parts: Parts | None = None) -> bytes:
    """Build a signed envelope around a payload."""
    parts = parts or Parts()
    key = parts.key or caller.key
    body, stamp = fresh_id(), fresh_id()
    method = RSA_SHA256 if isinstance(key, RSAPrivateKey) else ECDSA_SHA256
    text = (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="1">'
        f'<wsu:Timestamp wsu:Id="{stamp}"><wsu:Created>{_time(parts.created)}</wsu:Created>'
        f"<wsu:Expires>{_time(parts.created + parts.life)}</wsu:Expires></wsu:Timestamp>"
        f"{caller.assertion.decode()}@SIGNATURE@</wsse:Security></soap:Header>"
        f'<soap:Body xmlns:wsu="{WSU}" wsu:Id="{body}">{payload}</soap:Body></soap:Envelope>'
    )
    if not parts.signature:
        return parts.after(text.replace("@SIGNATURE@", "")).encode()
    root = parse(text.encode())
    elements = {"body": (body, root.find(f"{{{SOAP}}}Body")), "timestamp": (stamp, root.find(f".//{{{WSU}}}Timestamp"))}
    references = ""
    for part in parts.signed:
        name, element = elements[part]
        assert element is not None
        references += _reference(name, digest(canonical(element)))
    text = text.replace(
        "@SIGNATURE@",
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/>{references}</ds:SignedInfo>'
        "<ds:SignatureValue>@VALUE@</ds:SignatureValue><ds:KeyInfo>"
        f'<wsse:SecurityTokenReference xmlns:wsse11="{WSSE11}" wsse11:TokenType="{TOKEN_TYPE}">'
        f'<wsse:KeyIdentifier ValueType="{ASSERTION_ID}">{caller.assertion_id}</wsse:KeyIdentifier>'
        "</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>",
    )
    info = parse(text.encode()).find(f".//{{{WSSE}}}Security/{{{DS}}}Signature/{{{DS}}}SignedInfo")
    assert info is not None
    return parts.after(text.replace("@VALUE@", sign(key, canonical(info)))).encode()


@dataclass(frozen=True, slots=True)
class Got:
    """An answer: the status, the headers, the bytes, and the envelope if it is one."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def root(self) -> etree._Element:
        """Read the envelope."""
        return parse(self.body)

    def text(self, name: str) -> str:
        """Give the text of the first element with a local name, or an empty text."""
        element = next(self.root.iter(f"{{*}}{name}"), None)
        return "" if element is None else str(element.xpath("string()"))

    @property
    def outcome(self) -> str:
        """Give the last part of the status code, or the code of the fault."""
        code = next(self.root.iter(f"{{{CORE}}}StatusCode"), None)
        return self.text("Code") if code is None else code.get("Value", "").rpartition(":")[2]


def send(endpoint: str, data: bytes, action: str) -> Got:
    """Send a message."""
    url = urlsplit(endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{action}"',
        "User-Agent": "peerClient/1.0.0 Technical/1.0.0",
        "From": "info@example.invalid",
        "Accept-Encoding": "gzip",
    }
    try:
        connection.request("POST", url.path, data, headers)
        response = connection.getresponse()
        got = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        return Got(response.status, got, gzip.decompress(body) if got.get("content-encoding") == "gzip" else body)
    finally:
        connection.close()


# -------------------------------------------------------------------------------------------------------- self-test


def _refused(caller: Caller) -> Mapping[str, tuple[Caller, Parts]]:
    """Build what a right service must refuse for its security."""
    now = datetime.now(UTC)
    forged = replace(caller, assertion=caller.assertion.replace(b"true", b"True"))
    quotes = bytes.maketrans(b"'\"", b"\"'")
    requoted = replace(caller, assertion=caller.assertion.translate(quotes))
    return {
        "altered body": (caller, Parts(after=lambda text: text.replace("COVID_LASTNAME_TEST", "COVID_LASTNAME_TESS"))),
        "missing signature": (caller, Parts(signature=False)),
        "foreign key": (caller, Parts(key=make_key(_kind(caller)))),
        "expired timestamp": (caller, Parts(created=now - timedelta(minutes=7))),
        "future timestamp": (caller, Parts(created=now + timedelta(minutes=7))),
        "altered timestamp": (caller, Parts(after=_later)),
        "body not signed": (caller, Parts(signed=("timestamp",))),
        "timestamp not signed": (caller, Parts(signed=("body",))),
        "missing assertion": (replace(caller, assertion=b""), Parts()),
        "altered assertion": (forged, Parts()),
        "assertion written anew": (requoted, Parts()),
        "body moved away": (caller, Parts(after=_wrapped)),
    }


def _kind(caller: Caller) -> str:
    if isinstance(caller.key, RSAPrivateKey):
        return "person"
    return "nihii_institution" if caller.key.curve.key_size == 256 else "cbe_institution"


def _later(text: str) -> str:
    """Let a message expire a little later, or earlier."""
    return re.sub(r"\dZ</wsu:Expires>", lambda match: f"{(int(match[0][0]) + 1) % 10}{match[0][1:]}", text)


def _wrapped(text: str) -> str:
    """Move the signed body into the header and put another in its place."""
    start, end = text.index("<soap:Body"), text.index("</soap:Body>") + len("</soap:Body>")
    signed = text[start:end]
    other = re.sub(r' wsu:Id="[^"]*"', "", signed).replace("COVID_LASTNAME_TEST", "OTHER")
    return text[:start].replace("</soap:Header>", f"<old>{signed}</old></soap:Header>") + other + text[end:]


class _Report:
    """Collects what went wrong."""

    def __init__(self) -> None:
        self.checks = 0
        self.problems: list[str] = []

    def check(self, condition: bool, what: str) -> None:
        """Note a check."""
        self.checks += 1
        if not condition:
            self.problems.append(what)
            print("PROBLEM", what, flush=True)


def _valid(schema: etree.XMLSchema, got: Got) -> str:
    """Validate the response in an answer; give what is wrong."""
    element = next(got.root.iter(f"{{*}}{RESPONSE}", f"{{{ERRORS}}}SystemError", f"{{{ERRORS}}}BusinessError"), None)
    if element is None:
        return "neither response nor error"
    return "" if schema.validate(etree.ElementTree(element)) else str(schema.error_log)


def _compiled(wsdl: str, contract: Contract) -> etree.XMLSchema:
    """Compile the schemas beside a WSDL, with those of the errors."""
    folder = Path(wsdl).parent / "schemas"
    extra = folder / "self-test-protocol.xsd"
    extra.write_text(contract.files()["dossier-protocol.xsd"], encoding="utf-8")
    main = folder / "self-test.xsd"
    main.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:import namespace="{OWN}" schemaLocation="{extra.name}"/>'
        f'<xs:import namespace="{ERRORS}" schemaLocation="errors-soa.xsd"/></xs:schema>',
        encoding="utf-8",
    )
    return etree.XMLSchema(etree.parse(main))


def _try_conforming(name: str, report: _Report) -> None:
    contract = peer.contract_of(name)
    with peer.serve(name) as section:
        schema = _compiled(section["wsdl"], contract)
        etree.parse(section["wsdl"])
        seen: set[str] = set()
        for label, entry in section["callers"].items():
            caller = Caller.of(entry)
            for person, requester, identifier in (
                (NAMES, None, None),
                (EVERYTHING, caller.requester, fresh_id()),
            ):
                payload = contract.request(person, requester, identifier)
                got = send(section["endpoint"], message(caller, payload), contract.action)
                where = f"{name}: {label}"
                report.check((got.status, got.outcome) == (200, "Success"), f"{where}: {got.status} {got.body!r}")
                report.check(not _valid(schema, got), f"{where}: {_valid(schema, got)}")
                report.check(bool(got.text("CovidDossierIdentifier")), f"{where}: no identifier")
                response = next(got.root.iter(f"{{*}}{RESPONSE}"))
                report.check(response.get("InResponseTo") == identifier, f"{where}: InResponseTo")
                seen.add(f"{response.get('Id')}")
            wrong = {kind: _other(value) for kind, value in caller.requester.items()}
            got = send(section["endpoint"], message(caller, contract.request(NAMES, wrong, "_x")), contract.action)
            report.check(got.outcome in ("Requester", "SOA-03007", "SOA-01002"), f"{name}: mismatch {got.outcome}")
            report.check(not _valid(schema, got), f"{name}: mismatch {_valid(schema, got)}")
            got = send(section["endpoint"], message(caller, contract.request({}, None, "_x")), contract.action)
            fits = ("Requester", "SOA-03001", "SOA-03005", "SOA-03006", "SOA-03007")
            report.check(got.outcome in fits, f"{name}: no last name {got.outcome}")
            report.check(not _valid(schema, got), f"{name}: no last name {_valid(schema, got)}")
        report.check(len(seen) == 2 * len(section["callers"]), f"{name}: Ids are not unique")


def _other(value: str) -> str:
    """Make another identifier of the same form, with right check digits."""
    length = {11: 9, 8: 6, 10: 8}[len(value)]
    root = str(int(value[:length]) + 2).zfill(length)
    return f"{root}{97 - int(root) % 97:02d}"


def _try_security(report: _Report) -> None:
    contract = peer.contract_of("plain")
    with peer.serve("plain") as section:
        for label, entry in section["callers"].items():
            caller = Caller.of(entry)
            payload = contract.request(NAMES, caller.requester, fresh_id())
            for what, (who, parts) in _refused(caller).items():
                got = send(section["endpoint"], message(who, payload, parts), contract.action)
                line = f"{label}: {what}: {got.status} {got.outcome} {got.text('Message')}"
                print("   ", line)
                report.check((got.status, got.outcome) == (500, "SOA-01001"), line)


def _differs(name: str, report: _Report) -> None:
    """Send the usual messages to a variant; nothing but a crash of the peer is wrong here."""
    contract = peer.contract_of(name)
    with peer.serve(name) as section:
        caller = Caller.of(section["callers"]["physician"])
        for person, requester in ((NAMES, None), (EVERYTHING, {"ssin": _other(caller.requester["ssin"])}), ({}, None)):
            try:
                send(section["endpoint"], message(caller, contract.request(person, requester, "_x")), contract.action)
            except (OSError, http.client.HTTPException) as error:
                report.check(False, f"{name}: {error!r}")


def main() -> int:
    """Run the self-test."""
    report, start = _Report(), time.monotonic()
    conforming = [name for name, variant in peer.VARIANTS.items() if variant.conforming]
    for name in conforming:
        _try_conforming(name, report)
    print(f"{len(conforming)} variants conform")
    print("what the plain one refuses:")
    _try_security(report)
    others = [name for name, variant in peer.VARIANTS.items() if not variant.conforming]
    for name in (*others, *peer.BORDERLINE, *peer.LAX):
        _differs(name, report)
    print(f"{len(others)} are defective, {len(peer.BORDERLINE)} borderline, {len(peer.LAX)} lax")
    print(f"{report.checks} checks, {len(report.problems)} problems, {time.monotonic() - start:.0f} s")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
