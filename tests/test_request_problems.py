"""Tests of what each service module says of a request: every problem, the first of which the service refuses by."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import KeySet

from conformance.checks.soap_request import ExpectedRequest, Incoming, request_problems
from conformance.contracts.loading import Spec, load_spec, service_ids
from conformance.mock import dossier_number_generation, exclusion_access, therapeutic_exclusion
from conformance.mock.iam_connect.tokens import Verifier
from conformance.mock.platform import LocalPlatform, service_module
from conformance.mock.service import RequestContext
from conformance.mock.sts import ISSUER
from conformance.mock.sts_checks import OPERATION as TOKEN_OPERATION
from conformance.mock.sts_checks import STS_CHECKS
from conformance.model.exchange import Request
from conformance.soap.markup import parse, serialise
from conformance.soap.message import TOKEN_ACTION, RequestedAttribute, token_request
from conformance.soap.names import WST
from tests.signing import BODY, NOW, OPERATION, SECURITY, authority, contract, holder, message, part, signer, tokens

SSIN, OTHER, PHYSICIAN = "90010199794", "85061599690", "70020299541"
ANY_HEADERS = st.lists(
    st.tuples(st.sampled_from(["Authorization", "Content-Type", "SOAPAction"]), st.text(max_size=30)), max_size=3
).map(tuple)
PATHS = st.sampled_from(["", "/", "/health", "/histories/", "/therapeuticExclusions", "/dashboard", "/%ff?a=%zz&a"])


def context(service: str, **others: Any) -> RequestContext:  # noqa: ANN401 - members of the context
    """Return what requests to a service at an address are held against now."""
    return RequestContext(load_spec(service), f"https://localhost/{service}", NOW, **others)


@pytest.mark.parametrize("service", service_ids())
@given(method=st.text(max_size=8), path=PATHS, headers=ANY_HEADERS, body=st.binary(max_size=99))
@settings(max_examples=60, deadline=None)
def test_no_request_makes_a_module_raise(
    service: str, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    """Whatever a client sends, each module that plays a service lists its problems."""
    own = context(service, tokens=Verifier({}, "any", lambda: NOW))
    request = Request(method, own.address + path, headers, body)
    problems = list(service_module(service).request_problems(request, own))
    assert all(problem.check and problem.reason and problem.status for problem in problems)


@pytest.mark.parametrize(
    ("service", "path"), [("status-dashboard", "/dashboard/int"), ("incidents-interventions", "/incidents")]
)
def test_status_services_demand_a_path_and_get(service: str, path: str) -> None:
    """A known path and GET, or HEAD, are all that is demanded; the local platform answers 405 and 404 itself."""

    def problems(method: str, at: str) -> list[tuple[str, int]]:
        own = context(service)
        found = service_module(service).request_problems(Request(method, own.address + at), own)
        return [(problem.check, problem.status) for problem in found]

    assert problems("GET", path) == problems("HEAD", path) == []
    assert problems("DELETE", path) == [("method_known", 405)]
    assert problems("GET", "/nothing") == [("path_known", 404)]


# DossierNumberGeneration


def dossier(body: bytes, trusted: tuple[x509.Certificate, ...] | None = None) -> list[str]:
    """Return the checks that find something wrong with a message to DossierNumberGeneration."""
    known = (tokens().credential.certificate,) if trusted is None else trusted
    own = context("dossier-number-generation", trusted=known, issuer=ISSUER)
    action = contract().operations[OPERATION].action
    headers = (("Content-Type", "text/xml"), ("SOAPAction", f'"{action}"'))
    request = Request("POST", own.address, headers, body)
    return [problem.check for problem in dossier_number_generation.request_problems(request, own)]


def test_dossier_module_finds_nothing_wrong_with_a_right_message() -> None:
    """A right message has no problem, with or without a trusted STS."""
    assert dossier(serialise(message())) == []
    assert dossier(serialise(message()), ()) == []


def test_mistakes_of_caller_and_message_are_reported_together() -> None:
    """What is wrong for this caller is reported beside what is wrong with the signature."""
    root = message()
    requester = next(root.iter("Requester"), None)
    assert requester is None
    for element in root.iter("LastName"):
        element.text = " "
    assert dossier(serialise(root)) == ["signature_holds", "last_name"]


def test_rules_for_callers_do_not_apply_without_one() -> None:
    """Where there is no assertion, the caller is missing, not wrong; the last name is missing all the same."""
    root = message()
    part(root, root[0].tag, SECURITY).clear()
    for element in root.iter("LastName"):
        element.text = ""
    found = dossier(serialise(root))
    assert "one_assertion" in found
    assert "last_name" in found
    assert "caller_known" not in found


def test_unknown_sts_is_no_mistake_of_the_client() -> None:
    """Without certificates of the STS nothing is said about who signed; with those of another one it is."""
    assert dossier(serialise(message()), (authority().certificate,)) == []
    assert "assertion_genuine" in dossier(serialise(message()), (holder().certificate,))
    assert "assertion_genuine" not in dossier(serialise(message()), ())


# The STS


def sts(body: bytes) -> list[str]:
    """Return the checks of the STS that find something wrong with a request."""
    expected = ExpectedRequest((TOKEN_OPERATION,), lambda _: (), (authority().certificate,), "")
    headers = (("Content-Type", "text/xml"), ("SOAPAction", f'"{TOKEN_ACTION}"'))
    incoming = Incoming(Request("POST", "https://localhost/", headers, body), expected, NOW)
    return [problem.check for problem in request_problems(incoming, STS_CHECKS)]


def test_every_mistake_of_a_token_request_is_reported() -> None:
    """What is asked for, for which key, and what is claimed are looked at although the signature does not hold."""
    claims = (RequestedAttribute("urn:be:fgov:person:ssin", OTHER), RequestedAttribute("urn:nothing", "x"))
    root = parse(token_request(signer(holder()), claims, NOW))
    asked = part(root, BODY, f"{{{WST}}}RequestSecurityToken")
    for name in ("TokenType", "KeyType", "UseKey"):
        asked.remove(part(asked, f"{{{WST}}}{name}"))
    found = ["signature_holds", "asks_to_issue", "for_own_key", "for_own_key", "claims_own"]
    assert sts(serialise(root)) == found


@given(st.binary(max_size=200), st.integers(0, 10_000), st.binary(max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_a_check_of_the_sts_raise(body: bytes, place: int, instead: bytes) -> None:
    """All checks of the STS run on any bytes, and on a request that is broken anywhere."""
    assert sts(body)
    right = token_request(signer(holder()), (RequestedAttribute("urn:be:fgov:person:ssin"),), NOW)
    place %= len(right)
    sts(right[:place] + instead + right[place + 1 :])


# Therapeutic Exclusion


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The service on the local platform, and what its requests are held against."""

    spec: Spec
    settings: Mapping[str, Any]
    verifier: Verifier

    def request(self, method: str, path: str, role: str = "citizen", body: object = None) -> Request:
        """Return a request with a role's token."""
        headers = [("Content-Type", "application/json")]
        if role:
            headers.append(("Authorization", f"Bearer {self.settings['tokens'][role]}"))
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Request(method, self.settings["base_url"] + path, tuple(headers), content)

    def problems(self, request: Request, *, trusted: bool = True) -> list[tuple[int, str | None]]:
        """Return status and code of every problem of a request."""
        verifier = self.verifier if trusted else None
        own = RequestContext(self.spec, self.settings["base_url"], datetime.now(UTC), tokens=verifier)
        found = therapeutic_exclusion.request_problems(request, own)
        return [(problem.status, problem.code) for problem in found]

    def answer(self, request: Request) -> tuple[int, str | None]:
        """Send a request, and return status and code of the answer."""
        url = urlsplit(request.url)
        connection = HTTPConnection(str(url.hostname), url.port, timeout=10)
        try:
            target = f"{url.path}?{url.query}" if url.query else url.path
            connection.request(request.method, target, request.body, dict(request.headers))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        document = json.loads(body) if body.startswith(b"[") else None
        return response.status, document[0].get("code") if document else None


