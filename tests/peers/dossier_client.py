"""A tiny client of DossierNumberGeneration, which signs as the cookbook asks, for the peer of that name.

``message`` builds a signed envelope for a caller of a target file, ``send`` sends it. Run as a module
(``python -m tests.peers.dossier_client``) it sends a good request of each kind of caller to every variant that
conforms, shows what a right service refuses, and checks the answers against the peer's own schemas. It sends every
message which is not secure to every variant that is lax, and everything malformed to those that are clumsy, and
insists that each lets pass its own alone (and what ``_ALSO`` says goes with it).
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hmac
import http.client
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from lxml import etree

from . import dossier_number_generation as peer
from .dossier_contract import CORE, ERRORS, OWN, RESPONSE, Contract, fresh_id
from .dossier_security import (
    ASSERTION_ID,
    DS,
    DS11,
    ECDSA_SHA1,
    ECDSA_SHA256,
    ENVELOPED,
    EXCLUSIVE,
    HMAC_SHA1,
    RSA_SHA1,
    RSA_SHA256,
    SHA1,
    SHA256,
    SOAP,
    TOKEN_TYPE,
    WSSE,
    WSSE11,
    WSU,
    XPATH,
    XSL,
    XSLT,
    PrivateKey,
    canonical,
    digest,
    parse,
    sign,
    without_signature,
)
from .dossier_world import KINDS, Terms, certify, issue, make_key, world
from .server import Answer, serving

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
    certificate: x509.Certificate
    assertion: bytes
    assertion_id: str
    kind: str
    requester: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Caller:
        """Read the files of an entry of a target file."""
        store = Path(section["keystore"]).read_bytes()
        key, certificate, _ = load_key_and_certificates(store, section["password"].encode())
        assert isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
        assert certificate is not None
        written = Path(section["assertion"]).read_bytes()
        element = re.sub(rb"\A(\s|<\?.*?\?>|<!--.*?-->)*", b"", written, flags=re.DOTALL).rstrip()
        name = parse(written).get("AssertionID", "")
        return cls(key, certificate, element, name, section["kind"], section["requester"])


Data = Callable[[etree._Element], bytes]


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message is made of; changes before and after signing make it a bad one."""

    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    life: timedelta = timedelta(seconds=60)
    signed: tuple[str, ...] = ("body", "timestamp")
    signature: bool = True
    stamp: bool = True
    before: Callable[[str], str] = _same
    after: Callable[[str], str] = _same
    key: PrivateKey | None = None
    key_info: str | None = None
    tokens: str = ""
    extra: str = ""
    references: Callable[[etree._Element], str] | None = None
    transforms: tuple[str, Data] | None = None
    weak: bool = False
    method: tuple[str, Callable[[bytes], str]] | None = None
    soap: str = SOAP


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_CANONICAL = f'<ds:Transform Algorithm="{EXCLUSIVE}"/>'


def _reference(uri: str, data: bytes, transforms: str = _CANONICAL, *, weak: bool = False) -> str:
    value = digest(data, "sha1" if weak else "sha256")
    return (
        f'<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{SHA1 if weak else SHA256}"/><ds:DigestValue>{value}</ds:DigestValue>'
        "</ds:Reference>"
    )


def _pointer(name: str) -> str:
    return (
        f'<wsse:SecurityTokenReference xmlns:wsse11="{WSSE11}" wsse11:TokenType="{TOKEN_TYPE}">'
        f'<wsse:KeyIdentifier ValueType="{ASSERTION_ID}">{name}</wsse:KeyIdentifier></wsse:SecurityTokenReference>'
    )


def message(caller: Caller, payload: str, parts: Parts | None = None) -> bytes:
    """Build a signed envelope around a payload."""
    parts = parts or Parts()
    body, stamp = fresh_id(), fresh_id()
    timestamp = (
        f'<wsu:Timestamp wsu:Id="{stamp}"><wsu:Created>{_time(parts.created)}</wsu:Created>'
        f"<wsu:Expires>{_time(parts.created + parts.life)}</wsu:Expires></wsu:Timestamp>"
    )
    text = parts.before(
        f'<soap:Envelope xmlns:soap="{parts.soap}"><soap:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="1">'
        f"{timestamp if parts.stamp else ''}"
        f"{caller.assertion.decode()}{parts.tokens}@SIGNATURE@</wsse:Security></soap:Header>"
        f'<soap:Body xmlns:wsu="{WSU}" wsu:Id="{body}">{payload}</soap:Body></soap:Envelope>'
    )
    if not parts.signature:
        return parts.after(text.replace("@SIGNATURE@", "")).encode()
    return parts.after(_signed(caller, parts, text, {"body": body, "timestamp": stamp})).encode()


