"""Lints spec folders: formats, references between files, examples against schemas, coverage of requirements.

Must not send anything nor change a file.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError

from conformance.catalogue.listing import verifying
from conformance.checks.json_schema import CompiledSchema
from conformance.checks.rules import FURTHER_OPTIONS, NEEDED_OPTIONS, RULES
from conformance.contracts.binding import bind
from conformance.contracts.loading import Spec, read_spec
from conformance.contracts.platform_rules import load_environments, load_tracing
from conformance.formats import documents
from conformance.judging.soap import CHECKS
from conformance.model.case import Case, Property
from conformance.model.contract import Contract, Rule, SoapRules
from conformance.model.errors import UsageError
from conformance.model.fault import Fault
from conformance.soap.security.mutations import MUTATIONS
from conformance.strategies.generators import GENERATORS


def lint(root: Path) -> list[str]:
    """Return one line per mistake in the spec folders below `root`; an empty list where all is well."""
    problems: list[str] = []
    folders = sorted(path.parent for path in root.glob("*/*/service.yaml"))
    if not folders:
        return [f"{root}: there is no spec folder here (SERVICE/VERSION/service.yaml)"]
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
    yield from _soap_problems(spec)
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
    operations = [
        case.request.operation,
        *(step.request.operation for step in case.preamble),
    ]
    operations += [case.control.request.operation] if case.control is not None else []
    operations += [case.unchanged.operation] if case.unchanged is not None else []
    for name in operations:
        if name not in contract.operations:
            yield f"case {case.id} names the operation {name}, which openapi.yaml does not have"
    if isinstance(case.probe, Property) and case.probe.strategy not in GENERATORS:
        yield f"case {case.id} names the strategy {case.probe.strategy}, which does not exist"
    for clause in case.expectation.clauses:
        for code in sorted(
            code
            for code in clause.codes
            if code and not fnmatch.filter(contract.errors, code)
        ):
            yield f"expectation {case.expectation.name} names the code {code}, which errors.yaml does not have"
        if clause.matches and clause.matches not in contract.schemas:
            yield f"expectation {case.expectation.name} names the schema {clause.matches}, which does not exist"


def _soap_problems(spec: Spec) -> Iterator[str]:
    """Yield what refers to nothing in soap.yaml and names.yaml, and what the SOAP side of a case names in vain."""
    rules = spec.contract.soap
    if rules is None:
        return
    for requirement in (
        *rules.requirements,
        *(one.requirement for one in rules.messages.values()),
    ):
        if requirement not in spec.contract.requirements:
            yield f"soap.yaml names the requirement {requirement}, which does not exist"
    yield from _soap_word_problems(rules, spec.contract)
    for case in spec.cases.values():
        yield from _message_problems(case, rules)
    try:
        unresolved = bind(spec, {}, spec.folder).unresolved
    except UsageError as error:
        yield from error.problems
    else:
        yield from (
            f"names.yaml: nothing in the WSDL plays {role}" for role in unresolved
        )


def _soap_word_problems(rules: SoapRules, contract: Contract) -> Iterator[str]:
    """Yield words of soap.yaml that mean nothing: checks, codes, outcomes, roles, and what is no expression."""
    for name in sorted(rules.checks.keys() - CHECKS):
        yield f"soap.yaml names the check {name}, which does not exist"
    for code in sorted((rules.gates | rules.unavailable) - contract.errors.keys()):
        yield f"soap.yaml names the code {code}, which errors.yaml does not have"
    for row in rules.details:
        for outcome in sorted(set(row.refused_outcomes) - rules.outcomes.keys()):
            yield f"soap.yaml names the outcome {outcome}, which it does not have"
    same = rules.same_person
    roles = {rule.role for rule in rules.callers.values()} | (
        {*same.decisive, *same.disjoint} if same else set()
    )
    for role in sorted(roles - rules.names.get("request", {}).keys()):
        yield f"soap.yaml names the role {role}, which names.yaml does not have"
    for name, rule in rules.messages.items():
        try:
            re.compile(rule.pattern)
        except re.error as error:
            yield f"soap.yaml: messages.{name}.pattern: not a regular expression: {error}"


def _message_problems(case: Case, rules: SoapRules) -> Iterator[str]:
    if case.caller and case.caller not in rules.callers:
        yield f"case {case.id} names the kind of caller {case.caller}, which soap.yaml does not have"
    mutation = case.request.message.mutation if case.request.message is not None else ""
    if mutation and mutation not in MUTATIONS:
        yield f"case {case.id} names the mutation {mutation}, which does not exist"
    if case.words and case.words not in rules.messages:
        yield f"case {case.id} names the message {case.words}, which soap.yaml does not have"
    for clause in case.expectation.clauses:
        for outcome in sorted(set(clause.outcomes) - rules.outcomes.keys()):
            yield f"expectation {case.expectation.name} names the outcome {outcome}, which soap.yaml does not have"
        if clause.detail and clause.detail not in {
            rule.element for rule in rules.details
        }:
            yield f"expectation {case.expectation.name} names the detail {clause.detail}, which soap.yaml does not have"


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
