"""Tests of loading spec folders into contracts and cases."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contracts import loading, platform_rules
from conformance.formats import schemas
from conformance.formats.documents import Document
from conformance.model.case import Case, CaseKind, Effect, Property, Single
from conformance.model.contract import Contract, Level, Role
from conformance.model.errors import SpecError, UsageError

SERVICE = "status-dashboard"
VERSION = "1.4"
REQUIREMENT = "status-dashboard/5.3.1.2/item-status-code"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the specs, with one service in it."""
    for name in ("formats", "common", f"{SERVICE}/{VERSION}"):
        shutil.copytree(schemas.specs_root() / name, tmp_path / "specs" / name)
    return tmp_path / "specs"


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text, f"{file.name} has changed: {old!r} is not in it any more"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def _line(file: Path, word: str) -> int:
    """Return the line on which a word stands first."""
    lines = file.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if word in line)


def _contract() -> Contract:
    return loading.load_spec(SERVICE).contract


def _case(name: str) -> Case:
    return loading.load_spec(SERVICE).cases[f"{SERVICE}/{name}"]


def test_contract_says_what_service_yaml_and_openapi_say() -> None:
    """Title, version, addresses and operations come from the files of the spec folder."""
    contract = _contract()
    assert (contract.service, contract.version, contract.title) == (SERVICE, VERSION, "Status Dashboard")
    assert (contract.protocol, contract.public, contract.address_key) == ("rest", True, "base_url")
    assert contract.environments["simulation"] == "https://status-sim.ehealthplatform.info/api/v1"
    operation = contract.operations["getDashboardInt"]
    assert (operation.method, operation.path) == ("GET", "/dashboard/int")
    assert operation.schemas == {200: "dashboard"}


def test_requirement_is_read_with_level_role_and_source() -> None:
    """A requirement keeps its level, whom it binds and where it is printed."""
    requirement = _contract().requirements[REQUIREMENT]
    assert (requirement.level, requirement.iut, requirement.untested) == (Level.MUST, Role.SERVER, "")
    assert requirement.source.version == VERSION
    assert requirement.source.section == "5.3.1.2"
    client = _contract().requirements["status-dashboard/5.1.1/headers"]
    assert (client.level, client.iut) == (Level.SHOULD, Role.CLIENT)
    assert client.untested


def test_case_is_read_with_its_request_and_expectation() -> None:
    """A case keeps what to send, what may come back, and what must not change."""
    case = _case("8/method-post")
    assert (case.kind, case.service, case.intrusive) == (CaseKind.NEGATIVE, SERVICE, False)
    assert (case.request.method, case.request.body) == ("POST", b"{}")
    assert case.request.headers == {"Content-Type": "application/json"}
    assert case.control is not None
    assert case.unchanged is not None
    assert "groups[].id" in case.unchanged.at
    assert [clause.effect for clause in case.expectation.clauses] == [Effect.ACCEPT, Effect.OBSERVATION]
    assert case.expectation.clauses[0].statuses == ("4xx", "501")


def test_case_without_more_is_read_with_defaults() -> None:
    """What a case does not say is empty, not a guess."""
    case = _case("5.3.1.2/item-name")
    assert (case.control, case.unchanged, case.claim, case.probe, case.tls) == (None, None, None, Single(), "")
    assert (case.request.path, case.request.query, case.request.headers, case.request.body) == ("", "", {}, b"")


def test_header_of_null_is_kept_as_one_to_leave_out() -> None:
    """A header that a case sets to null is sent without it."""
    assert _case("5.1.1/accept-missing").request.headers == {"Accept": None}


def test_claim_and_generator_are_read() -> None:
    """A claim names the target's setting, a property its strategy."""
    claim = _case("5.2/integration").claim
    assert claim is not None
    assert (claim.setting, claim.value) == ("dashboards", "int")
    assert _case("8/unexpected-query").probe == Property("unexpected-query")


