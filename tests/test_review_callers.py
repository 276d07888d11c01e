"""Tests of the review of SOAP callers: one mistake at a time in a right target, made here with keys and assertions."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

from conformance.formats import documents
from conformance.review import Remark, caller_problems, release_steps, review_network, review_offline
from conformance.review.credentials.certificates import owner_of
from conformance.soap.markup import parse, serialise
from conformance.soap.names import CERTIFIED, DS, HOLDER_OF_KEY, IDENTIFICATION, SAML
from conformance.soap.security.wss import SAML_ID, certificate_text, make_signer, sign_enveloped
from conformance.target.reading import choose_services, load_target
from conformance.target.target import ServiceTarget, Target

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
SERVICE = "dossier-number-generation"
STS = "https://services-acpt.ehealth.fgov.be/IAM/SecurityTokenService/v1"
PASSWORD = "zonnebloem-7731"  # noqa: S105 - of a file that is made here
PERSON, OTHER_PERSON, REAL_PERSON = "70020299541", "77082499654", "94021300145"
CENTRE, COMPANY = "81234530", "0809394427"
TEST_ISSUER = "UAT ZetesConfidens Private Trust PKI - eHealth issuing CA 002"
ISSUER = "ZetesConfidens Private Trust PKI - eHealth issuing CA 001"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
STS_KEY = rsa.generate_private_key(65537, 2048)
SHORT_KEY, STRANGE_KEY = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())  # noqa: S505
PERSON_NUMBER = "urn:be:fgov:ehealth:1.0:certificateholder:person:ssin"
DOCTOR, NIHII = "urn:be:fgov:person:ssin:doctor:boolean", "urn:be:fgov:person:ssin:ehealth:1.0:doctor:nihii11"
CENTRE_NUMBER = "urn:be:fgov:ehealth:1.0:certificateholder:sortingcenter:nihii-number"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Review = tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A caller's files and what a target says of it; as it is, all of it is right."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    service: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    environment: str = "acceptance"
    rate: float = 5
    key: Key = KEY
    owner: str = f"SSIN={PERSON}"
    country: str = "BE"
    organisation: str = "Federal Government"
    common: str = ""
    unit: str = "eHealth-platform Belgium"
    issuer: str = TEST_ISSUER
    starts: timedelta = timedelta(days=-100)
    ends: timedelta = timedelta(days=995)
    holder: Key | None = None
    method: str = HOLDER_OF_KEY
    version: str = "1"
    sts: str = "urn:be:fgov:ehealth:sts:1_0"
    begins: timedelta = timedelta(minutes=-5)
    expires: timedelta = timedelta(hours=23)
    said: Mapping[str, str] = field(default_factory=lambda: {PERSON_NUMBER: PERSON})
    certified: Mapping[str, str] = field(default_factory=lambda: {DOCTOR: "true", NIHII: "10082555001"})
    damage: Callable[[bytes], bytes] = bytes


def _certificate(world: World, key: Key) -> x509.Certificate:
    """Return a certificate of the form that the platform's have; its signature is nobody's."""
    name, _, number = world.owner.partition("=")
    parts = [
        (NameOID.COUNTRY_NAME, world.country),
        (NameOID.ORGANIZATION_NAME, world.organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, world.owner),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "JANSSENS ANNA"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, world.unit),
        (NameOID.COMMON_NAME, world.common or f"{name}={number}, ZONNEBLOEM"),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in parts]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, world.issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + world.starts)
        .not_valid_after(NOW + world.ends)
        .sign(STS_KEY, hashes.SHA256())
    )


STS_CERTIFICATE = _certificate(World(owner="CBE=0809394427"), STS_KEY)


def _attributes(names: Mapping[str, str], space: str) -> str:
    return "".join(
        f'<Attribute AttributeName="{name}" AttributeNamespace="{space}"><AttributeValue>{value}</AttributeValue>'
        "</Attribute>"
        for name, value in names.items()
    )


def _assertion(world: World) -> bytes:
    """Return an assertion as the STS issues it (SAML 1.1), signed by the key of these tests' STS."""
    holder = certificate_text(_certificate(world, world.holder or world.key))
    text = (
        f'<Assertion xmlns="{SAML}" {SAML_ID}="_a1" IssueInstant="2026-03-24T11:00:00.000Z" Issuer="{world.sts}" '
        f'MajorVersion="1" MinorVersion="{world.version}">'
        f'<Conditions NotBefore="{(NOW + world.begins).isoformat()}" '
        f'NotOnOrAfter="{(NOW + world.expires).isoformat()}"/>'
        f"<AttributeStatement><Subject><NameIdentifier>CN=x</NameIdentifier><SubjectConfirmation>"
        f"<ConfirmationMethod>{world.method}</ConfirmationMethod><KeyInfo xmlns='{DS}'><X509Data>"
        f"<X509Certificate>{holder}</X509Certificate></X509Data></KeyInfo></SubjectConfirmation></Subject>"
        f"{_attributes(world.said, IDENTIFICATION)}{_attributes(world.certified, CERTIFIED)}"
        "</AttributeStatement></Assertion>"
    )
    root = parse(text.encode())
    sign_enveloped(root, SAML_ID, make_signer(STS_KEY, STS_CERTIFICATE))
    return world.damage(serialise(root))


