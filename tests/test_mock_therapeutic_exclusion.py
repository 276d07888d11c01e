"""Tests of the local platform's Therapeutic Exclusion service over real sockets: each operation, each refusal."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import KeySet

from conformance.contracts.loading import load_spec
from conformance.identifiers.fictitious import seems_fictitious
from conformance.identifiers.reading import doubts
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock import exclusion_access, exclusion_checks
from conformance.mock.exclusions import PRACTITIONERS
from conformance.mock.iam_connect.tokens import Issuer, Verifier, machine_claims
from conformance.mock.platform import LocalPlatform
from conformance.model.exchange import Request

SERVICE = "therapeutic-exclusion"
CATALOGUE = {"BIZ001", "BIZ002", "BIZ003", "VAL001", "VAL002", "VAL005", "VAL006", "VAL008"}
BOTH = "Cannot specify both the inss and the nihii"
INVALID = "Invalid hcparty id"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; `refusal` is the first code and message of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON may be anything
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str, str]:
        (entry,) = self.json
        return self.status, entry["code"], entry["message"]


@dataclass(frozen=True, slots=True)
class Service:
    """The service as its target file describes it."""

    settings: Mapping[str, Any]

    @property
    def patient(self) -> str:
        return str(self.settings["data"]["patient"])

    @property
    def physician(self) -> dict[str, str]:
        return dict(self.settings["data"]["practitioners"][0])

    @property
    def pharmacy(self) -> str:
        return str(self.settings["data"]["pharmacies"][0]["nihii"])

    def ask(  # noqa: PLR0913 - what a test may want to vary
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str = "citizen",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with a role's token and return the answer."""
        url = urlsplit(self.settings["base_url"] + path)
        sent = {"Authorization": f"Bearer {self.settings['tokens'][role]}", "Content-Type": "application/json"}
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
        try:
            target = f"{url.path}?{url.query}" if url.query else url.path
            connection.request(method, target, content, sent | dict(headers or {}))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def declare(self, body: object, **options: Any) -> Answer:  # noqa: ANN401 - handed on
        """Send a declaration."""
        return self.ask("POST", "/therapeuticExclusions", body, **options)

    def revoke(self, **query: str) -> Answer:
        """Send a revocation for the patient."""
        parameters = "&".join(f"{name}={value}" for name, value in query.items())
        return self.ask("DELETE", f"/therapeuticExclusions?{parameters}")

    def consult(self, query: str = "", **options: Any) -> Answer:  # noqa: ANN401 - handed on
        """Ask for the patient's exclusions."""
        return self.ask("GET", f"/therapeuticExclusions/{self.patient}{query}", **options)

    def history(self, query: str = "", **options: Any) -> Answer:  # noqa: ANN401 - handed on
        """Ask for the patient's history."""
        return self.ask("GET", f"/histories/{self.patient}{query}", **options)

    def declaration(
        self, *identifiers: tuple[str, object], code: object = "persphysician", patient: object = None
    ) -> dict[str, Any]:
        """Return a declaration, by default of the physician by the patient."""
        given = identifiers or (("ssin", self.physician["ssin"]),)
        return {
            "patient": {"identifier": [{"type": "ssin", "value": patient or self.patient}]},
            "hcParty": {
                "identifier": [{"type": kind, "value": value} for kind, value in given],
                "qualificationCode": code,
            },
        }


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """Serve the service for tests that change nothing."""
    yield from _serve()


@pytest.fixture
def service() -> Iterator[Service]:
    """Serve the service for one test that may change it."""
    yield from _serve()


def _serve() -> Iterator[Service]:
    spec = load_spec("status-dashboard")
    spec = replace(spec, contract=replace(spec.contract, service=SERVICE))
    with LocalPlatform((spec,)) as platform:
        yield Service(platform.settings(SERVICE))


