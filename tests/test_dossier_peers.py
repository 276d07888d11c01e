"""DossierNumberGeneration: independent implementations with their own WSDL and assertions, conforming and lying.

All variants take minutes; by default one or two run for each rule that may be broken, and each run ends with what it is
meant to find. With EHEALTH_ALL_PEERS=1 all run to their end.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection
from conformance.model.case import CaseKind
from tests.campaigns import ALL_PEERS, run_campaign, run_suite, sample
from tests.peers import dossier_number_generation as peers

SERVICE = "dossier-number-generation"

SERVED = (
    "4/response 5.2.1.1/id-optional 5.1.4/user-agent-accepted 8/own-identifier 8/no-identifier 5.2.1.2/in-response-to"
)
FIELDS = "5.2.2.2/first-names 5.2.2.2/gender 5.2.2.2/phone-number 5.2.1.2/identifier"
REFUSED = "8/person-identifier 8/person-no-institution 8/nihii-identifier 8/nihii-no-cbe 8/cbe-identifier"
REQUIREMENTS = {
    "response.http_status": "5.1.3/http-status",
    "response.media_type": "5.1.3/media-type",
    "response.envelope": "5.1.3/envelope 8/fault",
    "response.schema": "5.2/contract 5.2.1.2/status",
    "response.id": "5.2.1.2/id",
    "response.id_unique": "5.2.1.2/id-unique",
    "response.in_response_to": "5.2.1.2/in-response-to",
    "response.issue_instant": "5.2.1.2/issue-instant",
    "response.status": "5.2.2.3/status-code 5.2.1.2/status 4/response 5.2.1.2/no-identifier-on-failure 5.2/contract",
    "response.identifier": "5.2.1.2/identifier",
    "response.identifier_shared": "5.2.1.2/identifier-of-one-person",
    "success.status": f"{SERVED} {FIELDS}",
    "cbss.value": "5.2.2.4/value",
    "cbss.code": "5.2.2.4/code",
    "failure.identifier": "5.2.1.2/no-identifier-on-failure",
    "failure.status": f"5.2.2.3/requester 5.2.2.2/last-name 8/xsd {REFUSED}",
    "last_name": "5.2.2.2/last-name 8/xsd",
    "gender": "5.2.2.2/gender-values 8/xsd",
    "xsd": "8/xsd",
    "fault.http_status": "5.1.3/http-status",
    "fault.media_type": "5.1.3/media-type",
    "fault.structure": "8/fault-structure 8/fault-code 5.1.3/envelope 5.2/contract 8/fault",
    "fault.code": "8/fault-code",
    "fault.origin": "8/fault-component 8/fault-structure",
    "not_fault": "8/fault",
    "requester.person": "8/person-identifier",
    "requester.person_nihii": "8/person-no-institution",
    "requester.nihii": "8/nihii-identifier",
    "requester.nihii_cbe": "8/nihii-no-cbe",
    "requester.cbe": "8/cbe-identifier",
    "requester.own": "8/own-identifier 4/response",
    "requester.none": "8/no-identifier",
    "requester.message": "8/requester-message",
    "security": "4/security-verified 8/not-authenticated 6.2/clock-skew",
    "accepted": "8/malformed 8/soap 8/soap-body 8/ws-i 8/wsdl",
    "http": "8/malformed 8/soap 8/fault",
}
"""For each documented rule that a variant may break, the requirements of which one has to be named."""

OBSERVED = (
    *("lax-several-headers-first", "lax-several-headers-last", "lax-two-assertions-first"),
    *("lax-key-info", "lax-key-info-absent", "lax-key-info-other"),
)
"""Lax in what does no harm by itself: a second header, a second assertion, no word in KeyInfo (an observation)."""

WARNED = (
    *("second-child-first", "second-child-last", "any-media-served", "json-media-served"),
    *("get-served", "method-served", "put-served"),
)
"""They serve what WS-I says should be refused, and not that it must be (a warning)."""

UNSEEN = ("lax-external-fetched",)
"""It fetches what a signature refers to, which nobody offers here."""

FILTERING = ("malformed-html-200",)
"""A page with 200 answers an ill-formed message, as a filter in front of a service does (inconclusive)."""

CUT = {"not-fault-truncated": "5.1.3/envelope"}
"""A fault that is cut short is still read as one: what it breaks is the form of the message."""

UNDECIDED = {
    "unserved-all": "it answers everything by SOA-02001, as a service that is down does",
    "fault-origin-client": "no section says what else Origin may hold than the components of Table 1 (an observation)",
    "fault-origin-ehealth": "as fault-origin-client",
    "refusal-identifier-empty": "an empty identifier is none",
    "last-name-soa-03003": "the document names no code for it; the family is accepted (an observation)",
    "mismatch-soa-03002": "as last-name-soa-03003",
    "not-fault-html-200": "a page with 200 in answer to an odd message is a filter's (a gate)",
}
"""Variants that their author takes for defects, and that are not held against a service, with the reason."""

CONFORMING = [name for name, variant in peers.VARIANTS.items() if variant.conforming]
DEFECTIVE = [name for name, variant in peers.VARIANTS.items() if not variant.conforming and name not in UNDECIDED]


def _run(folder: Path, name: str, *kinds: CaseKind, until: Collection[str] = ()) -> Mapping[str, Any]:
    """Return the results of a run against a variant, of all cases or of some kinds, until a requirement is accused."""
    with peers.serve(name) as section:
        return run_campaign(
            folder,
            SERVICE,
            None,
            settings=section,
            selection=Selection(kinds=kinds),
            examples=6 if until else 3,
            until={f"{SERVICE}/{requirement}" for requirement in until},
        )


def _findings(document: Mapping[str, Any], severity: str) -> list[Mapping[str, str]]:
    return [finding for case in document["cases"] for finding in case["findings"] if finding["severity"] == severity]


def test_every_field_of_a_defect_has_its_requirements() -> None:
    """The table above knows each field that a variant may break, and its requirements exist."""
    assert {variant.field for variant in peers.VARIANTS.values() if not variant.conforming} <= set(REQUIREMENTS)
    others = (*peers.LAX.values(), *peers.CLUMSY.values())
    assert {variant.field.partition(".")[0] for variant in others} <= set(REQUIREMENTS)
    known = load_spec(SERVICE).contract.requirements
    assert {f"{SERVICE}/{name}" for names in REQUIREMENTS.values() for name in names.split()} <= set(known)
    assert set(UNDECIDED) <= set(peers.VARIANTS)


@pytest.mark.whole_run
@pytest.mark.parametrize("name", sample(peers.VARIANTS, CONFORMING, 20))
def test_conforming_implementation_raises_no_alarm(tmp_path: Path, name: str) -> None:
    """What the cookbook leaves open is neither a violation nor a warning, and leaves no case undecided."""
    with peers.serve(name) as section:
        document = run_suite(tmp_path, SERVICE, section)
    assert _findings(document, "violation") + _findings(document, "warning") == []
    assert {case["verdict"] for case in document["cases"]} <= {"pass", "not_applicable"}
    assert document["run"]["exit_code"] == 0


@pytest.mark.whole_run
@pytest.mark.parametrize("name", sample(peers.VARIANTS, DEFECTIVE, 12))
def test_defective_implementation_is_found_by_its_requirement(tmp_path: Path, name: str) -> None:
    """A single defect fails the run, and a violation names a requirement that it breaks, with what was found."""
    wanted = [*REQUIREMENTS[peers.VARIANTS[name].field].split(), *filter(None, [CUT.get(name)])]
    document = _run(tmp_path, name, until=wanted)
    violations = _findings(document, "violation")
    assert document["run"]["exit_code"] == 1
    accused = {finding["requirement"].partition("/")[2] for finding in violations}
    assert accused & set(wanted), accused
    for finding in violations:
        assert finding["message"]
        assert finding["location"]
        assert finding["expected"]
        assert finding["actual"]


INSECURE = [name for name in (*peers.LAX, *peers.CLUMSY) if name not in (*OBSERVED, *WARNED, *UNSEEN, *FILTERING)]


@pytest.mark.whole_run
@pytest.mark.parametrize("name", sample({**peers.LAX, **peers.CLUMSY}, INSECURE, 12))
def test_insecure_or_clumsy_implementation_is_found_by_the_matrix(tmp_path: Path, name: str) -> None:
    """What lets one bad message pass, or answers a malformed one by a bare page, fails a row of the matrix."""
    variant = peers.LAX.get(name) or peers.CLUMSY[name]
    wanted = REQUIREMENTS[variant.field.partition(".")[0]].split()
    document = _run(tmp_path, name, CaseKind.SECURITY, until=wanted)
    accused = {finding["requirement"].partition("/")[2] for finding in _findings(document, "violation")}
    assert document["run"]["exit_code"] == 1
    assert accused & set(wanted), accused


@pytest.mark.whole_run
@pytest.mark.parametrize("name", FILTERING)
def test_page_in_answer_to_an_ill_formed_message_is_not_judged(tmp_path: Path, name: str) -> None:
    """What a filter in front of a service may answer accuses nobody, and acquits nobody."""
    document = _run(tmp_path, name, CaseKind.SECURITY)
    assert _findings(document, "violation") == []
    assert document["run"]["exit_code"] == 3


@pytest.mark.whole_run
@pytest.mark.parametrize("name", [*peers.TOLERATED, *OBSERVED])
def test_tolerable_implementation_is_observed_only(tmp_path: Path, name: str) -> None:
    """Replay, SHA-1, a long lifetime, a tolerance of none, harmless surplus: either way of a service is conforming."""
    document = _run(tmp_path, name, CaseKind.SECURITY)
    assert _findings(document, "violation") == []
    assert _findings(document, "observation")
    assert document["run"]["exit_code"] == 0


@pytest.mark.whole_run
@pytest.mark.parametrize("name", WARNED)
def test_implementation_that_serves_what_should_be_refused_is_warned(tmp_path: Path, name: str) -> None:
    """Another method, media type or a second element in the Body is served: a warning that names WS-I, and no more."""
    document = _run(tmp_path, name, CaseKind.SECURITY)
    accused = {finding["requirement"] for finding in _findings(document, "violation")}
    # A success that is sent without reading the request cannot name it.
    assert accused <= {f"{SERVICE}/5.2.1.2/in-response-to"} if name in ("get-served", "method-served") else not accused
    warned = _findings(document, "warning")
    assert {finding["requirement"] for finding in warned} <= {f"{SERVICE}/8/malformed", f"{SERVICE}/8/ws-i"}
    assert warned
    assert all("WS-I Basic Profile 1.1, R" in finding["message"] for finding in warned)
    assert document["run"]["exit_code"] == bool(accused)


@pytest.mark.whole_run
@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided_implementation_is_not_accused(tmp_path: Path, name: str) -> None:
    """What can be read in favour of a service is not held against it."""
    document = _run(tmp_path, name)
    assert _findings(document, "violation") == []
    assert document["run"]["exit_code"] in (0, 3)


@pytest.mark.whole_run
@pytest.mark.parametrize("name", list(peers.BORDERLINE)[:: 1 if ALL_PEERS else 12])
def test_borderline_implementation_is_judged_without_an_error(tmp_path: Path, name: str) -> None:
    """Where the cookbook lets one quarrel, either verdict will do, as long as the harness reaches one."""
    document = _run(tmp_path, name)
    assert document["run"]["exit_code"] in (0, 1)
    assert "error" not in {case["verdict"] for case in document["cases"]}