def _section(folder: Path, world: World) -> dict[str, Any]:
    """Write a caller's files, and return the service's section of a target file."""
    store = pkcs12.serialize_key_and_certificates(
        b"authentication", world.key, _certificate(world, world.key), None, BestAvailableEncryption(PASSWORD.encode())
    )
    (folder / "caller.p12").write_bytes(store)
    (folder / "password").write_text(PASSWORD, "utf-8")
    (folder / "caller.saml.xml").write_bytes(_assertion(world))
    (folder / "sts.pem").write_bytes(STS_CERTIFICATE.public_bytes(serialization.Encoding.PEM))
    caller = {
        "kind": "person",
        "keystore": "caller.p12",
        "password": {"file": "password"},
        "assertion": "caller.saml.xml",
        "requester": {"ssin": PERSON},
    }
    section = {
        "endpoint": "https://services-acpt.ehealth.fgov.be/DossierNumberGeneration/v1",
        "callers": {"physician": {**caller, **world.settings}},
        "trust": {"sts_ca": "sts.pem"},
        **world.service,
    }
    for name in world.remove:
        section["callers"]["physician"].pop(name, None)
        section.pop(name, None)
    return section


def _load(folder: Path, world: World, **section: object) -> tuple[Target, tuple[ServiceTarget, ...]]:
    """Write a target file with one caller and its files, and load it."""
    data = {
        "name": "my-target",
        "environment": world.environment,
        "identity": {"user_agent": "Zonnebloem/4.2.0 Stuifmeel/1.7.3", "from": "wacht@zonnebloem.be"},
        "limits": {"rate": world.rate, "budget": 100_000, "timeout": 30},
        "services": {SERVICE: {**_section(folder, world), **section}},
    }
    file = folder / "target.yaml"
    file.write_text(documents.dump(data), "utf-8")
    target = load_target(str(file))
    return target, choose_services(target, ())


