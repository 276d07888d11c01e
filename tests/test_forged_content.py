"""What a broken message holds is good but for the one thing: signed as it should be, every part of it is served.

Each mutation of the matrix is made against two services: the local platform, and a gateway that knows nothing of the
harness and is strict about schema, ids, check digits and times. What is forged in the message (requests wherever they
stand, Timestamps, assertions) is then signed properly, sent alone, and has to be served.
"""

import base64
import hashlib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from conformance.contracts.binding import bind
from conformance.contracts.loading import load_spec
from conformance.credentials.assertions import Callers
from conformance.evidence.redaction import Redactor
from conformance.messages.mutated import MessageVariants
from conformance.messages.soap import SoapMessages
from conformance.messages.templates import as_caller, with_message
from conformance.messages.test_data import CallerData
from conformance.mock.platform import LocalPlatform
from conformance.model.case import Case, Forgeries, Forgery
from conformance.model.errors import MissingDataError
from conformance.soap.markup import Element, XmlError, canonical, parse, serialise
from conformance.soap.message import secure
from conformance.soap.names import DS, SOAP, WSSE, WSU
from conformance.soap.security.mutations import MUTATIONS
from conformance.soap.security.saml import Assertion, read_assertion
from conformance.soap.security.wss import ASSERTION, SAML_ID, WSU_ID, make_signer, sign_enveloped
from tests.peers.dossier_world import KINDS, world
from tests.peers.wrapping_gateway import serve

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
CASES = {
    case.request.message.mutation: case
    for case in SPEC.cases.values()
    if case.request.message is not None and case.request.message.mutation in MUTATIONS
}
OF_SECURITY = [name for name in CASES if MUTATIONS[name].about_header]
FORGING = [name for name, case in CASES.items() if isinstance(case.probe, Forgeries)]
IDS = (WSU_ID, "Id", SAML_ID)
BROKEN_TIME = {name for name, one in MUTATIONS.items() if one.shift or name == "timestamp-altered"}
"""What is wrong with these is the time of the message."""
OTHERS = {
    name for name, one in MUTATIONS.items() if one.other or one.borrow or one.other_key or one.expired or one.denied
}
"""What is wrong with these is whose assertion it is, or what it says."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service with callers, and how messages for it are made."""

    endpoint: str
    messages: SoapMessages

    def answered(self, message: bytes) -> str:
        """Return the answer to a message."""
        action = f'"{self.messages.bound(CASES["no-security"].request).operation.action}"'
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": action}
        request = urllib.request.Request(self.endpoint, message, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())

    def signed(self, caller: str, request: Element, assertion: Assertion, created: datetime) -> bytes:
        """Return a message that is right in everything."""
        envelope = parse(
            f'<e:Envelope xmlns:e="{SOAP}"><e:Body>{serialise(request).decode()}</e:Body></e:Envelope>'.encode()
        )
        return secure(envelope, assertion, self.messages.data.callers.signer(caller), created)


def _service(settings: Mapping[str, Any]) -> Service:
    rules = SPEC.contract.soap
    assert rules is not None
    stored = {name: row for name, row in settings["callers"].items() if "assertion" in row}

    def silent(_: object) -> Any:  # noqa: ANN401 - never returns
        raise AssertionError("nothing is to be sent")

    callers = Callers(
        settings=stored,
        rules=rules.callers,
        folder=Path(),
        where="callers",
        environment="local",
        send=silent,
        headers=(),
        clock=lambda: datetime.now(UTC),
        redactor=Redactor(),
    )
    given = {name: settings[name] for name in ("wsdl",) if name in settings}
    data = CallerData(rules, callers, {"callers": stored}, local=True)
    messages = SoapMessages(bind(SPEC, given, Path()), data, lambda: datetime.now(UTC))
    return Service(settings["endpoint"], messages)


@pytest.fixture(scope="module", name="strict")
def _strict() -> Iterator[Service]:
    with serve() as settings:
        yield _service(settings)


@pytest.fixture(scope="module", name="local")
def _local() -> Iterator[Service]:
    with LocalPlatform((SPEC,)) as platform:
        yield _service(platform.settings(SERVICE))


def _pairs(case: Case) -> tuple[Forgery, ...]:
    usual = with_message(case.request, mutation="")
    return case.probe.pairs if isinstance(case.probe, Forgeries) else (Forgery(usual, usual),)


def _broken(service: Service, name: str, caller: str, pair: Forgery) -> Element:
    """Return a message with a mutation, as it is sent."""
    template = MessageVariants(service.messages).forged(as_caller(CASES[name], caller), pair)
    return parse(service.messages.post(template).body)


def _requests(service: Service, root: Element) -> list[Element]:
    bound = service.messages.bound(CASES["no-security"].request)
    return list(root.iter(bound.operation.request))


def _served(service: Service, message: bytes, request: Element) -> bool:
    """Tell whether a message is served with a success that belongs to its request."""
    answer = service.answered(message)
    return "status:Success" in answer and f'InResponseTo="{request.get("Id")}"' in answer