def _signed(caller: Caller, parts: Parts, text: str, names: Mapping[str, str]) -> str:
    """Put the signature in its place."""
    key = parts.key or caller.key
    info, written = parts.key_info, _references(parts, text, names)
    known = f"<ds:KeyInfo>{_pointer(caller.assertion_id) if info is None else info}</ds:KeyInfo>"
    method, value = parts.method or _method(key, weak=parts.weak)
    text = text.replace(
        "@SIGNATURE@",
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f"{method}{written}</ds:SignedInfo>"
        f"<ds:SignatureValue>@VALUE@</ds:SignatureValue>{known if info != '' else ''}</ds:Signature>",
    )
    element = parse(text.encode()).find(f".//{{{WSSE}}}Security/{{{DS}}}Signature/{{{DS}}}SignedInfo")
    assert element is not None
    return text.replace("@VALUE@", value(canonical(element)))


def _method(key: PrivateKey, *, weak: bool) -> tuple[str, Callable[[bytes], str]]:
    """Tell how to sign with a key."""
    names = (RSA_SHA1, RSA_SHA256) if isinstance(key, RSAPrivateKey) else (ECDSA_SHA1, ECDSA_SHA256)
    algorithm = hashes.SHA1() if weak else hashes.SHA256()  # noqa: S303
    method = f'<ds:SignatureMethod Algorithm="{names[0 if weak else 1]}"/>'
    return method, lambda data: sign(key, data, algorithm)


def _references(parts: Parts, text: str, names: Mapping[str, str]) -> str:
    root = parse(text.replace("@SIGNATURE@", "").encode())
    if parts.references is not None:
        return parts.references(root)
    written = ""
    for part in parts.signed:
        element = next(one for one in root.iter() if one.get(f"{{{WSU}}}Id") == names[part])
        transforms, data = _CANONICAL, canonical(element)
        if parts.transforms is not None and part == "body":
            transforms, data = parts.transforms[0], parts.transforms[1](element)
        written += _reference("#" + names[part], data, transforms, weak=parts.weak)
    return written + parts.extra


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


def send(
    endpoint: str, data: bytes, action: str, method: str = "POST", headers: Mapping[str, str] | None = None
) -> Got:
    """Send a message."""
    url = urlsplit(endpoint)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    usual = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{action}"',
        "User-Agent": "peerClient/1.0.0 Technical/1.0.0",
        "From": "info@example.invalid",
        "Accept-Encoding": "gzip",
    }
    try:
        connection.request(method, url.path, data or None, {**usual, **(headers or {})})
        response = connection.getresponse()
        got = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
        return Got(response.status, got, gzip.decompress(body) if got.get("content-encoding") == "gzip" else body)
    finally:
        connection.close()


# -------------------------------------------------------------------------------------------------------- self-test


_NAME = "COVID_LASTNAME_TEST"
Bad = tuple[Caller, Parts]


def _altered(text: str) -> str:
    """Change the name of the person."""
    return text.replace(_NAME, "OTHER")