@pytest.fixture(scope="module")
def exclusions() -> Iterator[Exclusions]:
    """Serve Therapeutic Exclusion."""
    spec = load_spec("therapeutic-exclusion")
    with LocalPlatform((spec,)) as platform:
        own = platform.settings("therapeutic-exclusion")
        url = urlsplit(own["trust"]["jwks"])
        connection = HTTPConnection(str(url.hostname), url.port, timeout=10)
        connection.request("GET", url.path)
        keys = KeySet.import_key_set(json.loads(connection.getresponse().read()))
        connection.close()
        verifier = Verifier({own["trust"]["issuer"]: keys}, exclusion_access.SERVICE, lambda: datetime.now(UTC))
        yield Exclusions(spec, own, verifier)


def declaration(patient: str, *identifiers: tuple[str, str], code: str = "persphysician") -> dict[str, Any]:
    """Return a declaration."""
    party = [{"type": kind, "value": value} for kind, value in identifiers]
    patients = [{"type": "ssin", "value": patient}]
    return {"patient": {"identifier": patients}, "hcParty": {"identifier": party, "qualificationCode": code}}


WRONG: list[tuple[str, str, str, object, list[tuple[int, str | None]]]] = [
    ("POST", "/therapeuticExclusions", "citizen", b"{", [(400, "VAL001")]),
    (
        "POST",
        "/therapeuticExclusions",
        "citizen",
        declaration("1", code="x"),
        [(400, "VAL002"), (400, "VAL005"), (400, "VAL008")],
    ),
    (
        "POST",
        "/therapeuticExclusions",
        "without_role",
        declaration(OTHER, ("ssin", PHYSICIAN), ("nihii", "1"), code="orgpharmacy"),
        [(403, None), (400, "VAL006"), (400, "VAL006"), (400, "VAL008"), (400, "BIZ003")],
    ),
    (
        "POST",
        "/therapeuticExclusions",
        "monitoring",
        [],
        [(403, None), (403, None), (400, "VAL001"), (400, "VAL005"), (400, "VAL008")],
    ),
    ("DELETE", "/therapeuticExclusions", "citizen", None, [(400, "VAL001"), (400, "VAL005")]),
    (
        "DELETE",
        f"/therapeuticExclusions?patientSsin={OTHER}&hcPartySsin=1&hcPartyNihii=1",
        "citizen",
        None,
        [(400, "VAL006"), (400, "VAL006"), (400, "VAL006"), (400, "BIZ003")],
    ),
    ("GET", "/therapeuticExclusions/1?hcPartySsin=", "expired", None, [(401, None), (400, "VAL002"), (400, "VAL005")]),
    ("GET", f"/therapeuticExclusions/{SSIN}", "", None, [(401, None)]),
    ("GET", f"/histories/{SSIN}", "mandatary_wrong_type", None, [(403, None)]),
    ("GET", "/histories/", "citizen", None, [(400, "VAL001")]),
    ("GET", "/histories", "citizen", None, [(400, "VAL001")]),
    ("GET", "/therapeuticExclusions", "citizen", None, [(405, None)]),
    ("PUT", "/health", "monitoring", None, [(405, None)]),
    ("GET", "/health", "citizen", None, [(403, None)]),
    ("GET", "/nothing", "citizen", None, [(404, None)]),
]