def test_rules_and_errata_are_read() -> None:
    """Rules keep their options and severity, errata what is accepted."""
    contract = _contract()
    dates = next(rule for rule in contract.rules if rule.name == "date-time")
    assert (dates.at, dates.options, dates.severity) == ("groups[].items[].last_updated", {"past": True}, "")
    names = next(rule for rule in contract.rules if rule.at == "groups[].name")
    assert names.severity == "observation"
    erratum = contract.errata["status-dashboard/5.3.1.2/description-optional"]
    assert "absent" in erratum.accepted


def test_spec_folders_of_a_clone_are_found() -> None:
    """Services and versions are those that have a folder with a service.yaml."""
    assert SERVICE in loading.service_ids()
    assert loading.versions(SERVICE) == (VERSION,)


def test_versions_are_ordered_by_their_numbers(root: Path) -> None:
    """Version 1.10 is newer than 1.4, and the newest is the default."""
    for version in ("1.10", "1.9"):
        shutil.copytree(root / SERVICE / VERSION, root / SERVICE / version)
        _replace(root / SERVICE / version / "service.yaml", 'version: "1.4"', f'version: "{version}"')
    assert loading.versions(SERVICE, root) == ("1.4", "1.9", "1.10")
    assert loading.load_spec(SERVICE, root=root).contract.version == "1.10"
    assert loading.load_spec(SERVICE, "1.9", root).contract.version == "1.9"


@pytest.mark.parametrize(
    ("service", "version", "words"),
    [
        ("status-board", None, ["no service 'status-board'", SERVICE]),
        (SERVICE, "9.9", ["no spec version '9.9'", VERSION]),
        ("..", None, ["no service '..'"]),
    ],
)
def test_unknown_service_or_version_is_refused_with_those_known(
    service: str, version: str | None, words: list[str]
) -> None:
    """What does not exist is refused with the names of what does."""
    with pytest.raises(SpecError) as caught:
        loading.load_spec(service, version)
    assert all(word in str(caught.value) for word in words)


def test_optional_files_may_be_missing(root: Path) -> None:
    """A spec without rules, errors and openapi.yaml has none of what they say."""
    folder = root / SERVICE / VERSION
    for name in ("rules.yaml", "openapi.yaml"):
        (folder / name).unlink()
    contract = loading.read_spec(folder, root).contract
    assert (contract.rules, contract.errors, contract.operations) == ((), {}, {})


def test_error_catalogue_is_read(root: Path) -> None:
    """An errors.yaml becomes the contract's catalogue, by code."""
    folder = root / SERVICE / VERSION
    text = 'errors:\n  - {code: BIZ001, message: "Wrong input", section: "8", component: TEX}\n'
    (folder / "errors.yaml").write_text(text, encoding="utf-8")
    error = loading.read_spec(folder, root).contract.errors["BIZ001"]
    assert (error.message, error.section, error.component) == ("Wrong input", "8", "TEX")


def test_answers_without_a_schema_and_keys_that_are_no_method_are_left_out(root: Path) -> None:
    """Of an operation only the statuses that have a JSON schema are known."""
    folder = root / SERVICE / VERSION
    _replace(folder / "openapi.yaml", "  /dashboard/int:\n", "  /dashboard/int:\n    summary: One of three\n")
    _replace(folder / "openapi.yaml", "        4XX: {", '        "404": {description: Gone}\n        4XX: {')
    contract = loading.read_spec(folder, root).contract
    assert contract.operations["getDashboard"].schemas == {200: "dashboard"}
    assert len(contract.operations) == 3


def test_every_mistake_of_a_spec_folder_is_reported_at_once(root: Path) -> None:
    """Mistakes in several files are all named, each with file and line, and no other."""
    folder = root / SERVICE / VERSION
    _replace(folder / "service.yaml", "protocol: rest", "protocol: carrier-pigeon\ncolour: red")
    _replace(folder / "requirements.yaml", "level: SHOULD", "level: PERHAPS")
    (folder / "errata.yaml").unlink()
    with pytest.raises(SpecError) as caught:
        loading.read_spec(folder, root)
    problems = caught.value.problems
    assert sorted(problem.partition(": ")[0] for problem in problems) == [
        f"{folder}/errata.yaml",
        f"{folder}/requirements.yaml:{_line(folder / 'requirements.yaml', 'PERHAPS')}",
        f"{folder}/service.yaml:{_line(folder / 'service.yaml', 'carrier-pigeon')}",
        f"{folder}/service.yaml:{_line(folder / 'service.yaml', 'colour')}",
    ]
    for words in ("there is no such file", "'PERHAPS'", "'carrier-pigeon'", "unknown key 'colour'"):
        assert sum(words in problem for problem in problems) == 1