def _replaced(pattern: str, new: str) -> Callable[[str], str]:
    """Replace the one place that fits."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, lambda _: new, text, flags=re.DOTALL)
        assert count == 1, (pattern, count)
        return changed

    return change


def _later(text: str) -> str:
    """Let a message expire a little later, or earlier."""
    return re.sub(r"\dZ</wsu:Expires>", lambda match: f"{(int(match[0][0]) + 1) % 10}{match[0][1:]}", text)


def _moved(
    pattern: str, where: str, other: Callable[[str], str], how: str = '<old xmlns="">@</old>'
) -> Callable[[str], str]:
    """Move what fits before something else, and put another thing in its place."""

    def change(text: str) -> str:
        found = re.search(pattern, text, re.DOTALL)
        assert found is not None
        text = text[: found.start()] + "@HERE@" + text[found.end() :]
        assert text.count(where) == 1, where
        text = text.replace(where, how.replace("@", found[0]) + where)
        return text.replace("@HERE@", other(found[0]))

    return change


_BODY, _STAMP, _SECURITY = (rf"<{name}[ >].*</{name}>" for name in ("soap:Body", "wsu:Timestamp", "wsse:Security"))
_END = "</soap:Envelope>"


def _without_id(text: str) -> str:
    return re.sub(r' wsu:Id="[^"]*"', "", text)


def _evil(text: str) -> str:
    return _altered(_without_id(text))


def _fresh(text: str) -> str:
    """Make a Timestamp of now."""
    now = datetime.now(UTC)
    text = re.sub("(<wsu:Created>)[^<]*", rf"\g<1>{_time(now)}", _without_id(text))
    return re.sub("(<wsu:Expires>)[^<]*", rf"\g<1>{_time(now + timedelta(seconds=60))}", text)


def _in_assertion(text: str) -> str:
    """Move the signed body into the signature of the assertion."""
    end = list(re.finditer(r"</([\w.-]+:)?Signature\s*>\s*</([\w.-]+:)?Assertion\s*>", text))
    assert len(end) == 1
    where = end[0][0]
    return _moved(_BODY, where, _evil, f'<o:Object xmlns:o="{DS}" xmlns="">@</o:Object>')(text)


def _doubled(pattern: str, other: Callable[[str], str], *, first: bool) -> Callable[[str], str]:
    """Put something before or after its like."""

    def change(text: str) -> str:
        found = re.search(pattern, text, re.DOTALL)
        assert found is not None
        pair = (other(found[0]), found[0]) if first else (found[0], other(found[0]))
        return text[: found.start()] + "".join(pair) + text[found.end() :]

    return change


def _der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _x509(certificate: x509.Certificate) -> str:
    return f"<ds:X509Data><ds:X509Certificate>{_der(certificate)}</ds:X509Certificate></ds:X509Data>"


def _key_value(key: PrivateKey) -> str:
    if isinstance(key, RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        modulus, exponent = (
            base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
            for number in (numbers.n, numbers.e)
        )
        inner = f"<ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent>"
        return f"<ds:KeyValue><ds:RSAKeyValue>{inner}</ds:RSAKeyValue></ds:KeyValue>"
    curve = {256: "1.2.840.10045.3.1.7", 384: "1.3.132.0.34"}[key.curve.key_size]
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return (
        f'<ds:KeyValue><e:ECKeyValue xmlns:e="{DS11}"><e:NamedCurve URI="urn:oid:{curve}"/>'
        f"<e:PublicKey>{base64.b64encode(point).decode()}</e:PublicKey></e:ECKeyValue></ds:KeyValue>"
    )


_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
_WITHOUT_PERSON = (
    f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>not(ancestor-or-self::*[local-name()="Person"])</ds:XPath>'
    f"</ds:Transform>{_CANONICAL}"
)
_SHEET = (
    f'<ds:Transform Algorithm="{XSLT}"><x:stylesheet version="1.0" xmlns:x="{XSL}"><x:output method="text"/>'
    '<x:template match="/">always the same</x:template></x:stylesheet></ds:Transform>'
)


def _xpath(expression: str) -> str:
    return f'<ds:Transform Algorithm="{XPATH}"><ds:XPath>{expression}</ds:XPath></ds:Transform>{_CANONICAL}'


def _personless(element: etree._Element) -> bytes:
    """Write an element in canonical form, but for the person."""
    copied = parse(etree.tostring(element.getroottree().getroot()))
    person = next(copied.iter("{*}Person"))
    parent = person.getparent()
    assert parent is not None
    parent.remove(person)
    return canonical(next(copied.iter(element.tag)))


def _whole(root: etree._Element) -> str:
    transforms = f'<ds:Transform Algorithm="{ENVELOPED}"/>{_CANONICAL}'
    return _reference("", canonical(root), transforms)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes messages which a right service must refuse, for a caller who has another one at hand."""

    caller: Caller
    other: Caller
    elsewhere: str

    def all(self) -> Mapping[str, Bad]:
        """Write all of them, by the variants which let them pass."""
        return {
            **self._missing(),
            **self._altered(),
            **self._times(),
            **self._keys(),
            **self._issuers(),
            **self._wrapped(),
            **self._references(),
            **self._several(),
            **self._minted(),
        }

    def _with(self, **parts: Any) -> Bad:
        return self.caller, Parts(**parts)

    def _missing(self) -> dict[str, Bad]:
        anonymous = replace(self.caller, assertion=b"")
        own = _x509(self.caller.certificate)
        security = f'<wsse:Security xmlns:wsse="{WSSE}" soap:mustUnderstand="1"/>'
        return {
            "missing": self._with(after=_replaced(_SECURITY, "")),
            "missing-header": self._with(after=_replaced("<soap:Header>.*</soap:Header>", "")),
            "missing-empty": self._with(after=_replaced(_SECURITY, security)),
            "no-assertion": (anonymous, Parts()),
            "no-assertion-x509": (anonymous, Parts(key_info=own)),
            "no-signature": self._with(signature=False),
            "body-unsigned": self._with(signed=("timestamp",)),
            "timestamp-unsigned": self._with(signed=("body",)),
            "timestamp-missing": self._with(stamp=False, signed=("body",)),
            "nothing-signed": self._with(signed=()),
            "key-info-absent": self._with(key_info=""),
            "key-info-other": self._with(key_info=_pointer(fresh_id())),
            "key-info-x509": self._with(key_info=own),
        }

    def _altered(self) -> dict[str, Bad]:
        caller = self.caller
        written = caller.assertion
        forged = written.replace(b"true", b"True")
        value = _replaced("[A-Za-z0-9+/](=*)(?=</ds:SignatureValue><ds:KeyInfo><wsse:)", "@")
        return {
            "body-altered": self._with(after=_altered),
            "timestamp-altered": self._with(after=_later),
            "assertion-digest": (replace(caller, assertion=forged), Parts()),
            "assertion-value": (replace(caller, assertion=_digested(forged)), Parts()),
            "assertion-unsigned": (replace(caller, assertion=_stripped(forged)), Parts()),
            "assertion-unchecked": (replace(caller, assertion=_spoiled(forged)), Parts()),
            "value": self._with(after=_flipped),
            "value-empty": self._with(method=(_method(caller.key, weak=False)[0], lambda _: "")),
            "value-no-base64": self._with(after=value),
        }

    def _times(self) -> dict[str, Bad]:
        now = datetime.now(UTC)
        return {
            "timestamp-expired": self._with(created=now - timedelta(days=7)),
            "timestamp-expired-hour": self._with(created=now - timedelta(minutes=30)),
            "timestamp-expired-minutes": self._with(created=now - timedelta(minutes=7)),
            "timestamp-future": self._with(created=now + timedelta(days=7)),
            "timestamp-future-hour": self._with(created=now + timedelta(minutes=30)),
            "timestamp-future-minutes": self._with(created=now + timedelta(minutes=7)),
        }

    def _keys(self) -> dict[str, Bad]:
        key = make_key(self.caller.kind)
        certificate = certify(key, self.caller.certificate.subject, key, self.caller.certificate.subject)
        token = (
            f'<wsse:BinarySecurityToken ValueType="{_PROFILE}" wsu:Id="token">{_der(certificate)}'
            "</wsse:BinarySecurityToken>"
        )
        pointer = '<wsse:SecurityTokenReference><wsse:Reference URI="#token"/></wsse:SecurityTokenReference>'
        secret = self.caller.certificate.public_bytes(Encoding.DER)
        method = f'<ds:SignatureMethod Algorithm="{HMAC_SHA1}">@</ds:SignatureMethod>'
        short = method.replace("@", "<ds:HMACOutputLength>4</ds:HMACOutputLength>")
        return {
            "foreign-key": self._with(key=key),
            "foreign-key-x509": self._with(key=key, key_info=_x509(certificate)),
            "foreign-key-value": self._with(key=key, key_info=_key_value(key)),
            "foreign-key-token": self._with(key=key, key_info=pointer, tokens=token),
            "foreign-key-both": self._with(key=key, key_info=_pointer(self.caller.assertion_id) + _x509(certificate)),
            "foreign-key-known": self._with(key=self.other.key),
            "weak-hmac": self._with(
                method=(
                    method.replace("@", ""),
                    lambda data: base64.b64encode(hmac.digest(secret, data, "sha1")).decode(),
                )
            ),
            "weak-hmac-truncated": self._with(method=(short, lambda _: "AA==")),
        }

    def _issuers(self) -> dict[str, Bad]:
        key = make_key("person")
        name = self.caller.certificate.subject
        sts = world().sts_certificate
        return {
            "foreign-issuer": self._forged(key, certify(key, name, key, name)),
            "foreign-issuer-ca": self._forged(self.caller.key, self.caller.certificate),
            "foreign-issuer-name": self._forged(key, certify(key, sts.subject, key, sts.issuer)),
        }

    def _forged(self, key: PrivateKey, certificate: x509.Certificate) -> Bad:
        """Issue an assertion oneself."""
        identity = self.caller.requester[KINDS[self.caller.kind][0]]
        name, text = issue(self.caller.kind, identity, self.caller.certificate, (key, certificate))
        return replace(self.caller, assertion=text.encode(), assertion_id=name), Parts()

    def _wrapped(self) -> dict[str, Bad]:
        old = datetime.now(UTC) - timedelta(hours=1)
        key = make_key("person")
        name = self.caller.certificate.subject
        forged = self._forged(key, certify(key, name, key, name))[0]
        genuine = f"<old>{self.caller.assertion.decode()}</old>"
        beside = _replaced("</soap:Header>", f"{genuine}</soap:Header>")
        return {
            "wrapping-header": self._with(after=_moved(_BODY, "</soap:Header>", _evil)),
            "wrapping-security": self._with(after=_moved(_BODY, "</wsse:Security>", _evil)),
            "wrapping-trailer": self._with(after=_moved(_BODY, _END, _evil)),
            "wrapping-assertion": self._with(after=_in_assertion),
            "wrapping-forged": (forged, Parts(before=beside)),
            "doubled-body-first": self._with(after=_doubled(_BODY, _evil, first=True)),
            "doubled-body-last": self._with(after=_doubled(_BODY, _evil, first=False)),
            "doubled-body-first-id": self._with(after=_doubled(_BODY, _altered, first=True)),
            "doubled-body-last-id": self._with(after=_doubled(_BODY, _altered, first=False)),
            "doubled-ids-first": self._with(after=_moved(_BODY, "</soap:Header>", _altered)),
            "doubled-ids-last": self._with(after=_moved(_BODY, _END, _altered)),
            "wrapping-timestamp": self._with(created=old, after=_moved(_STAMP, "</soap:Header>", _fresh, _OTHER)),
            "doubled-timestamp-first": self._with(created=old, after=_doubled(_STAMP, _fresh, first=True)),
            "doubled-timestamp-last": self._with(created=old, after=_doubled(_STAMP, _fresh, first=False)),
        }

    def _references(self) -> dict[str, Bad]:
        unknown = f'<ds:Transform Algorithm="urn:example:unknown"/>{_CANONICAL}'
        ignored = _SHEET + _CANONICAL
        away = _reference("http://host.example.invalid/data.xml", b"what is there", "")
        return {
            "transform-unknown": self._with(transforms=(unknown, canonical)),
            "transform-xpath": self._with(transforms=(_WITHOUT_PERSON, _personless), after=_altered),
            "transform-xpath-none": self._with(transforms=(_xpath("false()"), lambda _: b""), after=_altered),
            "transform-xpath-all": self._with(transforms=(_xpath("true()"), canonical)),
            "transform-xpath-ignored": self._with(transforms=(_xpath("false()"), canonical)),
            "transform-xslt": self._with(transforms=(_SHEET, lambda _: b"always the same"), after=_altered),
            "transform-xslt-ignored": self._with(transforms=(ignored, canonical)),
            "external": self._with(extra=away),
            "external-covers": self._with(extra=away, signed=("timestamp",)),
            "external-fetched": self._with(extra=_reference(self.elsewhere, b"what is there", "")),
            "whole-document": self._with(references=_whole, after=_altered),
        }

    def _several(self) -> dict[str, Bad]:
        one, two = self.caller, self.other
        junk = f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}"><wsu:Timestamp/></wsse:Security>'
        after = replace(one, assertion=one.assertion + two.assertion)
        before = replace(one, assertion=two.assertion + one.assertion)
        return {
            "several-headers-first": self._with(after=_doubled(_SECURITY, lambda _: junk, first=False)),
            "several-headers-last": self._with(after=_doubled(_SECURITY, lambda _: junk, first=True)),
            "several-headers-same": self._with(after=_doubled(_SECURITY, _same, first=True)),
            "two-assertions-first": (after, Parts()),
            "two-assertions-last": (before, Parts()),
            "two-assertions-mixed": (replace(before, requester=two.requester), Parts()),
            "two-assertions-same": (replace(one, assertion=one.assertion * 2), Parts()),
        }

    def _minted(self) -> dict[str, Bad]:
        """Have the issuer itself write what it should not."""
        day, week = timedelta(days=1), timedelta(days=7)
        foreign = make_key(self.caller.kind)
        info = _x509(certify(foreign, self.caller.certificate.subject, foreign, self.caller.certificate.subject))
        made: dict[str, Bad] = {
            "assertion-expired": (self._mint(Terms(-week, -week + day)), Parts()),
            "assertion-future": (self._mint(Terms(week, week + day)), Parts()),
        }
        for method in ("bearer", "sender-vouches"):
            made[f"method-{method}"] = (self._mint(Terms(method=method)), Parts())
            unbound = self._mint(Terms(method=method, bound=False))
            made[f"method-{method}-unbound"] = (
                unbound,
                Parts(key=foreign, key_info=_pointer(unbound.assertion_id) + info),
            )
        return made

    def _mint(self, terms: Terms) -> Caller:
        holder = world().mint(world().holders[self.caller.kind], terms)
        return replace(self.caller, assertion=holder.element, assertion_id=holder.assertion_id)


