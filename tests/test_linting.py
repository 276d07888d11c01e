"""Tests of the linter: copies of the specs, each with one thing broken, and the one message that follows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.catalogue.lint import lint
from conformance.formats.schemas import specs_root

SERVICE = "status-dashboard"
VERSION = "1.4"

SOAP_SERVICE, SOAP_VERSION = "dossier-number-generation", "1.2"

Break = Callable[[Path], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the specs, with one service in it."""
    for name in ("formats", "common", f"{SERVICE}/{VERSION}"):
        shutil.copytree(specs_root() / name, tmp_path / "specs" / name)
    return tmp_path / "specs"


def _change(name: str, old: str, new: str, folder: str = f"{SERVICE}/{VERSION}") -> Break:
    """Replace a text, once, in a file of the spec folder, or in one of specs/common."""

    def change(root: Path) -> None:
        path = root / name if name.startswith("common/") else root / folder / name
        text = path.read_text("utf-8")
        assert old in text, f"{name} has changed: {old!r} is not in it any more"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _write(name: str, text: str) -> Break:
    def write(root: Path) -> None:
        (root / SERVICE / VERSION / name).write_text(text, encoding="utf-8")

    return write


def _remove(name: str) -> Break:
    return lambda root: (root / SERVICE / VERSION / name).unlink()


def _append(name: str, text: str) -> Break:
    def append(root: Path) -> None:
        path = root / SERVICE / VERSION / name
        path.write_text(path.read_text("utf-8") + text, encoding="utf-8")

    return append


UNTESTED = """\
  - id: status-dashboard/8/nobody-looks
    section: "8"
    level: MUST
    printed: must
    iut: server
    statement: Nobody has written a case for this statement.
"""
TESTED = """\
  - id: status-dashboard/8/somebody-looks
    section: "8"
    level: MUST
    printed: must
    iut: server
    statement: Somebody has written a case for this statement.
    untested: And yet here stands a reason for having none.
"""
CASE = """\
  - id: status-dashboard/8/somebody-looks
    title: A case for the statement
    kind: positive
    origin: test
    requirements: [status-dashboard/8/somebody-looks]
    request: {operation: getDashboard}
    expect: served
"""


def _both(*changes: Break) -> Break:
    def change(root: Path) -> None:
        for one in changes:
            one(root)

    return change