def test_settings_are_a_complete_section_of_a_target_file(shared: Service) -> None:
    """All roles, test data and trust are there, and the data are valid and as fictitious as can be told."""
    settings = shared.settings
    assert set(settings) == {"base_url", "tokens", "data", "trust"}
    assert set(settings["tokens"]) == {
        *("citizen", "parent", "mandatary", "mandatary_wrong_type", "without_role", "expired"),
        *("other_citizen", "monitoring"),
    }
    data = settings["data"]
    people = [data["patient"], data["other_patient"], *(row["ssin"] for row in data["practitioners"])]
    assert len(set(people)) == 4
    assert all(not check(IdentifierKind.SSIN, ssin) and seems_fictitious(IdentifierKind.SSIN, ssin) for ssin in people)
    assert {row["qualification"] for row in data["practitioners"]} <= PRACTITIONERS
    assert all(not doubts(IdentifierKind.NIHII8, row["nihii"]) for row in data["pharmacies"])


def test_the_four_operations_tell_one_story(service: Service) -> None:
    """A party that is declared is shown with its published name, and gone once it is revoked."""
    assert service.consult().refusal == (404, "BIZ002", "Resource not found")
    assert service.history().status == 404
    declared = service.declare(service.declaration())
    assert (declared.status, declared.body) == (201, b"")
    (shown,) = service.consult().json
    assert shown["patient"] == {"identifier": [{"type": "ssin", "value": service.patient}]}
    assert shown["hcParty"]["identifier"] == [{"type": "ssin", "value": service.physician["ssin"]}]
    assert shown["hcParty"]["qualificationCode"] == "persphysician"
    assert shown["hcParty"]["name"]
    assert shown["hcParty"]["firstName"]
    revoked = service.revoke(patientSsin=service.patient, hcPartySsin=service.physician["ssin"])
    assert (revoked.status, revoked.body) == (204, b"")
    assert service.consult().status == 404
    assert [entry["operation"] for entry in service.history().json] == ["REVOKE_EXCLUSION", "DECLARE_EXCLUSION"]


def test_a_pharmacy_has_no_first_name(service: Service) -> None:
    """An organisation is shown by its NIHII, with its own name and a null first name, as the example does."""
    assert service.declare(service.declaration(("nihii", service.pharmacy), code="orgpharmacy")).status == 201
    (shown,) = service.consult(f"?hcPartyNihii={service.pharmacy}").json
    assert shown["hcParty"]["identifier"] == [{"type": "nihii", "value": service.pharmacy}]
    assert shown["hcParty"]["firstName"] is None
    assert service.revoke(patientSsin=service.patient, hcPartyNihii=service.pharmacy).status == 204


def test_names_in_a_declaration_are_replaced_by_published_ones(service: Service) -> None:
    """What the client writes as a name is not what is shown."""
    body = service.declaration()
    body["hcParty"] |= {"name": "Wrong", "firstName": "Wrong"}
    assert service.declare(body).status == 201
    assert b"Wrong" not in service.consult().body


def test_a_practitioners_nihii_is_tolerated_beside_the_ssin(service: Service) -> None:
    """The NIHII is optional for a practitioner, and no part of what is shown."""
    identifiers = (("ssin", service.physician["ssin"]), ("nihii", "12345625001"))
    assert service.declare(service.declaration(*identifiers)).status == 201
    (shown,) = service.consult().json
    assert [entry["type"] for entry in shown["hcParty"]["identifier"]] == ["ssin"]


def test_filters_show_one_party_or_nothing(service: Service) -> None:
    """Each filter gives its party alone; one for a party that is not excluded gives 404."""
    assert service.declare(service.declaration()).status == 201
    assert service.declare(service.declaration(("nihii", service.pharmacy), code="orgpharmacy")).status == 201
    assert len(service.consult().json) == 2
    assert len(service.consult(f"?hcPartySsin={service.physician['ssin']}").json) == 1
    second = service.settings["data"]["practitioners"][1]["ssin"]
    assert service.consult(f"?hcPartySsin={second}").refusal[:2] == (404, "BIZ002")


def test_history_is_written_as_the_example(service: Service) -> None:
    """An entry names application and person, the party with its name, and a moment in UTC."""
    assert service.declare(service.declaration()).status == 201
    (entry,) = service.history().json
    application, person = entry["author"]
    assert application["identifier"] == [{"type": "local", "value": application["name"]}]
    assert (application["firstName"], application["qualificationCode"]) == (None, "application")
    assert person == {
        "identifier": [{"type": "ssin", "value": service.patient}],
        "name": None,
        "firstName": None,
        "qualificationCode": "patient",
    }
    assert set(entry) == {"author", "target", "timestamp", "operation"}
    assert set(entry["target"]) == {"identifier", "name", "firstName", "qualificationCode"}
    assert datetime.fromisoformat(entry["timestamp"]).utcoffset() == timedelta(0)
    assert entry["timestamp"].endswith("+00:00")
    assert len(entry["timestamp"]) == len("2023-06-07T16:03:14+00:00")