def _offline(folder: Path, world: World) -> Review:
    folder.mkdir(exist_ok=True)
    return review_offline(*_load(folder, world), NOW)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake, and the one remark that it adds to those on a right target."""

    world: World
    severity: str
    says: tuple[str, ...]
    remedy: str


PERIOD = timedelta(days=3 * 365 + 60)
MISTAKES = {
    # The key store
    "no key store": Mistake(
        World(settings={"keystore": "gone.p12"}), "error", ("physician.keystore", "no such file"), "put it there"
    ),
    "wrong password": Mistake(
        World(settings={"password": {"command": ["printf", "wrong-one"]}}),
        "error",
        ("physician.keystore", "password is wrong"),
        "correct the password",
    ),
    "no password": Mistake(
        World(settings={"password": {"env": "EHEALTH_REVIEW_UNSET"}}),
        "error",
        ("callers.physician.password", "EHEALTH_REVIEW_UNSET"),
        "set it",
    ),
    "wrong alias": Mistake(
        World(settings={"alias": "encryption"}), "error", ("physician.keystore", "no key called"), "authentication"
    ),
    "short key": Mistake(World(key=SHORT_KEY), "error", ("RSA key has 1024 bits",), "RSA key of 2048 bits"),
    "unknown curve": Mistake(World(key=STRANGE_KEY), "error", ("curve secp256k1",), "P-384"),
    "expired certificate": Mistake(
        World(starts=timedelta(days=-900), ends=timedelta(days=-1)), "error", ("expired on 2026-03-23",), "renew it"
    ),
    "early certificate": Mistake(
        World(starts=timedelta(days=1)), "error", ("valid only from 2026-03-25",), "set this machine's clock"
    ),
    "renewal": Mistake(
        World(starts=timedelta(days=-900), ends=timedelta(days=80)),
        "warning",
        ("ends on 2026-06-12, in 80 days",),
        "Certificate Manager",
    ),
    "long period": Mistake(
        World(starts=timedelta(days=995) - PERIOD), "note", ("more than 36 months",), "certificate of the platform's"
    ),
    "other country": Mistake(World(country="FR"), "warning", ("C is 'FR' instead of 'BE'",), "known to the platform"),
    "other organisation": Mistake(World(organisation="Acme"), "warning", ("O is 'Acme'",), "known to the platform"),
    "other unit": Mistake(World(unit="Acme"), "warning", ("no OU is 'eHealth-platform Belgium'",), "known to"),
    "other common name": Mistake(World(common="Anna"), "warning", ("the CN does not begin with",), "known to"),
    "two owners": Mistake(
        World(common=f"SSIN={OTHER_PERSON}"), "warning", ("OU and CN name different owners",), "known to"
    ),
    "no owner": Mistake(World(owner="Anna", common="Anna"), "warning", ("no OU names the owner",), "known to"),
    "certificate of production": Mistake(
        World(issuer=ISSUER), "warning", ("one for production", "issuing CA 001"), "take the certificate for acceptance"
    ),
    "unknown issuer": Mistake(World(issuer="Citizen CA"), "note", ("'Citizen CA', which is not known",), "accepts it"),
    "certificate of another kind": Mistake(
        World(owner="NIHII-HOSPITAL=71000436"),
        "warning",
        ("names NIHII-HOSPITAL=71000436", "has a number ssin"),
        "mandate holder",
    ),
    "certificate of another person": Mistake(
        World(owner=f"SSIN={OTHER_PERSON}"),
        "warning",
        ("names SSIN=770824…", "the caller is 700202…"),
        "mandate holder",
    ),
    # The assertion
    "no assertion file": Mistake(
        World(settings={"assertion": "gone.xml"}), "error", ("physician.assertion", "no such file"), "put it there"
    ),
    "no XML": Mistake(World(damage=lambda _: b"token"), "error", ("not a SAML 1.1 assertion",), "exactly as"),
    "no SAML 1.1": Mistake(
        World(damage=lambda data: data.replace(SAML.encode(), b"urn:oasis:names:tc:SAML:2.0:assertion")),
        "error",
        ("there is no SAML 1.1 assertion in it",),
        "exactly as",
    ),
    "SAML 1.0": Mistake(World(version="0"), "error", ("SAML 1.0 instead of 1.1",), "of the type SAML 1.1"),
    "expired assertion": Mistake(
        World(expires=timedelta(minutes=-1)), "error", ("it expired at 2026-03-24T11:59:00Z",), "from the STS"
    ),
    "early assertion": Mistake(
        World(begins=timedelta(minutes=10)), "error", ("holds only from 2026-03-24T12:10:00Z",), "clock"
    ),
    "short assertion": Mistake(
        World(expires=timedelta(minutes=10), rate=0.3), "warning", ("it expires in 10 minutes, but the run",), "`sts`"
    ),
    "broken signature": Mistake(
        World(damage=lambda data: data.replace(b"10082555001", b"10082555002")),
        "error",
        ("the signature does not hold",),
        "trust.sts_ca",
    ),
    "no sts_ca": Mistake(
        World(remove=("trust",)), "note", ("who signed the assertion of callers.physician is not",), "of its authority"
    ),
    "sts_ca is no certificate": Mistake(
        World(service={"trust": {"sts_ca": "password"}}), "error", ("trust.sts_ca", "not a PEM file"), "as PEM"
    ),
    "other holder": Mistake(
        World(holder=OTHER_KEY), "error", ("its holder's key is not that of the key store",), "get one for this"
    ),
    "bearer": Mistake(
        World(method="urn:oasis:names:tc:SAML:1.0:cm:bearer"),
        "error",
        ("'urn:oasis:names:tc:SAML:1.0:cm:bearer', not holder-of-key",),
        "Holder-of-Key",
    ),
    "false attribute": Mistake(
        World(certified={DOCTOR: "false", NIHII: "10082555001"}),
        "warning",
        ("doctor:boolean is false instead of true", "inconclusive"),
        "whether the test case is configured",
    ),
    "empty attribute": Mistake(
        World(certified={DOCTOR: "true", NIHII: ""}), "warning", ("nihii11 is empty",), "test case is configured"
    ),
    "assertion of another": Mistake(
        World(said={PERSON_NUMBER: OTHER_PERSON}),
        "error",
        ("it belongs to 770824…", "requester.ssin is 700202…"),
        "correct requester.ssin",
    ),
    "assertion of nobody": Mistake(
        World(said={}), "warning", ("no identification attribute names its holder",), "of the kind person"
    ),
    "other STS": Mistake(World(sts="me"), "warning", ("issued by 'me' instead of",), "from the platform's STS"),
    # Assertion or STS
    "neither": Mistake(
        World(remove=("assertion", "trust")), "error", ("neither an assertion nor an STS",), "address of the STS"
    ),
    "both": Mistake(World(settings={"sts": STS}), "note", ("the assertion is used",), "leave `assertion` out"),
    "STS of another environment": Mistake(
        World(settings={"sts": STS.replace("acpt", "int")}, remove=("assertion", "trust")),
        "error",
        ("physician.sts", "integration environment"),
        "the STS of acceptance",
    ),
    "STS over plain http": Mistake(
        World(settings={"sts": STS.replace("https", "http")}, remove=("assertion", "trust")),
        "error",
        ("physician.sts", "plain http"),
        "the STS of acceptance",
    ),
    "STS without a number": Mistake(
        World(settings={"sts": STS}, remove=("assertion", "requester", "trust")),
        "warning",
        ("physician.requester.ssin is not given", "the STS cannot be asked"),
        "not_applicable",
    ),
    # The number
    "no person number": Mistake(
        World(
            settings={"requester": {"ssin": "70020299540"}},
            said={PERSON_NUMBER: "70020299540"},
            owner="SSIN=70020299540",
        ),
        "error",
        ("callers.physician.requester.ssin is no valid SSIN", "check digits"),
        "11 digits",
    ),
    "perhaps a real person": Mistake(
        World(
            settings={"requester": {"ssin": REAL_PERSON}},
            said={PERSON_NUMBER: REAL_PERSON},
            owner=f"SSIN={REAL_PERSON}",
        ),
        "note",
        ("nothing shows that callers.physician.requester.ssin are made up",),
        "test identities",
    ),
    "doubtful NIHII": Mistake(
        World(
            settings={"kind": "nihii_institution", "requester": {"nihii": "99111100"}},
            said={CENTRE_NUMBER: "99111100"},
            owner="NIHII-SORTINGCENTER=99111100",
        ),
        "warning",
        ("requester.nihii: the check digits fit neither",),
        "compare it with its source",
    ),
    "number of another kind": Mistake(
        World(settings={"requester": {"ssin": PERSON, "nihii": CENTRE}}),
        "warning",
        ("requester.nihii is not used: the kind person has a number ssin",),
        "correct the kind",
    ),
    # The contract
    "no WSDL": Mistake(World(service={"wsdl": "gone.wsdl"}), "error", ("gone.wsdl: there is no such",), "put it there"),
    "WSDL that is none": Mistake(
        World(service={"wsdl": "caller.saml.xml"}), "error", ("not a WSDL 1.1 document",), "name the service's WSDL"
    ),
    "unknown role": Mistake(
        World(service={"names": "names.yaml"}), "warning", ("plays request.gender", "not_applicable"), "`names`"
    ),
}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """Return the remarks on a target that is right in everything."""
    return _offline(tmp_path_factory.mktemp("right"), World())


def test_right_target_has_notes_alone(right: Review) -> None:
    """What is right is told no error and no warning: only when the certificate ends, and what the file leaves out."""
    assert {remark.severity for remark in right} == {"note"}
    assert [one.message for one in right if "2028-12-13, in 995 days" in one.message]
    assert [one.message for one in right if "reconstructed" in one.message]


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_its_remedy(tmp_path: Path, right: Review, name: str) -> None:
    """Each mistake adds one remark that names it and says what to do; passwords and whole numbers are not shown."""
    (tmp_path / "names.yaml").write_text("request: {gender: Nowhere}\n", "utf-8")
    mistake = MISTAKES[name]
    remarks = _offline(tmp_path, mistake.world)
    usual = ("nothing to do", "if you have it")
    added = [one for one in remarks if one not in right and not one.remedy.endswith(usual)]
    found = [one for one in added if all(word in one.message for word in mistake.says)]
    assert [one.severity for one in found] == [mistake.severity], remarks
    assert mistake.remedy in found[0].remedy
    assert added == found
    text = " ".join(remark.message + remark.remedy for remark in remarks)
    assert not [secret for secret in (PASSWORD, "wrong-one", PERSON, OTHER_PERSON, REAL_PERSON) if secret in text]


def test_local_caller_may_have_customs_of_its_own(tmp_path: Path) -> None:
    """On local, certificate and STS may be of any form, numbers anybody's; a contradiction is still told."""
    own = World(
        environment="local",
        service={"endpoint": "http://127.0.0.1:1/x"},
        country="FR",
        unit="Acme",
        issuer="me",
        sts="me",
        starts=timedelta(days=-9000),
        ends=timedelta(days=3),
    )
    kinds = "caller of the kind"
    assert not [one for one in _offline(tmp_path / "a", own) if kinds not in one.message]
    (found,) = [one for one in _offline(tmp_path / "b", replace(own, holder=OTHER_KEY)) if kinds not in one.message]
    assert (found.severity, found.topic) == ("error", "assertion")