# How to break one thing, and the words that stand in the one message about it.
MISTAKES: dict[str, tuple[Break, tuple[str, ...]]] = {
    "unknown key": (_append("service.yaml", "colour: red\n"), ("service.yaml:", "unknown key 'colour'")),
    "value outside its list": (
        _change("service.yaml", "protocol: rest", "protocol: pigeon"),
        ("service.yaml:", "pigeon"),
    ),
    "not YAML": (_append("errata.yaml", "\t- x\n"), ("errata.yaml:", "not well-formed YAML")),
    "key twice": (_append("errata.yaml", "errata: []\n"), ("errata.yaml:", "'errata' is given twice")),
    "missing file": (_remove("cases.yaml"), ("cases.yaml", "no such file")),
    "folder with another version": (
        _change("service.yaml", 'version: "1.4"\n', 'version: "1.5"\n'),
        ("service.yaml says status-dashboard 1.5",),
    ),
    "requirement twice": (
        _change("requirements.yaml", "id: status-dashboard/5.1.1/accept\n", "id: status-dashboard/5.1.1/user-agent\n"),
        ("requirements.yaml: the id status-dashboard/5.1.1/user-agent is given twice",),
    ),
    "case twice": (
        _change("cases.yaml", "id: status-dashboard/8/method-put\n", "id: status-dashboard/8/method-post\n"),
        ("cases.yaml: the id status-dashboard/8/method-post is given twice",),
    ),
    "erratum twice": (
        _change(
            "errata.yaml",
            "id: status-dashboard/5.1.1/two-headers",
            "id: status-dashboard/5.1.1/user-agent-expression",
        ),
        ("errata.yaml: the id status-dashboard/5.1.1/user-agent-expression is given twice",),
    ),
    "id of another service": (
        _change("cases.yaml", "id: status-dashboard/8/method-put\n", "id: dashboard/8/method-put\n"),
        ("the id dashboard/8/method-put does not begin with status-dashboard/",),
    ),
    "id with another section": (
        _change("requirements.yaml", "id: status-dashboard/6.1.1/update", "id: status-dashboard/6.1.2/update"),
        ("the id status-dashboard/6.1.2/update does not name its section 6.1.1",),
    ),
    "id that is no id": (
        _change("cases.yaml", "id: status-dashboard/8/method-put\n", "id: status-dashboard/method-put\n"),
        ("cases.yaml:", "'status-dashboard/method-put' has not the form"),
    ),
    "case for no requirement": (
        _change("cases.yaml", "only: [status-dashboard/5.3.1.2/items]", "only: [status-dashboard/5.3.1.2/item]"),
        ("names the requirement status-dashboard/5.3.1.2/item, which does not exist",),
    ),
    "TLS for no requirement": (
        _change("cases.yaml", "tls: status-dashboard/6.1.2/tls", "tls: status-dashboard/6.1.2/ssl"),
        ("names the requirement status-dashboard/6.1.2/ssl, which does not exist",),
    ),
    "case for no operation": (
        _change("cases.yaml", "request: {operation: getDashboardInt}", "request: {operation: getDashboardInteger}"),
        ("names the operation getDashboardInteger, which openapi.yaml does not have",),
    ),
    "twin of no operation": (
        _change("cases.yaml", "twin: {operation: getDashboard}", "twin: {operation: getBoard}"),
        ("names the operation getBoard, which openapi.yaml does not have",),
    ),
    "guard of no operation": (
        _change("cases.yaml", "unchanged: {operation: getDashboard,", "unchanged: {operation: getBoard,"),
        ("names the operation getBoard, which openapi.yaml does not have",),
    ),
    "case with no such strategy": (
        _change("cases.yaml", "generate: long-query", "generate: longer-query"),
        ("names the strategy longer-query, which does not exist",),
    ),
    "expectation with no such schema": (
        _change("cases.yaml", "matches: dashboard-data", "matches: dashboard-date"),
        ("expectation unknown-path names the schema dashboard-date, which does not exist",),
    ),
    "unknown rule": (
        _change("rules.yaml", "rule: ascending", "rule: upwards"),
        ("rules.yaml names the rule upwards, which does not exist",),
    ),
    "rule for no requirement": (
        _change(
            "rules.yaml",
            'at: "groups[].id", requirement: status-dashboard/5.3.1.2/group-id',
            'at: "groups[].id", requirement: status-dashboard/5.3.1.2/group-ids',
        ),
        ("rules.yaml names the requirement status-dashboard/5.3.1.2/group-ids, which does not exist",),
    ),
    "rule for no place": (
        _change("rules.yaml", 'at: "groups[].id"', 'at: "groups[].identifier"'),
        ("rules.yaml: the schema dashboard has no place groups[].identifier",),
    ),
    "rule for no schema": (
        _change("rules.yaml", 'schema: dashboard, at: "groups[].id"', 'schema: board, at: "groups[].id"'),
        ("rules.yaml: the schema board has no place groups[].id",),
    ),
    "operation with no such schema": (
        _change("openapi.yaml", "$ref: schemas/dashboard.schema.json", "$ref: schemas/board.schema.json"),
        ("openapi.yaml: getDashboard names the schema board, which does not exist",),
    ),
    "schema that is no JSON": (
        _write("schemas/dashboard-data.schema.json", "{"),
        ("dashboard-data.schema.json:1: not well-formed JSON",),
    ),
    "schema that is no JSON Schema": (
        _change("schemas/dashboard-data.schema.json", '"type": "array"', '"type": "arry"'),
        ("schemas/dashboard-data.schema.json is not a JSON Schema", "arry"),
    ),
    "schema for no requirement": (
        _change("schemas/dashboard.schema.json", '"status-dashboard/5.2/json"', '"status-dashboard/5.2/jason"'),
        ("schemas/dashboard.schema.json names the requirement status-dashboard/5.2/jason, which does not exist",),
    ),
    "example that breaks its schema": (
        _change("examples/dashboard-int.json", '"status_code": 1', '"status_code": 4'),
        ("examples/dashboard-int.json: $.groups[0].items[0].status_code: 4 is not one of [1, 2, 3]",),
    ),
    "example of no schema": (
        _write("examples/board.json", "{}"),
        ("examples/board.json begins with the name of no schema",),
    ),
    "requirement that nobody looks at": (
        _append("requirements.yaml", UNTESTED),
        ("requirement status-dashboard/8/nobody-looks has neither a case nor a reason",),
    ),
    "requirement with a case and a reason for none": (
        _both(_append("requirements.yaml", TESTED), _append("cases.yaml", CASE)),
        ("requirement status-dashboard/8/somebody-looks has a case", "and yet a reason for having none"),
    ),
    "common file with an unknown key": (
        _change("common/environments.yaml", "environments:\n", "colour: red\nenvironments:\n"),
        ("environments.yaml:", "unknown key 'colour'"),
    ),
    "tracing without its rule": (
        _change("common/tracing.yaml", "  subsets: 2\n", ""),
        ("tracing.yaml:", "the key 'subsets' is missing"),
    ),
}