_OTHER = f'<old xmlns="" xmlns:wsu="{WSU}">@</old>'
_SIGNATURE = rb"<([\w.-]+:)?Signature[\s>].*</([\w.-]+:)?Signature\s*>"
# What a variant lets pass beside the message that is called like it.
_FORGED = ("foreign-issuer", "foreign-issuer-ca", "foreign-issuer-name", "wrapping-forged")
_ALSO: Mapping[str, tuple[str, ...]] = {
    "missing": ("missing-header",),
    "no-assertion": ("no-assertion-x509",),
    "assertion-value": _FORGED,
    "assertion-unchecked": ("assertion-digest", "assertion-value", "assertion-unsigned", *_FORGED),
    "value": ("foreign-key", "foreign-key-both", "value-empty", "value-no-base64"),
    "body-unsigned": ("wrapping-header", "wrapping-security", "wrapping-trailer"),
    "timestamp-unsigned": ("wrapping-timestamp",),
    "timestamp-expired": ("timestamp-expired-hour", "timestamp-expired-minutes"),
    "timestamp-expired-hour": ("timestamp-expired-minutes",),
    "timestamp-future": ("timestamp-future-hour", "timestamp-future-minutes"),
    "timestamp-future-hour": ("timestamp-future-minutes",),
    "transform-unknown": ("transform-xpath-all", "transform-xpath-ignored", "transform-xslt-ignored"),
    "transform-xpath": ("transform-xpath-all", "transform-xpath-none"),
    "transform-xpath-ignored": ("transform-xpath-all",),
    "external": ("external-fetched",),
    "external-covers": ("external", "external-fetched"),
    "several-headers-first": ("several-headers-same",),
    "several-headers-last": ("several-headers-same",),
    "two-assertions-first": ("two-assertions-same",),
    "two-assertions-last": ("two-assertions-same", "two-assertions-mixed"),
    "two-assertions-mixed": ("two-assertions-first", "two-assertions-last"),
    "foreign-key-x509": ("foreign-key-both", "key-info-x509"),
    "foreign-key-offered": (
        *("foreign-key-x509", "foreign-key-value", "foreign-key-token", "foreign-key-both"),
        "key-info-x509",
    ),
    "foreign-issuer": _FORGED,
    "key-info": ("key-info-absent", "key-info-other", "key-info-x509"),
    "key-info-other": ("key-info-x509",),
    "wrapping-anywhere": ("wrapping-header", "wrapping-security", "wrapping-trailer"),
    "doubled-body-first": ("doubled-body-first-id",),
    "doubled-body-last": ("doubled-body-last-id",),
    "method-bearer": ("method-bearer-unbound",),
    "method-sender-vouches": ("method-sender-vouches-unbound",),
}