@pytest.fixture(scope="module")
def changed() -> Iterator[Service]:
    """Serve a service in which three changes have happened."""
    for service in _serve():
        service.declare(service.declaration())
        service.revoke(patientSsin=service.patient, hcPartySsin=service.physician["ssin"])
        service.declare(service.declaration())
        yield service


@pytest.mark.parametrize(
    ("size", "shown"),
    [("1", 1), ("2", 2), ("002", 2), ("3", 3), ("4", 3), ("1500", 3), ("1501", 3), ("9" * 5000, 3)]
    + [(ignored, 3) for ignored in ("", "0", "-1", "1.5", "two", "+1", "%D9%A1", "1%20")],
    ids=lambda value: str(value)[:8],
)
def test_page_size_limits_the_history_if_it_is_a_positive_number(changed: Service, size: str, shown: int) -> None:
    """The newest entries are shown; a size that is no positive number is ignored."""
    whole = changed.history().json
    assert len(whole) == 3
    answer = changed.history(f"?pageSize={size}")
    assert (answer.status, answer.json) == (200, whole[:shown])


def test_exists_already(service: Service) -> None:
    """A second declaration is refused with 409 and BIZ001, also in another profession."""
    assert service.declare(service.declaration()).status == 201
    expected = (409, "BIZ001", "Resource already exists")
    assert service.declare(service.declaration()).refusal == expected
    assert service.declare(service.declaration(code="persdentist")).refusal == expected
    assert len(service.history().json) == 1


def test_does_not_exist(shared: Service) -> None:
    """Revoking what is not excluded is refused with 404 and BIZ002."""
    answer = shared.revoke(patientSsin=shared.patient, hcPartySsin=shared.physician["ssin"])
    assert answer.refusal == (404, "BIZ002", "Resource not found")


BROKEN_PATIENTS: Mapping[str, tuple[dict[str, object] | None, str]] = {
    "absent": (None, "VAL001"),
    "null": ({"patient": None}, "VAL001"),
    "text": ({"patient": "90010199794"}, "VAL001"),
    "without identifier": ({"patient": {}}, "VAL001"),
    "identifier is no list": ({"patient": {"identifier": {"type": "ssin", "value": "90010199794"}}}, "VAL001"),
    "no identifiers": ({"patient": {"identifier": []}}, "VAL001"),
    "other type": ({"patient": {"identifier": [{"type": "nihii", "value": "90010199794"}]}}, "VAL001"),
    "without value": ({"patient": {"identifier": [{"type": "ssin"}]}}, "VAL001"),
    "empty": ({"patient": {"identifier": [{"type": "ssin", "value": ""}]}}, "VAL001"),
    "check digits": ({"patient": {"identifier": [{"type": "ssin", "value": "90010199795"}]}}, "VAL002"),
    "short": ({"patient": {"identifier": [{"type": "ssin", "value": "9001019979"}]}}, "VAL002"),
    "number": ({"patient": {"identifier": [{"type": "ssin", "value": 90010199794}]}}, "VAL002"),
    "other digits": ({"patient": {"identifier": [{"type": "ssin", "value": "9001019979٤"}]}}, "VAL002"),
    "two": ({"patient": {"identifier": [{"type": "ssin", "value": "90010199794"}] * 2}}, "VAL002"),
}


@pytest.mark.parametrize(("change", "code"), BROKEN_PATIENTS.values(), ids=BROKEN_PATIENTS)
def test_declaration_with_a_broken_patient(shared: Service, change: dict[str, object] | None, code: str) -> None:
    """A patient that is missing is VAL001, one that is invalid VAL002."""
    body = shared.declaration()
    body = {"hcParty": body["hcParty"]} if change is None else body | change
    assert shared.declare(body).refusal[:2] == (400, code)