# The same where more than one message may follow.
BREAKAGES: dict[str, tuple[Break, tuple[str, ...]]] = {
    "example that is no JSON": (
        _change("examples/dashboard.json", "{", "{{"),
        ("examples/dashboard.json",),
    ),
    "case with no such expectation": (
        _change("cases.yaml", "expect: open-input", "expect: open-output"),
        ("open-output",),
    ),
    "operation without an id": (
        _change("openapi.yaml", "      operationId: getDashboardInt\n", ""),
        ("openapi.yaml",),
    ),
    "schema with an unknown type, and examples": (
        _change("schemas/dashboard.schema.json", '"type": "array"', '"type": "arry"'),
        ("schemas/dashboard.schema.json is not a JSON Schema",),
    ),
    "schema that refers to nothing": (
        _change("schemas/dashboard.schema.json", '"$ref": "#/$defs/group"', '"$ref": "#/$defs/grp"'),
        ("schemas/dashboard.schema.json",),
    ),
    "expression that is none": (
        _change("common/tracing.yaml", "reading: '[a-zA-Z0-9", "reading: '[z-a"),
        ("tracing.yaml",),
    ),
    "guard of a place that is not there": (
        _change("cases.yaml", 'at: ["groups[].id"', 'at: ["groups[].identifier"'),
        ("groups[].identifier",),
    ),
    "claim by a setting that is not there": (
        _change("cases.yaml", "setting: dashboards", "setting: boards"),
        ("boards",),
    ),
    "rule with an unknown option": (
        _change("rules.yaml", "options: {past: true}", "options: {passed: true}"),
        ("passed",),
    ),
}


def test_specs_as_they_are_have_no_mistake(root: Path) -> None:
    """The copy that the other tests break has no mistake before."""
    assert lint(root) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_one_broken_thing_gives_the_one_message_about_it(root: Path, name: str) -> None:
    """Each mistake is reported once, where it stands, and nothing else with it."""
    change, words = MISTAKES[name]
    change(root)
    problems = lint(root)
    assert len(problems) == 1, problems
    assert all(word in problems[0] for word in words), problems
    assert problems[0].startswith(str(root))


@pytest.mark.parametrize("name", BREAKAGES)
def test_broken_thing_is_reported_and_never_raised(root: Path, name: str) -> None:
    """Whatever is wrong with a spec folder is a message of the linter, not a traceback."""
    change, words = BREAKAGES[name]
    change(root)
    problems = lint(root)
    assert any(all(word in problem for word in words) for problem in problems), problems


def test_mistakes_of_several_files_are_reported_together(root: Path) -> None:
    """One mistake hides no other, not even one in specs/common."""
    for name in ("unknown key", "not YAML", "common file with an unknown key", "tracing without its rule"):
        MISTAKES[name][0](root)
    problems = lint(root)
    assert len(problems) == 4
    for name in ("service.yaml", "errata.yaml", "environments.yaml", "tracing.yaml"):
        assert sum(f"{name}:" in problem for problem in problems) == 1


