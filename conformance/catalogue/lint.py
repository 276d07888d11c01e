"""Lints spec folders: formats, references between files, examples against schemas, coverage of requirements.

Must not send anything nor change a file.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError

from conformance.catalogue.listing import verifying
from conformance.catalogue.soap_lint import soap_problems
from conformance.checks.json_schema import CompiledSchema
from conformance.checks.rules import FURTHER_OPTIONS, NEEDED_OPTIONS, RULES
from conformance.contracts.loading import Spec, read_spec
from conformance.contracts.platform_rules import load_environments, load_tracing
from conformance.formats import documents
from conformance.model.case import Case, Clause, Property
from conformance.model.contract import Contract, Rule
from conformance.model.errors import UsageError
from conformance.model.fault import Fault
from conformance.strategies.generators import GENERATORS

_SERVICE_FILE = "SERVICE/VERSION/service.yaml"
_SPEC_FOLDER = "*/*/service.yaml"
_NO_SERVICES = frozenset({"common", "formats"})
"""The folders of specs that are no service's."""


def lint(root: Path) -> list[str]:
    """Return one line per mistake in the spec folders below `root`; an empty list where all is well."""
    problems: list[str] = []
    folders = sorted(path.parent for path in root.glob(_SPEC_FOLDER))
    if not folders:
        return [_nothing_here(root)]
    problems += _folders_without_service(root)
    for load in (load_tracing, load_environments):
        try:
            load(root)
        except UsageError as error:
            problems += error.problems
    for folder in folders:
        try:
            spec = read_spec(folder, root)
        except UsageError as error:
            problems += error.problems
        else:
            problems += [
                f"{folder}: {problem}"
                for problem in dict.fromkeys(_spec_problems(spec))
            ]
    return problems


def _nothing_here(root: Path) -> str:
    """Return that a folder has no spec folder below it, and which folder near it does."""
    for near in (root / "specs", root.parent, root.parent.parent):
        if any(near.glob(_SPEC_FOLDER)):
            return f"{root}: there is no spec folder here ({_SERVICE_FILE}); did you mean {near}?"
    return f"{root}: there is no spec folder here ({_SERVICE_FILE})"


def _folders_without_service(root: Path) -> Iterator[str]:
    """Yield the folders that no command knows, since they have no service.yaml; such as have no data are none."""
    for folder in sorted({path.parent for path in root.glob("*/*/*.yaml")}):
        if not (folder / "service.yaml").exists():
            yield f"{folder}: service.yaml is missing, so that no command knows this folder"
    for folder in sorted({path.parent for path in root.glob("*/*.yaml")}):
        if folder.name not in _NO_SERVICES:
            yield f"{folder}: a service's files stand in a folder of their version ({_SERVICE_FILE})"


def _spec_problems(spec: Spec) -> Iterator[str]:
    contract = spec.contract
    if (contract.service, contract.version) != (
        spec.folder.parent.name,
        spec.folder.name,
    ):
        yield f"service.yaml says {contract.service} {contract.version}, the folder says otherwise"
    yield from _duplicates(spec.folder)
    yield from _foreign_ids(spec)
    schemas: dict[str, CompiledSchema] = {}
    yield from _schema_problems(contract, schemas)
    yield from _examples_problems(spec, schemas)
    references = list(_reference_problems(spec, schemas))
    yield from references
    if not references:
        for requirement, cases in verifying(spec).items():
            reason = contract.requirements[requirement].untested
            if not cases and not reason:
                yield f"requirement {requirement} has neither a case nor a reason (untested)"
            if cases and reason:
                yield f"requirement {requirement} has a case ({cases[0]}) and yet a reason for having none"


def _duplicates(folder: Path) -> Iterator[str]:
    for name, key in (
        ("requirements.yaml", "requirements"),
        ("cases.yaml", "cases"),
        ("errata.yaml", "errata"),
        ("faults.yaml", "faults"),
    ):
        ids = (
            [row["id"] for row in documents.read(folder / name).data[key]]
            if (folder / name).exists()
            else []
        )
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            yield f"{name}: the id {twice} is given twice"


def _foreign_ids(spec: Spec) -> Iterator[str]:
    contract = spec.contract
    for name in (*contract.requirements, *contract.errata, *spec.cases, *spec.faults):
        if name.partition("/")[0] not in (contract.service, "common"):
            yield f"the id {name} does not begin with {contract.service}/"
    for requirement in contract.requirements.values():
        if requirement.id.split("/")[1] != requirement.source.section:
            yield f"the id {requirement.id} does not name its section {requirement.source.section}"


def _reference_problems(
    spec: Spec, schemas: Mapping[str, CompiledSchema]
) -> Iterator[str]:
    """Yield what refers to nothing; `schemas` are those that could be compiled, the others have no place to name."""
    contract = spec.contract
    for case in spec.cases.values():
        yield from _case_problems(case, contract)
        yield from _guard_problems(case, contract, schemas)
        if (
            case.claim is not None
            and case.claim.setting
            not in spec.description.target_schema.get("properties", {})
        ):
            yield f"case {case.id} names the setting {case.claim.setting}, which service.yaml's target does not have"
    yield from soap_problems(spec)
    for fault in spec.faults.values():
        yield from _fault_problems(fault, spec)
    for rule in contract.rules:
        yield from _rule_problems(rule, contract, schemas)
    for operation in contract.operations.values():
        for name in operation.schemas.values():
            if name not in contract.schemas:
                yield f"openapi.yaml: {operation.id} names the schema {name}, which does not exist"