BROKEN_PARTIES: Mapping[str, tuple[object, str, str]] = {
    "absent": ({"hcParty": None}, "VAL005", "Missing hcparty id"),
    "no identifiers": ({"hcParty": {"identifier": [], "qualificationCode": "persnurse"}}, "VAL005", ""),
    "empty": ({"identifier": [{"type": "ssin", "value": ""}]}, "VAL005", "Missing hcparty id"),
    "check digits": ({"identifier": [{"type": "ssin", "value": "70020299542"}]}, "VAL006", INVALID),
    "number": ({"identifier": [{"type": "ssin", "value": 70020299541}]}, "VAL006", INVALID),
    "unknown type": ({"identifier": [{"type": "cbe", "value": "0809394427"}]}, "VAL006", INVALID),
    "two": ({"identifier": [{"type": "ssin", "value": "70020299541"}] * 2}, "VAL006", INVALID),
    "bad nihii beside": (
        {"identifier": [{"type": "ssin", "value": "70020299541"}, {"type": "nihii", "value": "1"}]},
        "VAL006",
        INVALID,
    ),
    "pharmacy of 11 digits": (
        {"identifier": [{"type": "nihii", "value": "61234516001"}], "qualificationCode": "orgpharmacy"},
        "VAL006",
        INVALID,
    ),
    "both": (
        {
            "identifier": [{"type": "ssin", "value": "70020299541"}, {"type": "nihii", "value": "61234516"}],
            "qualificationCode": "orgpharmacy",
        },
        "VAL006",
        BOTH,
    ),
    "no qualification": ({"qualificationCode": None}, "VAL008", ""),
    "unknown qualification": ({"qualificationCode": "perswizard"}, "VAL008", ""),
    "qualification is a list": ({"qualificationCode": ["persnurse"]}, "VAL008", ""),
    "pharmacy with an ssin": ({"qualificationCode": "orgpharmacy"}, "VAL008", ""),
    "physician with a nihii": ({"identifier": [{"type": "nihii", "value": "61234516"}]}, "VAL008", ""),
}


@pytest.mark.parametrize(("change", "code", "message"), BROKEN_PARTIES.values(), ids=BROKEN_PARTIES)
def test_declaration_with_a_broken_party(shared: Service, change: dict[str, Any], code: str, message: str) -> None:
    """A party that is missing is VAL005, invalid VAL006, given twice VAL006, in an unfit profession VAL008."""
    body = shared.declaration()
    body = body | change if "hcParty" in change else body | {"hcParty": body["hcParty"] | change}
    status, got, text = shared.declare(body).refusal
    assert (status, got) == (400, code)
    assert message in text


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("hcPartySsin=70020299541", "VAL001", "Missing patientId"),
        ("patientSsin=&hcPartySsin=70020299541", "VAL001", "Missing patientId"),
        ("patientSsin=90010199795&hcPartySsin=70020299541", "VAL002", "Invalid inss"),
        ("patientSsin=90010199794", "VAL005", "Missing hcparty id"),
        ("patientSsin=90010199794&hcPartySsin=", "VAL005", "Missing hcparty id"),
        ("patientSsin=90010199794&hcPartySsin=1", "VAL006", INVALID),
        ("patientSsin=90010199794&hcPartyNihii=61234516001", "VAL006", INVALID),
        ("patientSsin=90010199794&hcPartySsin=70020299541&hcPartyNihii=61234516", "VAL006", BOTH),
        ("patientSsin=85061599690&hcPartySsin=70020299541", "BIZ003", "Patient id is different than"),
    ],
)
def test_broken_revocation(shared: Service, query: str, code: str, message: str) -> None:
    """Each mistake in a revocation's query has its code."""
    status, got, text = shared.ask("DELETE", f"/therapeuticExclusions?{query}").refusal
    assert (status, got) == (400, code)
    assert message in text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/therapeuticExclusions/", "VAL001"),
        ("/therapeuticExclusions/90010199795", "VAL002"),
        ("/therapeuticExclusions/patientSsin=90010199794", "VAL002"),
        ("/therapeuticExclusions/90010199794?hcPartySsin=x", "VAL006"),
        ("/therapeuticExclusions/90010199794?hcPartyNihii=", "VAL005"),
        ("/therapeuticExclusions/90010199794?hcPartySsin=70020299541&hcPartyNihii=61234516", "VAL006"),
        ("/therapeuticExclusions/85061599690", "BIZ003"),
        ("/histories", "VAL001"),
        ("/histories/", "VAL001"),
        ("/histories/9001019979", "VAL002"),
        ("/histories/85061599690", "BIZ003"),
    ],
)
def test_broken_consultation(shared: Service, path: str, code: str) -> None:
    """Each mistake in a consultation's path or query has its code."""
    assert shared.ask("GET", path).refusal[:2] == (400, code)