def test_mistakes_of_one_version_do_not_touch_another(root: Path) -> None:
    """Each spec folder is linted by itself, and its messages name it."""
    shutil.copytree(root / SERVICE / VERSION, root / SERVICE / "1.5")
    problems = lint(root)
    assert problems == [f"{root / SERVICE / '1.5'}: service.yaml says status-dashboard 1.4, the folder says otherwise"]


def test_folder_without_specs_is_no_folder_without_mistakes(tmp_path: Path) -> None:
    """Where there is nothing to lint, that is said."""
    assert lint(tmp_path) == [f"{tmp_path}: there is no spec folder here (SERVICE/VERSION/service.yaml)"]


@pytest.mark.parametrize("inside", [".", SERVICE, f"{SERVICE}/{VERSION}"])
def test_folder_beside_the_specs_names_them(root: Path, inside: str) -> None:
    """Who names a folder too high or too low is told which one holds the specs."""
    own = root.parent / "clone"
    own.mkdir()
    root.rename(own / "specs")
    place = own if inside == "." else own / "specs" / inside
    [problem] = lint(place)
    assert problem.endswith(
        f"there is no spec folder here (SERVICE/VERSION/service.yaml); did you mean {own / 'specs'}?"
    )


def test_folder_that_lacks_service_yaml_is_told(root: Path) -> None:
    """A folder of data that no command knows is not passed over in silence."""
    folder = root / "new-service" / "1.0"
    shutil.copytree(root / SERVICE / VERSION, folder)
    (folder / "service.yaml").unlink()
    (root / "other").mkdir()
    (root / "other" / "cases.yaml").touch()
    assert lint(root) == [
        f"{folder}: service.yaml is missing, so that no command knows this folder",
        f"{root / 'other'}: a service's files stand in a folder of their version (SERVICE/VERSION/service.yaml)",
    ]


def test_all_mistakes_of_an_example_are_reported(root: Path) -> None:
    """An example with two mistakes gives two messages with their places."""
    path = root / SERVICE / VERSION / "examples" / "dashboard.json"
    document = json.loads(path.read_bytes())
    del document["groups"][0]["name"]
    document["groups"][1]["id"] = 7
    path.write_text(json.dumps(document), encoding="utf-8")
    problems = lint(root)
    assert len(problems) == 2
    assert any("$.groups[0]: 'name' is a required property" in problem for problem in problems)
    assert any("$.groups[1].id: 7 is not of type 'string'" in problem for problem in problems)


# ------------------------------------------------------------------------------------------------------------ SOAP


@pytest.fixture
def soap_root(tmp_path: Path) -> Path:
    """Return a copy of the specs, with a SOAP service in it."""
    for name in ("formats", "common", f"{SOAP_SERVICE}/{SOAP_VERSION}"):
        shutil.copytree(specs_root() / name, tmp_path / "specs" / name)
    return tmp_path / "specs"


def _soap(name: str, old: str, new: str) -> Break:
    """Replace a text, once, in a file of the SOAP service's spec folder."""
    return _change(name, old, new, f"{SOAP_SERVICE}/{SOAP_VERSION}")


def _without(name: str) -> Break:
    return lambda root: (root / SOAP_SERVICE / SOAP_VERSION / name).unlink()


def _requirement(old: str) -> tuple[Break, tuple[str, ...]]:
    """Return how to name a requirement in soap.yaml that does not exist, and the words about it."""
    new = f"{old}-of-nobody"
    change = _soap("soap.yaml", f"{SOAP_SERVICE}/{old}", f"{SOAP_SERVICE}/{new}")
    return change, (f"soap.yaml names the requirement {SOAP_SERVICE}/{new}, which does not exist",)