def _fault_problems(fault: Fault, spec: Spec) -> Iterator[str]:
    for requirement in fault.requirements:
        if requirement not in spec.contract.requirements:
            yield f"fault {fault.id} names the requirement {requirement}, which does not exist"
    for operation in (*fault.when.operations, *fault.when.after):
        if operation not in spec.contract.operations:
            yield f"fault {fault.id} names the operation {operation}, which the contract does not have"


def _case_problems(case: Case, contract: Contract) -> Iterator[str]:
    for requirement in (*case.requirements, *case.only, *filter(None, [case.tls])):
        if requirement not in contract.requirements:
            yield f"case {case.id} names the requirement {requirement}, which does not exist"
    for name in _operations(case):
        if name not in contract.operations:
            yield f"case {case.id} names the operation {name}, which openapi.yaml does not have"
    if isinstance(case.probe, Property) and case.probe.strategy not in GENERATORS:
        yield f"case {case.id} names the strategy {case.probe.strategy}, which does not exist"
    for clause in case.expectation.clauses:
        yield from _clause_problems(case.expectation.name, clause, contract)


def _operations(case: Case) -> Iterator[str]:
    """Yield the operations of all requests that a case makes."""
    yield case.request.operation
    yield from (step.request.operation for step in case.preamble)
    if case.control is not None:
        yield case.control.request.operation
    if case.unchanged is not None:
        yield case.unchanged.operation


def _clause_problems(
    expectation: str, clause: Clause, contract: Contract
) -> Iterator[str]:
    for code in sorted(filter(None, clause.codes)):
        if not fnmatch.filter(contract.errors, code):
            yield f"expectation {expectation} names the code {code}, which errors.yaml does not have"
    if clause.matches and clause.matches not in contract.schemas:
        yield f"expectation {expectation} names the schema {clause.matches}, which does not exist"


def _guard_problems(
    case: Case, contract: Contract, schemas: Mapping[str, CompiledSchema]
) -> Iterator[str]:
    guard = case.unchanged
    if guard is None or guard.operation not in contract.operations:
        return
    names = {*contract.operations[guard.operation].schemas.values()}
    if not names <= schemas.keys():
        return
    for at in guard.at:
        if not any(at in schemas[name].places for name in names):
            yield f"case {case.id} guards the place {at}, which no answer of {guard.operation} has"


def _rule_problems(
    rule: Rule, contract: Contract, schemas: Mapping[str, CompiledSchema]
) -> Iterator[str]:
    if rule.name not in RULES:
        yield f"rules.yaml names the rule {rule.name}, which does not exist"
    else:
        given, needed = (
            {*(rule.options or {})},
            NEEDED_OPTIONS.get(rule.name, frozenset()),
        )
        for option in sorted(
            given - needed - FURTHER_OPTIONS.get(rule.name, frozenset())
        ):
            yield f"rules.yaml: the rule {rule.name} at {rule.at} has the option {option}, which it does not know"
        for option in sorted(needed - given):
            yield f"rules.yaml: the rule {rule.name} at {rule.at} lacks the option {option}"
    if rule.requirement not in contract.requirements:
        yield f"rules.yaml names the requirement {rule.requirement}, which does not exist"
    broken = rule.schema in contract.schemas and rule.schema not in schemas
    if not broken and (
        rule.schema not in schemas or rule.at not in schemas[rule.schema].places
    ):
        yield f"rules.yaml: the schema {rule.schema} has no place {rule.at}"


def _schema_problems(
    contract: Contract, schemas: dict[str, CompiledSchema]
) -> Iterator[str]:
    """Yield what is wrong with the schemas, and put those that can be compiled into `schemas`."""
    for name, schema in contract.schemas.items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
            schemas[name] = CompiledSchema(schema)
        except SchemaError as error:
            yield f"schemas/{name}.schema.json is not a JSON Schema: {error.message}"
        except ValueError as error:
            yield f"schemas/{name}.schema.json cannot be used: {error}"
        for requirement in _annotations(schema):
            if requirement not in contract.requirements:
                yield f"schemas/{name}.schema.json names the requirement {requirement}, which does not exist"


def _examples_problems(
    spec: Spec, schemas: Mapping[str, CompiledSchema]
) -> Iterator[str]:
    for path in sorted((spec.folder / "examples").glob("*.json")):
        try:
            yield from _example_problems(spec, schemas, path)
        except UsageError as error:
            yield from (
                problem.removeprefix(f"{spec.folder}/") for problem in error.problems
            )


def _example_problems(
    spec: Spec, schemas: Mapping[str, CompiledSchema], path: Path
) -> Iterator[str]:
    """Yield what is wrong with an example; its name begins with that of its schema."""
    names = [
        name
        for name in spec.contract.schemas
        if path.stem == name or path.stem.startswith(f"{name}-")
    ]
    if not names:
        yield f"examples/{path.name} begins with the name of no schema"
        return
    example, name = documents.read(path).data, max(names, key=len)
    if name in schemas:
        for error in jsonschema.Draft202012Validator(
            spec.contract.schemas[name]
        ).iter_errors(example):
            yield f"examples/{path.name}: {error.json_path}: {error.message}"


def _annotations(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a JSON document
    if isinstance(schema, dict):
        if isinstance(schema.get("x-requirement"), str):
            yield schema["x-requirement"]
        for value in schema.values():
            yield from _annotations(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _annotations(value)