@pytest.mark.parametrize(("method", "path", "role", "body", "problems"), WRONG)
def test_every_mistake_is_listed_and_the_first_one_refuses(  # noqa: PLR0913, PLR0917 - a row of the table
    exclusions: Exclusions,
    method: str,
    path: str,
    role: str,
    body: object,
    problems: list[tuple[int, str | None]],
) -> None:
    """All problems of a request are listed, and the service answers by the first."""
    request = exclusions.request(method, path, role, body)
    assert exclusions.problems(request) == problems
    assert exclusions.answer(request) == problems[0]


def test_media_type_and_size_are_listed_beside_the_content(exclusions: Exclusions) -> None:
    """A declaration of another media type is looked at all the same, and so is one that is too large."""
    request = exclusions.request("POST", "/therapeuticExclusions", body=declaration("1", ("ssin", PHYSICIAN)))
    plain = replace(request, headers=(*request.headers[1:], ("content-type", "text/plain")))
    large = replace(request, body=request.body + b" " * 70_000)
    assert exclusions.problems(plain) == [(415, None), (400, "VAL002")]
    assert exclusions.problems(large) == [(413, None), (400, "VAL002")]
    assert [exclusions.answer(one) for one in (plain, large)] == [(415, None), (413, None)]


def test_right_requests_have_no_problem(exclusions: Exclusions) -> None:
    """A request that the service serves has none, whatever it knows of exclusions; nor without a known realm."""
    right = [
        exclusions.request("POST", "/therapeuticExclusions", body=declaration(SSIN, ("ssin", PHYSICIAN))),
        exclusions.request("DELETE", f"/therapeuticExclusions?patientSsin={SSIN}&hcPartySsin={PHYSICIAN}"),
        exclusions.request("GET", f"/therapeuticExclusions/{SSIN}", "parent"),
        exclusions.request("HEAD", f"/histories/{SSIN}?pageSize=-1", "mandatary"),
        exclusions.request("GET", "/health", "monitoring"),
    ]
    assert [exclusions.problems(request) for request in right] == [[]] * len(right)
    assert exclusions.problems(exclusions.request("GET", f"/histories/{OTHER}", ""), trusted=False) == []


@given(
    st.sampled_from(["POST", "DELETE", "GET"]),
    st.sampled_from(["", SSIN, OTHER, "1"]),
    st.sampled_from(["", "hcPartySsin=", f"hcPartySsin={PHYSICIAN}", "hcPartyNihii=61234516&hcPartySsin=2"]),
    st.sampled_from(["", "citizen", "parent", "expired", "without_role", "mandatary_wrong_type", "monitoring"]),
    st.sampled_from([b"", b"{}", b"null", b'{"patient":{"identifier":[{"type":"ssin","value":"1"}]}}']),
)
@settings(max_examples=150, deadline=None)
def test_service_refuses_by_the_first_problem(  # noqa: PLR0913, PLR0917 - what is drawn
    exclusions: Exclusions, method: str, patient: str, query: str, role: str, body: bytes
) -> None:
    """Whatever is wrong, the answer is the first problem's; without any, nothing is known of the patient."""
    path = f"/therapeuticExclusions/{patient}" if method == "GET" else "/therapeuticExclusions"
    given_query = f"patientSsin={patient}&{query}" if method == "DELETE" else query
    request = exclusions.request(method, f"{path}?{given_query}", role, body if method == "POST" else None)
    problems = exclusions.problems(request)
    assert exclusions.answer(request) == (problems[0] if problems else (404, "BIZ002"))


def test_token_is_judged_at_the_time_of_the_request(exclusions: Exclusions) -> None:
    """A token that has expired since was good when the request came."""
    request = exclusions.request("GET", f"/histories/{SSIN}", "expired")
    before = replace(exclusions.verifier, clock=lambda: datetime.now(UTC) - timedelta(minutes=90))
    assert exclusions.problems(request) == [(401, None)]
    assert replace(exclusions, verifier=before).problems(request) == []