def _flipped(text: str) -> str:
    """Change one letter of the message's SignatureValue."""
    start = text.rindex("<ds:SignatureValue>") + len("<ds:SignatureValue>") + 9
    return text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :]


def _digested(assertion: bytes) -> bytes:
    """Set the digest of an assertion right."""
    right = digest(canonical(without_signature(parse(assertion))))
    return re.sub(rb"(DigestValue[^<>]*>)[^<]*", lambda match: match[1] + right.encode(), assertion, count=1)


def _stripped(assertion: bytes) -> bytes:
    return re.sub(_SIGNATURE, b"", assertion, flags=re.DOTALL)


def _spoiled(assertion: bytes) -> bytes:
    return re.sub(rb"(SignatureValue[^<>]*>)[^<]{20}", rb"\1AAAAAAAAAAAAAAAAAAAA", assertion, count=1)


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


def _callers(section: Mapping[str, Any]) -> list[Caller]:
    return [Caller.of(entry) for entry in section["callers"].values()]


def _write(bad: Bad) -> bytes:
    """Write a message for a service with the plain contract."""
    caller, parts = bad
    return message(caller, peer.contract_of("plain").request({"LastName": _NAME}, caller.requester, fresh_id()), parts)


def _sort(got: Got) -> str:
    """Tell what an answer is: a status, the code of a fault, or no more than an HTTP status."""
    if "text/xml" not in got.headers.get("content-type", "").lower() or got.status not in (200, 500):
        return f"HTTP {got.status} {got.headers.get('content-type', '').partition(';')[0]}".strip()
    return got.outcome or got.text("faultcode")