def test_tracing_rules_are_read_once_for_all_services() -> None:
    """User-Agent and From have their expressions, parts and examples from specs/common."""
    rules = platform_rules.load_tracing()
    assert rules.user_agent_subsets == 2
    assert rules.user_agent_subset.fullmatch("myProduct/62.310.4")
    assert rules.from_address.fullmatch("info@mycompany.be")
    assert platform_rules.load_tracing() is rules


def test_environments_name_their_hosts() -> None:
    """The platform's environments are those of the interface, less local."""
    environments = platform_rules.load_environments()["environments"]
    assert set(environments) == {"production", "acceptance", "integration", "simulation"}
    assert "status.ehealth.fgov.be" in environments["production"]["hosts"]


@pytest.mark.parametrize(
    ("load", "file"),
    [(platform_rules.load_tracing, "tracing.yaml"), (platform_rules.load_environments, "environments.yaml")],
)
def test_common_file_with_a_mistake_is_refused(root: Path, load: Callable[[Path], object], file: str) -> None:
    """A common file that breaks its format is refused with file and line."""
    path = root / "common" / file
    path.write_text(path.read_text("utf-8") + "surplus: 1\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(root)
    [problem] = caught.value.problems
    assert problem.startswith(f"{path}:{len(path.read_text('utf-8').splitlines())}: unknown key 'surplus'")


@pytest.mark.parametrize(
    ("word", "known", "words"),
    [
        ("dashbord", ("dashboard", "incidents"), "; did you mean 'dashboard'?"),
        ("xyz", ("beta", "alpha"), "; known are: alpha, beta"),
        ("xyz", (), ""),
        ("base_uri", {"base_url": 1, "spec": 2}, "; did you mean 'base_url'?"),
    ],
)
def test_suggestion_is_the_nearest_name_or_all(word: str, known: tuple[str, ...], words: str) -> None:
    """A slip of the pen gets the name that was meant, anything else the names there are."""
    assert schemas.suggestion(word, known) == words


def test_format_problems_come_with_their_places() -> None:
    """Each mistake has the path of the value at fault, or of the unknown key."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "integer"}}, "additionalProperties": False}
        },
        "patternProperties": {"^x": {}},
        "required": ["a"],
    }
    document = Document(Path("file"), {"a": {"b": "1", "c": 1, "d": 2}}, {})
    found = dict(schemas.format_problems(document, schema))
    assert found[("a", "b")] == "a.b: expected a whole number, not '1'"
    assert set(found) == {("a", "b"), ("a", "c"), ("a", "d")}
    assert list(schemas.format_problems(Document(Path("file"), {}, {}), schema)) == [((), "the key 'a' is missing")]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("cases.yaml", "expect: dashboard", "expect: dashbord", id="expectation that is not there"),
        pytest.param("openapi.yaml", "operationId: getDashboardInt", "summary2: x", id="operation without an id"),
        pytest.param("openapi.yaml", "      responses:\n", "      answers:\n", id="operation without answers"),
    ],
)
def test_reference_that_leads_nowhere_is_a_mistake_of_the_spec(root: Path, file: str, old: str, new: str) -> None:
    """A spec that refers to what is not there raises an error of ours, not a KeyError."""
    folder = root / SERVICE / VERSION
    _replace(folder / file, old, new)
    with pytest.raises(UsageError):
        loading.read_spec(folder, root)


def test_formats_are_json_schemas_of_the_2020_draft() -> None:
    """Each of our own formats names the draft that it is written in."""
    for path in sorted((schemas.specs_root() / "formats").glob("*.schema.json")):
        schema = schemas.load_format(path.name.removesuffix(".schema.json"))
        assert schema == json.loads(path.read_bytes())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