def test_declaration_for_another_patient(shared: Service) -> None:
    """A patient who is not the token's is BIZ003, and nothing is declared."""
    other = shared.settings["data"]["other_patient"]
    assert shared.declare(shared.declaration(patient=other)).refusal[:2] == (400, "BIZ003")
    assert shared.ask("GET", f"/therapeuticExclusions/{other}", role="other_citizen").status == 404


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"text"', b"1", b"NaN", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 60_000, b"9" * 5000],
    ids=lambda raw: repr(raw[:8]),
)
def test_unreadable_declaration(shared: Service, raw: bytes) -> None:
    """What is no JSON object is refused with 400 and a code of the catalogue."""
    assert shared.declare(None, raw=raw).refusal[:2] == (400, "VAL001")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/x-www-form-urlencoded"])
def test_wrong_media_type(shared: Service, kind: str) -> None:
    """A body that does not say it is JSON is refused with 415."""
    assert shared.declare(shared.declaration(), headers={"Content-Type": kind}).status == 415


def test_media_type_may_have_parameters(service: Service) -> None:
    """A charset beside the media type changes nothing."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert service.declare(service.declaration(), headers=headers).status == 201


@pytest.mark.parametrize("size", [70_000, 1_000_000, 20_000_000])
def test_too_large_body(shared: Service, size: int) -> None:
    """A body beyond the limit is refused with 413, or its sending is cut off if it is immense."""
    try:
        assert shared.declare(None, raw=b" " * size).status == 413
    except (BrokenPipeError, ConnectionResetError):
        assert size > 16_777_216


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/unknown", 404),
        ("GET", "/histories/90010199794/more", 404),
        ("GET", "/therapeuticExclusions", 405),
        ("PUT", "/therapeuticExclusions", 405),
        ("POST", "/therapeuticExclusions/90010199794", 405),
        ("DELETE", "/histories/90010199794", 405),
        ("POST", "/health", 405),
    ],
)
def test_unknown_path_or_method(shared: Service, method: str, path: str, status: int) -> None:
    """What the service does not offer is refused by HTTP's own means, 405 with the methods that it does."""
    answer = shared.ask(method, path)
    assert answer.status == status
    assert ("allow" in answer.headers) == (status == 405)


OPERATIONS = [
    ("POST", "/therapeuticExclusions"),
    ("DELETE", "/therapeuticExclusions?patientSsin=90010199794&hcPartySsin=70020299541"),
    ("GET", "/therapeuticExclusions/90010199794"),
    ("GET", "/histories/90010199794"),
    ("GET", "/health"),
]
each_operation = pytest.mark.parametrize(("method", "path"), OPERATIONS)


@each_operation
@pytest.mark.parametrize("credentials", ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer é", ""])
def test_unusable_credentials(shared: Service, method: str, path: str, credentials: str) -> None:
    """Whatever is no token is answered with 401 and a challenge, before anything else is looked at."""
    answer = shared.ask(method, path, headers={"Authorization": credentials.encode().decode("latin-1")})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@each_operation
def test_no_credentials(shared: Service, method: str, path: str) -> None:
    """A request without a token is challenged without an error code (RFC 6750, section 3.1)."""
    url = urlsplit(shared.settings["base_url"] + path)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=60)
    connection.request(method, f"{url.path}?{url.query}")
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 401
    assert "error" not in str(answer.getheader("www-authenticate"))


