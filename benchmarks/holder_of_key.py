"""Measures signing and verifying of Holder-of-Key messages beside bare xmlsec on the same bytes, in turns in one run.

One command, one table: `python benchmarks/holder_of_key.py`. Signing is one signature with two references; verifying is
two signatures, the message's and its assertion's. Times are medians of the rounds, in milliseconds a message. What
stands around these steps (building, XSD, the gateway's policy) is shown below the table, without a limit.
"""

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from lxml import etree

from conformance.contracts.binding import bind
from conformance.contracts.loading import load_spec
from conformance.soap.markup import Element, parse, serialise
from conformance.soap.message import LIFETIME, body_child, secure
from conformance.soap.names import DS, RSA_SHA256, SAML, WSSE, WSU
from conformance.soap.security import saml, wss
from conformance.soap.xsd.contract import body_of

LIMIT = 1.3
SERVICE = "dossier-number-generation"
_METHODS = {RSA_SHA256: xmlsec.constants.TransformRsaSha256}


@dataclass(frozen=True, slots=True)
class Holder:
    """A key with its certificate, in our form and in xmlsec's."""

    name: str
    signer: wss.Signer
    key: xmlsec.Key
    certificate: bytes


def holder(name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Holder:
    """Return a holder with a certificate of its own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    loaded = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    return Holder(
        name,
        wss.make_signer(key, certificate),
        loaded,
        certificate.public_bytes(Encoding.DER),
    )


def assertion(issuer: Holder) -> saml.Assertion:
    """Return a small assertion signed by an issuer."""
    text = (
        f'<Assertion xmlns="{SAML}" AssertionID="_a" Issuer="i" IssueInstant="2026-01-01T00:00:00Z" MajorVersion="1" '
        f'MinorVersion="1"><Conditions/><AttributeStatement><Subject/></AttributeStatement></Assertion>'
    )
    element = parse(text.encode())
    wss.sign_enveloped(element, wss.SAML_ID, issuer.signer)
    return saml.read_element(element, serialise(element))


def prepared(envelope: Element) -> tuple[Element, tuple[Element, Element]]:
    """Return a Security header and the two parts to be signed, of an envelope of its own."""
    fresh = copy.deepcopy(envelope)
    body = body_of(fresh)
    body.set(wss.WSU_ID, "_body")
    header = etree.Element(f"{{{etree.QName(fresh).namespace}}}Header")
    fresh.insert(0, header)
    security = etree.SubElement(
        header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU}
    )
    stamp = wss.timestamp(datetime.now(UTC), LIFETIME, "_timestamp")
    security.append(stamp)
    return security, (stamp, body)


def sign_bare(
    security: Element, parts: Sequence[Element], key: xmlsec.Key, method: object
) -> None:
    """Sign as xmlsec's own templates do it."""
    exclusive = xmlsec.constants.TransformExclC14N
    signature = xmlsec.template.create(security, exclusive, method, ns="ds")  # type: ignore[arg-type]
    security.append(signature)
    for name in ("_timestamp", "_body"):
        reference = xmlsec.template.add_reference(
            signature, xmlsec.constants.TransformSha256, uri=f"#{name}"
        )
        xmlsec.template.add_transform(reference, exclusive)
    xmlsec.template.ensure_key_info(signature).append(wss.assertion_reference("_a"))
    context = xmlsec.SignatureContext()
    context.key = key
    for part in parts:
        context.register_id(part, "Id", WSU)
    context.sign(signature)


def verify_bare(
    signature: Element,
    certificate: bytes,
    parts: Sequence[tuple[Element, str, str | None]],
) -> None:
    """Verify with xmlsec alone."""
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        certificate, xmlsec.constants.KeyDataFormatCertDer
    )
    for part, name, space in parts:
        context.register_id(part, name, space)
    context.verify(signature)


def timed(
    prepare: Callable[[], object], run: Callable[[object], object], count: int
) -> float:
    """Return the seconds that `run` takes for `count` messages, each prepared before the clock starts."""
    messages = [prepare() for _ in range(count)]
    began = time.perf_counter()
    for message in messages:
        run(message)
    return time.perf_counter() - began


def in_turns(
    pairs: Sequence[tuple[Callable[[], object], Callable[[object], object]]],
    count: int,
    rounds: int,
) -> list[float]:
    """Return the median milliseconds a message of each way, measured in turns."""
    times: list[list[float]] = [[] for _ in pairs]
    for _ in range(rounds):
        for found, (prepare, run) in zip(times, pairs, strict=True):
            found.append(timed(prepare, run, count) / count * 1000)
    return [statistics.median(found) for found in times]