SOAP_MISTAKES: dict[str, tuple[Break, tuple[str, ...]]] = {
    "check for no requirement": _requirement("5.1.3/media-type"),
    "element for no requirement": _requirement("5.2.1.2/status"),
    "detail for no requirement": _requirement("5.2.2.4/on-failure"),
    "member of a detail for no requirement": _requirement("5.2.2.4/value"),
    "same person for no requirement": _requirement("5.2.1.2/identifier-of-one-person"),
    "words for no requirement": _requirement("8/requester-message"),
    "check that does not exist": (
        _soap("soap.yaml", "check: unique", "check: uniqe"),
        ("soap.yaml names the check uniqe, which does not exist; did you mean 'unique'?",),
    ),
    "key that names no check": (
        _soap("soap.yaml", "  envelope: dossier", "  envelop: dossier"),
        ("soap.yaml names the check envelop, which does not exist; did you mean 'envelope'?",),
    ),
    "check without its place": (
        _soap("soap.yaml", "places: {value: in_response_to, asked: request_id}", "places: {value: in_response_to}"),
        (
            "soap.yaml: checks.in-response-to: the check echo for ",
            "/in-response-to lacks the place asked",
        ),
    ),
    "place that a check does not have": (
        _soap("soap.yaml", "places: {value: response_id}", "places: {value: response_id, asked: request_id}"),
        ("soap.yaml: checks.response-id-unique has the place asked, which unique does not know; known are: value",),
    ),
    "role that no answer has": (
        _soap("soap.yaml", "places: {value: response_instant}", "places: {value: response_instnt}"),
        ("names the role response_instnt, which answer in names.yaml does not have; did you mean 'response_instant'?",),
    ),
    "role of an answer in the place of the request's": (
        _soap("soap.yaml", "asked: request_id}", "asked: response_id}"),
        ("checks.in-response-to names the role response_id, which request in names.yaml does not have; known are: ",),
    ),
    "words that a check does not use": (
        _soap("soap.yaml", "      missing: a refused", "      absent: a refused"),
        ("checks.printed-message has the words absent, which printed-message does not use; known are: missing, other",),
    ),
    "name in words that stands for nothing": (
        _soap("soap.yaml", "told no StatusMessage", "told no $nam"),
        ("soap.yaml: checks.printed-message has $nam in its words, which stands for nothing; did you mean '$name'?",),
    ),
    "role of the same person that no answer has": (
        _soap("soap.yaml", "  identifier: identifier\n", "  identifier: dossier\n"),
        ("soap.yaml names the role dossier, which names.yaml does not have",),
    ),
    "outcome of a detail that nobody documents": (
        _soap("soap.yaml", "outcomes: [success], requirement", "outcomes: [triumph], requirement"),
        ("soap.yaml names the outcome triumph, which it does not have",),
    ),
    "pattern that is none": (
        _soap("soap.yaml", "pattern: 'No institution NIHII", "pattern: '(No institution NIHII"),
        ("soap.yaml: messages.person-no-institution.pattern: not a regular expression",),
    ),
    "kind of caller that nobody knows": (
        _soap(
            "cases.yaml", "callers: [person, nihii_institution, cbe_institution, ehp_institution]\n", "callers: [pet]\n"
        ),
        ("-pet names the kind of caller pet, which soap.yaml does not have",),
    ),
    "words that nobody prints": (
        _soap("cases.yaml", "words: nihii-no-cbe", "words: nihii-no-abc"),
        ("names the message nihii-no-abc, which soap.yaml does not have",),
    ),
    "outcome that nobody documents": (
        _soap("cases.yaml", "outcome: [success]}", "outcome: [triumph]}"),
        ("expectation generated names the outcome triumph, which soap.yaml does not have",),
    ),
    "detail that nobody documents": (
        _soap("cases.yaml", "detail: CbssStatus,", "detail: CbssNote,"),
        ("expectation no-last-name names the detail CbssNote, which soap.yaml does not have",),
    ),
    "breach that nobody made": (
        _change("common/matrix.yaml", "breach: empty-security,", "breach: no-stamp,"),
        ("names the mutation no-stamp, which does not exist",),
    ),
    "sweep that nobody made": (
        _soap("cases.yaml", "generate: elements-missing", "generate: elements-lost"),
        ("names the strategy elements-lost, which does not exist",),
    ),
    "code that is not in the catalogue": (
        _soap("cases.yaml", "codes: [SOA-03006]", "codes: [SOA-03996]"),
        ("names the code SOA-03996, which errors.yaml does not have",),
    ),
    "pattern of codes that fits none": (
        _soap("cases.yaml", '"SOA-01*", SOA-03001', '"SOA-91*", SOA-03001'),
        ("expectation other-requester names the code SOA-91*, which errors.yaml does not have",),
    ),
    "value that nothing in the WSDL holds": (
        _soap("names.yaml", "gender: [Person/Gender, Gender]", "gender: [Person/Sex]"),
        ("names.yaml: nothing in the WSDL plays request.gender",),
    ),
    "part that nothing in the WSDL is": (
        _soap("names.yaml", "person: [Criteria/Person, Person]", "person: Patient"),
        ("names.yaml: nothing in the WSDL plays parts.person",),
    ),
    "answer that nothing in the WSDL gives": (
        _soap("names.yaml", "status_message: [Status/StatusMessage]", "status_message: Status/Words"),
        ("names.yaml: nothing in the WSDL plays answer.status_message",),
    ),
    "WSDL that is not there": (
        _soap("soap.yaml", "wsdl: wsdl/DossierNumberGeneration.wsdl", "wsdl: wsdl/Missing.wsdl"),
        ("Missing.wsdl: there is no such file",),
    ),
    "schema of the WSDL that is not there": (
        _without("wsdl/DossierNumberGenerationCore.xsd"),
        ("DossierNumberGenerationCore.xsd: there is no such file",),
    ),
    "WSDL that is none": (
        _soap("wsdl/DossierNumberGeneration.wsdl", "<wsdl:definitions", "<wsdl:definitins"),
        ("DossierNumberGeneration.wsdl: ", "not well-formed"),
    ),
    "case with a request of nobody": (
        _soap("cases.yaml", "    request: last-name\n", "    request: first-name\n"),
        ("cases.yaml:", "there is no request 'first-name'"),
    ),
    "row of the matrix with no such expectation": (
        _change(
            "common/matrix.yaml", "breach: no-signature, expect: refused", "breach: no-signature, expect: rejected"
        ),
        ("soap.yaml: matrix: there is no expectation 'rejected'",),
    ),
    "matrix of a request of nobody": (
        _soap("soap.yaml", "  request: all-fields\n", "  request: some-fields\n"),
        ("soap.yaml: matrix: there is no request 'some-fields'",),
    ),
    "unknown key in soap.yaml": (_soap("soap.yaml", "outcomes:", "colour: red\noutcomes:"), ("soap.yaml:", "'colour'")),
    "unknown section in names.yaml": (_soap("names.yaml", "parts:", "colours:"), ("names.yaml:", "'colours'")),
    "spelling that is none": (
        _soap("names.yaml", "gender: [Person/Gender, Gender]", 'gender: ["Person//Gender"]'),
        ("names.yaml:", "Person//Gender"),
    ),
    "soap.yaml without its codes": (
        _soap("soap.yaml", "gates: [SOA-01001, SOA-01002]", "# gates"),
        ("soap.yaml:", "the key 'gates' is missing"),
    ),
    "check without its requirement": (
        _soap(
            "soap.yaml",
            "    requirement: dossier-number-generation/5.2.1.2/identifier\n",
            "",
        ),
        ("soap.yaml:", "the key 'requirement' is missing"),
    ),
    "kind of caller without its role": (
        _soap("soap.yaml", "    role: requester_ssin\n", ""),
        ("soap.yaml:", "the key 'role' is missing"),
    ),
}


def test_soap_specs_as_they_are_have_no_mistake(soap_root: Path) -> None:
    """The copy that the other tests break has no mistake before."""
    assert lint(soap_root) == []


@pytest.mark.parametrize("name", SOAP_MISTAKES)
def test_one_mistake_of_a_soap_service_gives_the_one_message_about_it(soap_root: Path, name: str) -> None:
    """Each mistake in cases, soap.yaml, names.yaml or WSDL is reported once, and nothing else with it."""
    change, words = SOAP_MISTAKES[name]
    change(soap_root)
    problems = lint(soap_root)
    assert len(problems) == 1, problems
    assert all(word in problems[0] for word in words), problems
    assert problems[0].startswith(str(soap_root))