def _plays(name: str, service: Service) -> Iterator[tuple[str, Forgery, Element]]:
    for caller in service.messages.data.callers.names():
        for pair in _pairs(CASES[name]):
            try:
                yield caller, pair, _broken(service, name, caller, pair)
            except MissingDataError as lacking:
                assert "expired" in str(lacking) or "denied" in str(lacking)  # noqa: PT017 - what a peer has not
            except XmlError:
                assert name in ("not-well-formed", "document-type")


@pytest.mark.parametrize("kind", KINDS)
def test_signed_body_in_an_assertion_keeps_its_digest(kind: str, strict: Service) -> None:
    """However the assertion around it declares its namespaces, those of the Body stay what they were."""
    names = {row["kind"]: name for name, row in strict.messages.data.settings["callers"].items()}
    caller = names[kind]
    root = _broken(strict, "wrapped-in-assertion", caller, _pairs(CASES["wrapped-in-assertion"])[0])
    [inside] = root.iterfind(f".//{{{DS}}}Object/{{{SOAP}}}Body")
    said = root.findall(f".//{{{WSSE}}}Security/{{{DS}}}Signature/{{{DS}}}SignedInfo/{{{DS}}}Reference")
    digests = {one.get("URI"): one.findtext(f"{{{DS}}}DigestValue") for one in said}
    own = base64.b64encode(hashlib.sha256(canonical(inside)).digest()).decode()
    assert digests[f"#{inside.get(WSU_ID)}"] == own


@pytest.mark.parametrize("where", ["local", "strict"])
@pytest.mark.parametrize("name", OF_SECURITY)
def test_every_request_of_a_broken_message_is_served_when_it_is_signed(
    name: str, where: str, request: pytest.FixtureRequest
) -> None:
    """Whoever calls and whatever is forged: the schema, check digits, Id and time of each request are in order."""
    service: Service = request.getfixturevalue(where)
    for caller, pair, root in _plays(name, service):
        outcomes = []
        for one in _requests(service, root):
            assertion = service.messages.data.callers.assertion(caller)
            message = service.signed(caller, one, assertion, datetime.now(UTC))
            outcomes.append(_served(service, message, one))
        assert outcomes.count(False) <= pair.refused, (caller, pair)
        if pair.refused and len(outcomes) > 1:
            assert outcomes.count(False) == 1


@pytest.mark.parametrize("name", OF_SECURITY)
def test_no_id_is_given_twice_but_where_that_is_the_point(name: str, strict: Service) -> None:
    """An xs:ID occurs once in a document; only Bodies of one id share theirs, where that is the form of wrapping."""
    for _, _, root in _plays(name, strict):
        counts = Counter(value for one in root.iter(etree.Element) for value in {one.get(key) for key in IDS} - {None})
        doubled = {one.tag for one in root.iter(etree.Element) for key in IDS if counts[one.get(key)] > 1}
        assert doubled <= ({f"{{{SOAP}}}Body"} if name.endswith("same-id") else set())


@pytest.mark.parametrize("name", [name for name in OF_SECURITY if name not in BROKEN_TIME])
def test_every_timestamp_of_a_broken_message_is_of_now(name: str, strict: Service) -> None:
    """A message with the time of any Timestamp in it, signed, is served."""
    for caller, pair, root in _plays(name, strict):
        for created in root.iter(f"{{{WSU}}}Created"):
            if pair.refused:
                continue
            request = _requests(strict, root)[0]
            moment = datetime.fromisoformat(str(created.text))
            message = strict.signed(caller, request, strict.messages.data.callers.assertion(caller), moment)
            assert _served(strict, message, request)


@pytest.mark.parametrize("name", [name for name in OF_SECURITY if name not in OTHERS])
def test_assertion_of_a_broken_message_is_good_when_the_issuer_signs_it(name: str, strict: Service) -> None:
    """What an assertion says that was altered, or signed by somebody else, is served from the issuer's hand."""
    issuer = make_signer(world().sts, world().sts_certificate)
    for caller, pair, root in _plays(name, strict):
        found = root.find(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{ASSERTION}")
        if found is None or pair.refused:
            continue
        own = parse(serialise(found))
        for signature in own.findall(f"{{{DS}}}Signature"):
            own.remove(signature)
        sign_enveloped(own, SAML_ID, issuer)
        request = _requests(strict, root)[0]
        message = strict.signed(caller, request, read_assertion(serialise(own)), datetime.now(UTC))
        assert _served(strict, message, request)


@pytest.mark.parametrize("name", FORGING)
def test_forged_request_differs_from_the_signed_one(name: str, strict: Service) -> None:
    """Each has an Id of its own, by which an answer tells which of the two was processed."""
    for _, pair, _ in _plays(name, strict):
        template = MessageVariants(strict.messages).forged(as_caller(CASES[name], "hub"), pair)
        message = template.message
        assert message is not None
        assert message.forged is not None
        assert message.values["request_id"] != message.forged.values["request_id"]