def _outcome(endpoint: str, data: bytes) -> str:
    return _sort(send(endpoint, data, peer.contract_of("plain").action))


@contextlib.contextmanager
def _elsewhere() -> Iterator[str]:
    """Serve something which a reference may point to."""
    with serving(lambda _: Answer(200, b"what is there", headers={"Content-Type": "text/plain"})) as base:
        yield f"{base}/data.xml"


Messages = Mapping[str, Mapping[str, bytes]]


def _messages(section: Mapping[str, Any], elsewhere: str) -> Messages:
    """Write every message for every caller, and a good one."""
    callers = _callers(section)
    made: dict[str, Mapping[str, bytes]] = {}
    for caller, other in zip(callers, [*callers[1:], callers[0]], strict=True):
        bad = _Writer(caller, other, elsewhere).all()
        made[caller.kind] = {name: _write(one) for name, one in {"": (caller, Parts()), **bad}.items()}
    return made


def _try_security(report: _Report) -> None:
    with _elsewhere() as elsewhere:
        with peer.serve("plain") as section:
            messages = _messages(section, elsewhere)
            for kind, written in messages.items():
                found = {name: _outcome(section["endpoint"], data) for name, data in written.items()}
                report.check(found.pop("") == "Success", f"plain: {kind}: a good message")
                for name, code in found.items():
                    doubled = name.startswith("doubled-body")
                    report.check(code == ("SOA-03002" if doubled else "SOA-01001"), f"plain: {kind}: {name}: {code}")
                print(f"the plain one refuses {len(found)} messages of {kind}")
        for name in (*peer.LAX, *peer.UNPROVOKABLE):
            _try_lax(name, messages, report)