@pytest.mark.parametrize(
    ("environment", "issuer", "told"),
    [("acceptance", TEST_ISSUER, False), ("acceptance", ISSUER, True), ("integration", ISSUER, True)],
)
def test_issuer_is_held_against_the_environment(tmp_path: Path, environment: str, issuer: str, *, told: bool) -> None:
    """A certificate for production is told where tests are run, one for tests is not."""
    world = World(
        environment=environment,
        issuer=issuer,
        service={"endpoint": f"https://services-{environment[:3]}.example.be/DossierNumberGeneration/v1"},
    )
    assert bool([one for one in _offline(tmp_path, world) if "one for production" in one.message]) is told


@pytest.mark.parametrize(
    ("kind", "owner", "attribute", "identity", "number"),
    [
        ("nihii_institution", f"NIHII-SORTINGCENTER={CENTRE}", CENTRE_NUMBER, "nihii", CENTRE),
        ("cbe_institution", f"CBE={COMPANY}", "urn:be:fgov:kbo-bce:organization:cbe-number", "cbe", COMPANY),
        ("ehp_institution", "EHP=1990000035", "urn:be:fgov:ehealth:1.0:organization:ehp-number", "ehp", "1990000035"),
        ("ehp_institution", "EHP=1990000035", "urn:be:fgov:ehealth:1.0:organization:ehp-number", "cbe", "1990000035"),
    ],
)
def test_right_institution_has_notes_alone(  # noqa: PLR0913, PLR0917 - one row of the table
    tmp_path: Path, kind: str, owner: str, attribute: str, identity: str, number: str
) -> None:
    """Each kind of institution is known by its own number, an EHP by the place of a CBE number too."""
    world = World(
        settings={"kind": kind, "requester": {identity: number}}, owner=owner, said={attribute: number}, certified={}
    )
    assert {one.severity for one in _offline(tmp_path, world)} == {"note"}