@each_operation
@pytest.mark.parametrize("role", ["expired", "forged", "unsigned"])
def test_bad_token(shared: Service, method: str, path: str, role: str) -> None:
    """A token that is expired, changed or unsigned is answered with 401 and invalid_token."""
    header, claims, signature = shared.settings["tokens"]["monitoring" if path == "/health" else "citizen"].split(".")
    tokens = {
        "expired": shared.settings["tokens"]["expired"],
        "forged": f"{header}.{claims}.{signature[:-8]}{'A' * 8}",
        "unsigned": f"eyJhbGciOiJub25lIn0.{claims}.",
    }
    answer = shared.ask(method, path, headers={"Authorization": f"Bearer {tokens[role]}"})
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@each_operation
def test_missing_role(shared: Service, method: str, path: str) -> None:
    """A token without the operation's role is answered with 403 and insufficient_scope."""
    for role in ("without_role", "citizen" if path == "/health" else "monitoring"):
        answer = shared.ask(method, path, role=role)
        assert answer.status == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@each_operation
def test_wrong_mandate(shared: Service, method: str, path: str) -> None:
    """A mandatary whose mandate is of another type is answered with 403."""
    body = shared.declaration() if method == "POST" else None
    assert shared.ask(method, path, body, role="mandatary_wrong_type").status == 403


@pytest.mark.parametrize("role", ["parent", "mandatary"])
def test_others_act_for_the_patient_and_for_nobody_else(service: Service, role: str) -> None:
    """Parent and mandatary do for the patient what he can do himself, and the history names them."""
    assert service.declare(service.declaration(), role=role).status == 201
    assert service.consult(role="citizen").json == service.consult(role=role).json
    (entry,) = service.history(role=role).json
    assert entry["author"][1]["identifier"][0]["value"] != service.patient
    assert service.ask("GET", "/histories/85061599690", role=role).refusal[:2] == (400, "BIZ003")


def test_patients_do_not_see_each_other(service: Service) -> None:
    """What one patient declares is not shown to another."""
    assert service.declare(service.declaration()).status == 201
    other = service.settings["data"]["other_patient"]
    assert service.ask("GET", f"/therapeuticExclusions/{other}", role="other_citizen").status == 404
    assert service.consult(role="other_citizen").refusal[:2] == (400, "BIZ003")


def test_token_of_no_person_is_refused() -> None:
    """A token may have the role, but without an SSIN it is no citizen's (section 5.1.1)."""
    claims = machine_claims("machine", exclusion_access.SERVICE, (exclusion_access.REST_ACCESS,))
    issuer = Issuer("http://localhost/realm", lambda: datetime.now(UTC))
    verifier = Verifier({issuer.url: KeySet([issuer.key])}, exclusion_access.SERVICE, issuer.clock)
    request = Request("GET", "http://localhost/", (("Authorization", f"Bearer {issuer.issue(claims)}"),))
    [problem] = exclusion_access.token_problems(request, verifier, exclusion_access.REST_ACCESS)
    assert (problem.check, problem.status) == ("citizen", 403)
    assert exclusion_access.token_holder(request, verifier) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["ssin", "nihii", "90010199794", "orgpharmacy", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["patient", "hcParty", "identifier", "type", "value", "qualificationCode"]), inner
        )
    ),
)


@given(JSON)
def test_any_json_is_read_or_refused(body: object) -> None:
    """No declaration of whatever form makes the service fail otherwise than by a code of the catalogue."""
    problems = list(exclusion_checks.content_problems(body))
    assert {problem.code for problem in problems} <= CATALOGUE
    if not problems:
        assert isinstance(body, dict)
        patient, party = exclusion_checks.read_declaration(body)
        assert not check(IdentifierKind.SSIN, patient)
        assert party.qualification in PRACTITIONERS | {"orgpharmacy"}


def test_health(shared: Service) -> None:
    """The monitoring's role sees that the service is up."""
    answer = shared.ask("GET", "/health", role="monitoring")
    assert (answer.status, answer.json) == (200, {"status": "UP"})


def test_each_code_of_the_catalogue_has_a_test() -> None:
    """No code is left out of the tables above or of the tests beside them."""
    tables = {code for _, code in BROKEN_PATIENTS.values()} | {code for _, code, _ in BROKEN_PARTIES.values()}
    assert tables | {"BIZ001", "BIZ002", "BIZ003"} == CATALOGUE