def _try_lax(name: str, messages: Messages, report: _Report) -> None:
    """Send all messages to a service; of the second caller on, only those that are to pass, and every tenth."""
    own = name.removeprefix("lax-")
    expected = {"", *([own] if own in next(iter(messages.values())) else []), *_ALSO.get(own, ())}
    with peer.serve(name) as section:
        for kind, written in messages.items():
            first = kind == next(iter(messages))
            sent = {one for place, one in enumerate(written) if first or one in expected or place % 10 == 0}
            found = {one for one in sent if _outcome(section["endpoint"], written[one]) in ("Success", "Requester")}
            report.check(
                found == expected & sent, f"{name}: {kind}: {sorted(found - expected)}, not {sorted(expected - found)}"
            )


def _try_tolerated(name: str, report: _Report) -> None:
    """Send what one may quarrel about; only the one reading the variant is called after shows."""
    now = datetime.now(UTC)
    with peer.serve(name) as section:
        endpoint = section["endpoint"]
        for caller in _callers(section):
            late, early = timedelta(minutes=3), timedelta(minutes=3)
            sent: Mapping[str, tuple[Parts, bool]] = {
                "sha1-accepted": (Parts(weak=True), False),
                "lifetime-accepted": (Parts(life=timedelta(hours=1)), False),
                "tolerance-none": (Parts(created=now - late), True),
                "tolerance-none-early": (Parts(created=now + early), True),
                "whole-document-checked": (Parts(references=_whole), False),
            }
            for one, (parts, usual) in sent.items():
                found = _outcome(endpoint, _write((caller, parts)))
                expected = usual is not (one == name)
                report.check(
                    found == ("Success" if expected else "SOA-01001"), f"{name}: {caller.kind}: {one}: {found}"
                )
            data = _write((caller, Parts()))
            again = [_outcome(endpoint, data) for _ in range(2)]
            second = "Success" if name == "replay-accepted" else "SOA-01001"
            report.check(again == ["Success", second], f"{name}: {caller.kind}: again: {again}")
            altered = _outcome(endpoint, _write((caller, Parts(references=_whole, after=_altered))))
            report.check(altered == "SOA-01001", f"{name}: {caller.kind}: altered: {altered}")


# --------------------------------------------------------------------------------------------- malformed messages


Probe = tuple[str, bytes, str, Mapping[str, str]]
_SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
# By probe: how a service that conforms may answer; the first is what the plain one does.
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "malformed": ("SOA-03001", "SOA-03002", "HTTP 400", "HTTP 400 text/plain", "HTTP 400 text/html"),
    "not_soap": ("SOA-03002",),
    "no_body": ("SOA-03003",),
    "empty_body": ("SOA-03005", "SOA-03003", "SOA-03006"),
    "operation": ("SOA-03005", "SOA-03004", "SOA-03006"),
    "dtd": ("SOA-03004", "SOA-03001", "SOA-03002"),
    "action": ("SOA-03004", "SOA-03005", "Success"),
    "quotes": ("Success", "SOA-03004"),
    "second_child": ("SOA-03004",),
    "two_bodies": ("SOA-03002", "SOA-03004", "SOA-01001"),
    "soap12": ("SOA-03002", "SOA-03004"),
    "soap12_media": ("SOA-03004", "SOA-03002", "SOA-03001", "HTTP 415", "HTTP 415 text/plain"),
    "media": ("SOA-03004", "SOA-03001", "HTTP 415", "HTTP 415 text/plain"),
    "media_other": ("SOA-03004", "SOA-03001", "HTTP 415", "HTTP 415 text/plain"),
    "get": ("HTTP 405", "HTTP 405 text/html", "SOA-03001", "SOA-03004"),
    "put": ("HTTP 405", "HTTP 405 text/html", "SOA-03001", "SOA-03004"),
}
# By the field of a clumsy variant: the probes which may show it.
_SHOWN_BY: Mapping[str, frozenset[str]] = {
    "http.media_type": frozenset(("media", "media_other", "soap12_media")),
    "http.method": frozenset(("get", "put")),
    "accepted.soap12": frozenset(("soap12", "soap12_media")),
}