def test_owner_is_read_from_the_subject() -> None:
    """Type and number of a certificate's owner, and to which kind of number the type belongs."""
    owner = owner_of(_certificate(World(owner="NIHII-HOSPITAL=71000436"), KEY))
    assert (owner.kind, owner.number, owner.identity, owner.oddities) == ("NIHII-HOSPITAL", "71000436", "nihii", ())


@pytest.mark.parametrize(
    ("tag", "says"),
    [(b"<X509Certificate>", "a certificate in it cannot"), (b"<ds:X509Certificate>", "a certificate in it cannot")],
)
def test_damaged_certificate_is_told(tmp_path: Path, tag: bytes, says: str) -> None:
    """Whatever is wrong in a certificate of an assertion, the review ends with an error that says where."""
    target, services = _load(tmp_path, World())
    whole = (tmp_path / "caller.saml.xml").read_bytes()
    start = whole.index(tag) + len(tag)
    seen = set()
    for place in range(start, start + 700, 9):
        damaged = whole[:place] + (b"z" if whole[place : place + 1] != b"z" else b"y") + whole[place + 1 :]
        (tmp_path / "caller.saml.xml").write_bytes(damaged)
        errors = [one for one in review_offline(target, services, NOW) if one.severity == "error"]
        assert errors, place
        assert {one.topic for one in errors} == {"assertion"}
        seen |= {one.message for one in errors if says in one.message}
    assert seen