def measure(
    own: Holder, issuer: Holder, envelope: Element, count: int, rounds: int
) -> list[tuple[str, float, float]]:
    """Return name, bare and own milliseconds of signing and of verifying for one kind of key."""
    method = _METHODS.get(own.signer.algorithm, xmlsec.constants.TransformEcdsaSha256)

    def ours(message: object) -> None:
        security, parts = message  # type: ignore[misc]
        wss.sign(security, parts, own.signer, wss.assertion_reference("_a"))

    def bare(message: object) -> None:
        security, parts = message  # type: ignore[misc]
        sign_bare(security, parts, own.key, method)

    signing = in_turns(
        [(lambda: prepared(envelope), bare), (lambda: prepared(envelope), ours)],
        count,
        rounds,
    )
    sent = secure(
        copy.deepcopy(envelope), assertion(issuer), own.signer, datetime.now(UTC)
    )

    def received() -> object:
        root = parse(sent)
        security = next(root.iter(f"{{{WSSE}}}Security"))
        token = next(root.iter(wss.ASSERTION))
        parts = {
            str(one.get(wss.WSU_ID)): one
            for one in root.iter(etree.Element)
            if one.get(wss.WSU_ID)
        }
        signature = security.find(f"{{{DS}}}Signature")
        return signature, parts, token, token.find(f"{{{DS}}}Signature")

    def verify_ours(message: object) -> None:
        signature, parts, token, inner = message  # type: ignore[misc]
        wss.verify(signature, own.certificate, parts)
        wss.verify(inner, issuer.certificate, {"_a": token}, wss.SAML_ID)

    def verify_plain(message: object) -> None:
        signature, parts, token, inner = message  # type: ignore[misc]
        verify_bare(
            signature, own.certificate, [(part, "Id", WSU) for part in parts.values()]
        )
        verify_bare(inner, issuer.certificate, [(token, wss.SAML_ID, None)])

    verifying = in_turns(
        [(received, verify_plain), (received, verify_ours)], count, rounds
    )
    return [(f"sign, {own.name}", *signing), (f"verify, {own.name}", *verifying)]  # type: ignore[list-item]


def main() -> int:
    """Print the table; end with 1 where a ratio is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=200, help="messages a round (default: 200)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    options = parser.parse_args()
    spec = load_spec(SERVICE)
    binding = bind(spec, {}, spec.folder)
    bound = next(iter(binding.bound.values()))
    values = {bound.request["last_name"]: "COVID_LASTNAME_TEST"}
    envelope = binding.contract.build(bound.operation.name, values)
    issuer = holder("STS", rsa.generate_private_key(65537, 2048))
    holders = [
        holder("RSA-2048", rsa.generate_private_key(65537, 2048)),
        holder("EC P-256", ec.generate_private_key(ec.SECP256R1())),
        holder("EC P-384", ec.generate_private_key(ec.SECP384R1())),
    ]
    rows = [
        row
        for own in holders
        for row in measure(own, issuer, envelope, options.count, options.rounds)
    ]
    print(f"{'step':20}{'bare xmlsec ms':>16}{'harness ms':>12}{'ratio':>8}")
    for name, plain, full in rows:
        print(f"{name:20}{plain:16.3f}{full:12.3f}{full / plain:8.2f}")
    print(f"limit: {LIMIT}; {options.rounds} rounds of {options.count} messages\n")
    sent = secure(
        copy.deepcopy(envelope), assertion(issuer), holders[0].signer, datetime.now(UTC)
    )
    parsed = parse(sent)
    around: list[tuple[str, Callable[[], object]]] = [
        (
            "build by the WSDL",
            lambda: binding.contract.build(bound.operation.name, values),
        ),
        ("parse, refusing DTDs", lambda: parse(sent)),
        (
            "validate by the XSD",
            lambda: binding.contract.problems(body_child(envelope)),
        ),
        ("policy: ids, references", lambda: _policy(parsed)),
    ]
    print(f"{'around it':26}{'harness ms':>12}")
    for name, step in around:
        (spent,) = in_turns(
            [(lambda: None, lambda _, step=step: step())], options.count, options.rounds
        )  # type: ignore[misc]
        print(f"{name:26}{spent:12.3f}")
    return int(any(full / plain > LIMIT for _, plain, full in rows))


def _policy(root: Element) -> None:
    wss.identified(root, (wss.WSU_ID, wss.SAML_ID))
    for signature in root.iter(f"{{{DS}}}Signature"):
        wss.references(signature)


if __name__ == "__main__":
    sys.exit(main())