def _probes(contract: Contract, caller: Caller) -> Mapping[str, Probe]:
    """Write what is malformed, all of it well signed where there is something to sign."""
    good = contract.request({"LastName": _NAME}, caller.requester, fresh_id())
    action = contract.action

    def post(data: bytes, action: str = action, **headers: str) -> Probe:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return "POST", data, action, named

    def write(payload: str = good, **parts: Any) -> bytes:
        return message(caller, payload, Parts(**parts))

    declared = f'<!DOCTYPE soap:Envelope [<!ENTITY name "{_NAME}">]>'
    operation = f'<d:WithdrawCovidIdRequest xmlns:d="{OWN}" IssueInstant="{_time(datetime.now(UTC))}"/>'
    newer = f'application/soap+xml; charset=utf-8; action="{action}"'
    return {
        "malformed": post(write()[:-3]),
        "not_soap": post(b'<hello xmlns="urn:example:hello">world</hello>'),
        "no_body": post(f'<s:Envelope xmlns:s="{SOAP}"><s:Header/></s:Envelope>'.encode()),
        "empty_body": post(write("")),
        "operation": post(write(operation)),
        "dtd": post(write(after=lambda text: declared + text.replace(f">{_NAME}<", ">&name;<"))),
        "action": post(write(), "urn:example:nothing"),
        "quotes": post(write(), SOAPAction=action),
        "second_child": post(write(good + good.replace(_NAME, "OTHER"))),
        "two_bodies": post(write(after=_doubled(_BODY, _evil, first=False))),
        "soap12": post(write(soap=_SOAP_12)),
        "soap12_media": post(write(soap=_SOAP_12), Content_Type=newer),
        "media": post(write(), Content_Type="application/json"),
        "media_other": post(write(), Content_Type="text/plain"),
        "get": ("GET", b"", action, {}),
        "put": ("PUT", write(), action, {}),
    }


def _probed(name: str) -> Mapping[str, str]:
    """Send everything malformed to a service; tell what came of it."""
    contract = peer.contract_of(name)
    with peer.serve(name) as section:
        probes = _probes(contract, Caller.of(section["callers"]["physician"]))
        found = {}
        for what, (method, data, action, headers) in probes.items():
            found[what] = _sort(send(section["endpoint"], data, action, method, headers))
        return found


def _try_malformed(name: str, report: _Report) -> None:
    """See whether a variant that conforms answers what it may."""
    found = _probed(name)
    for what, answer in found.items():
        free = what in ("action", "quotes") and not peer.contract_of(name).action
        report.check(free or answer in _ANSWERS[what], f"{name}: {what}: {answer}")
    if name == "plain":
        report.check(found == {what: answers[0] for what, answers in _ANSWERS.items()}, f"plain: {found}")


def _try_clumsy(name: str, report: _Report) -> None:
    """See whether a clumsy variant errs where it should, and nowhere else."""
    found, field_ = _probed(name), peer.CLUMSY[name].field
    shown = {what for what, answer in found.items() if answer not in _ANSWERS[what]}
    own = _SHOWN_BY.get(field_, frozenset((field_.rpartition(".")[2],)))
    report.check(bool(shown) and shown <= own, f"{name}: { ({what: found[what] for what in shown | own}) }")


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
        _try_malformed(name, report)
    print(f"{len(conforming)} variants conform")
    _try_security(report)
    print(f"{len(peer.LAX)} are lax, {len(peer.UNPROVOKABLE)} beyond provocation")
    for name in peer.TOLERATED:
        _try_tolerated(name, report)
    for name in peer.CLUMSY:
        _try_clumsy(name, report)
    print(f"{len(peer.TOLERATED)} are tolerated, {len(peer.CLUMSY)} clumsy")
    others = [name for name, variant in peer.VARIANTS.items() if not variant.conforming]
    for name in (*others, *peer.BORDERLINE):
        _differs(name, report)
    print(f"{len(others)} are defective, {len(peer.BORDERLINE)} borderline")
    print(f"{report.checks} checks, {len(report.problems)} problems, {time.monotonic() - start:.0f} s")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