def test_signer_of_nobody_is_told(tmp_path: Path) -> None:
    """An assertion that another than the trusted STS signed does not hold."""
    target, services = _load(tmp_path, World())
    stranger = _certificate(World(owner="CBE=1000000021"), KEY)
    (tmp_path / "sts.pem").write_bytes(stranger.public_bytes(serialization.Encoding.PEM))
    (found,) = [one for one in review_offline(target, services, NOW) if "which is not trusted" in one.message]
    assert (found.severity, "trust.sts_ca" in found.remedy) == ("error", True)


def test_kinds_and_numbers_that_are_left_out_are_told(tmp_path: Path) -> None:
    """Kinds of caller that the file does not have, and numbers of others, make cases not applicable."""
    messages = [one.message for one in _offline(tmp_path, World())]
    for place in ("a caller of the kind nihii_institution", "data.others.ssin", "data.others.nihii"):
        assert [text for text in messages if f"{place} is not given" in text and "not_applicable" in text]
    given = World(service={"data": {"others": {"ssin": OTHER_PERSON, "nihii": CENTRE, "cbe": COMPANY}}})
    assert not [one for one in _offline(tmp_path, given) if "data.others" in one.message]


def test_only_the_callers_that_selected_cases_need_are_looked_at(tmp_path: Path) -> None:
    """A caller of a kind that no selected case is played by may have no key store."""
    target, services = _load(tmp_path, World(settings={"keystore": "gone.p12"}))
    needed = review_offline(target, services, NOW, selected=lambda case: case.caller == "person")
    assert [one for one in needed if "gone.p12" in one.message]
    others = review_offline(target, services, NOW, selected=lambda case: case.caller == "nihii_institution")
    assert not [one for one in others if "gone.p12" in one.message]


# What keeps a run from starting


@pytest.mark.parametrize(
    ("name", "stops"),
    [
        *((name, True) for name in ("no key store", "wrong password", "no password", "no assertion file", "no XML")),
        *((name, True) for name in ("expired assertion", "other holder", "neither", "STS of another environment")),
        *((name, False) for name in ("early assertion", "broken signature", "expired certificate", "no WSDL")),
        *((name, False) for name in ("false attribute", "no person number", "both")),
    ],
)
def test_only_what_makes_a_run_useless_stops_it(tmp_path: Path, name: str, *, stops: bool) -> None:
    """One line with file, place and remedy for what must be mended before any request; none for the rest."""
    target, (service,) = _load(tmp_path, MISTAKES[name].world)
    problems = caller_problems(target, service, NOW)
    assert len(problems) == stops
    for line in problems:
        assert line.startswith(f"{target.file}: services.{SERVICE}.callers.physician")
        assert all(word in line for word in (*MISTAKES[name].says, "; ", MISTAKES[name].remedy))


def test_right_caller_stops_nothing(tmp_path: Path) -> None:
    """A run with a right caller may start."""
    target, (service,) = _load(tmp_path, World())
    assert caller_problems(target, service, NOW) == []


def test_callers_that_a_run_does_not_need_do_not_stop_it(tmp_path: Path) -> None:
    """Only the named callers are looked at."""
    target, (service,) = _load(tmp_path, MISTAKES["expired assertion"].world)
    assert caller_problems(target, service, NOW, ()) == []
    assert len(caller_problems(target, service, NOW, ("physician",))) == 1


def test_no_line_shows_a_persons_number(tmp_path: Path) -> None:
    """The platform names its key stores after their owners; a line keeps the number to itself."""
    target, (service,) = _load(tmp_path, World(settings={"keystore": f"SSIN={PERSON} 20260101.acc-p12"}))
    (line,) = caller_problems(target, service, NOW)
    assert ("SSIN=700202…" in line, PERSON in line) == (True, False)


@pytest.mark.parametrize(("days", "state"), [(30, "broken"), (400, "kept")])
def test_certificate_is_held_against_the_release(tmp_path: Path, days: int, state: str) -> None:
    """A caller's certificate that ends before the release breaks it."""
    target, services = _load(tmp_path, World(ends=timedelta(days=days)))
    (found,) = [step for step in release_steps(target, services, date(2026, 6, 1), NOW) if "physician" in step.what]
    assert (found.state, "callers.physician.keystore" in found.what) == (state, True)


# The network


@dataclass(slots=True)
class Peer:
    """A place that answers anything with a status, and remembers what it was asked."""

    status: int = 500
    off: timedelta = timedelta()
    asked: list[str] = field(default_factory=list)


@contextmanager
def _serving(peer: Peer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            peer.asked.append(f"{self.command} {self.path}")
            self.send_response_only(peer.status)
            self.send_header("Date", format_datetime(NOW + peer.off, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1)


def _network(folder: Path, endpoint: str, sts: str = "") -> Review:
    """Return the network's part for a local service, with a caller that asks an STS where one is given."""
    world = World(environment="local", remove=("assertion",) if sts else (), settings={"sts": sts} if sts else {})
    target, services = _load(folder, world, endpoint=endpoint)
    remarks = review_network(target, services, clock=lambda: NOW, pause=lambda _: None)
    assert all(remark.network and remark.remedy for remark in remarks)
    return remarks


@pytest.mark.parametrize("status", [200, 405, 500, 503])
def test_any_answer_means_that_the_service_is_there(tmp_path: Path, status: int) -> None:
    """One bare GET shows the clock; its status means nothing, and no message is sent."""
    peer = Peer(status)
    with _serving(peer) as address:
        assert _network(tmp_path, f"{address}/Dossier/v1") == ()
    assert peer.asked == ["GET /Dossier/v1"]


def test_clock_of_the_service_is_compared(tmp_path: Path) -> None:
    """A service whose clock is off is told as any other's."""
    with _serving(Peer(off=timedelta(minutes=10))) as address:
        (found,) = _network(tmp_path, address)
    assert (found.severity, found.topic, "behind" in found.message) == ("error", "clock", True)


def test_sts_at_the_services_own_host_is_not_asked_again(tmp_path: Path) -> None:
    """One connection and one GET are enough for one host."""
    peer = Peer()
    with _serving(peer) as address:
        assert _network(tmp_path, f"{address}/Dossier/v1", f"{address}/sts") == ()
    assert peer.asked == ["GET /Dossier/v1"]


def test_sts_is_reached_but_not_asked_for_a_token(tmp_path: Path) -> None:
    """The clock of an STS elsewhere is compared by one GET, and told as that of the STS."""
    sts = Peer(405, timedelta(minutes=10))
    with _serving(Peer()) as address, _serving(sts) as issuer:
        (found,) = _network(tmp_path, address, f"{issuer}/sts")
    assert sts.asked == ["GET /sts"]
    assert (found.severity, found.topic, "callers.physician.sts: " in found.message) == ("error", "clock", True)


def test_sts_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Nobody at the STS's address is an error of reachability that names the caller."""
    with socket.socket() as taken, _serving(Peer()) as address:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        (found,) = _network(tmp_path, address, f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (found.severity, found.topic) == ("error", "reachability")
    assert "callers.physician.sts: no connection to 127.0.0.1" in found.message


def test_sts_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
    """A handshake that fails is an error of TLS that names the caller."""
    assert ssl.HAS_TLSv1_2
    with _serving(Peer()) as address, _serving(Peer()) as issuer:
        (found,) = _network(tmp_path, address, issuer.replace("http:", "https:"))
    assert (found.severity, found.topic, "callers.physician.sts: no TLS" in found.message) == ("error", "tls", True)


def test_sts_of_a_caller_with_an_assertion_is_left_alone(tmp_path: Path) -> None:
    """Where an assertion is at hand, nobody needs the STS."""
    sts = Peer()
    with _serving(Peer()) as address, _serving(sts) as issuer:
        target, services = _load(tmp_path, World(environment="local", settings={"sts": issuer}), endpoint=address)
        assert review_network(target, services, clock=lambda: NOW, pause=lambda _: None) == ()
    assert sts.asked == []
