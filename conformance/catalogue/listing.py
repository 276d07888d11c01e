"""What the harness knows, as rows for `list`: services, cases, requirements, errata, faults, runs.

Must not print.
"""

import json
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from pathlib import Path
from typing import Any

from conformance.catalogue.filters import EVERYTHING, Filters, Row
from conformance.contracts.loading import Spec, load_spec, service_ids
from conformance.evidence.recorded_run import read_results
from conformance.evidence.run_folder import RESULTS, run_folders
from conformance.formats.schemas import suggestion
from conformance.model.case import (
    Case,
)
from conformance.model.contract import Contract
from conformance.model.errors import UsageError
from conformance.model.fault import Fault


def all_specs() -> tuple[Spec, ...]:
    """Return the newest spec of every service."""
    return tuple(load_spec(service) for service in service_ids())


def rows(
    topic: str,
    folder: Path,
    filters: Filters = EVERYTHING,
    tell: Callable[[str], None] | None = None,
) -> list[Row]:
    """Return the rows of a topic that pass the filters; `folder` is where runs are looked for.

    `tell` takes note of a run folder that cannot be read, and the others are listed; without it, raises UsageError.
    Raises UsageError too where a filter is none of the topic's, or names a service that does not exist.
    """
    filters.check(topic)
    return [row for row in _all_rows(topic, folder, tell) if filters.take(row)]


def _all_rows(
    topic: str, folder: Path, tell: Callable[[str], None] | None
) -> list[Row]:
    topics = {
        "services": _services,
        "cases": _cases,
        "requirements": _requirements,
        "errata": _errata,
        "faults": _faults,
    }
    return list(_runs(folder, tell) if topic == "runs" else topics[topic](all_specs()))


def all_faults(services: Iterable[str]) -> Iterator[Fault]:
    """Yield the seeded faults of some services."""
    for service in services:
        yield from load_spec(service).faults.values()


def find_fault(name: str, services: Collection[str] = ()) -> Fault:
    """Return the seeded fault of an id, of which the part after `faults/` is enough where one service alone has it.

    It is one of the `services`, where some are named. Raises UsageError where there is none, or more than one.
    """
    every = list(all_faults(service_ids()))
    fitting = [fault for fault in every if name in {fault.id, _short(fault)}]
    match [each for each in fitting if not services or each.service in services]:
        case [fault]:
            return fault
        case [*several] if several:
            ids = " or ".join(fault.id for fault in several)
            raise UsageError(f"the fault {name!r} may be {ids}")
    if fitting:
        raise UsageError(
            f"the fault {name!r} belongs to {fitting[0].service}: add that service, or name none"
        )
    known = (fault.id if "/" in name else _short(fault) for fault in every)
    hint = suggestion(name, tuple(known))
    if not hint.endswith("?"):
        hint = "; see `list faults`"
    raise UsageError(f"there is no fault {name!r}{hint}")


def _short(fault: Fault) -> str:
    return fault.id.partition("/faults/")[2]


def verifying(spec: Spec) -> dict[str, list[str]]:
    """Return, for each requirement, the ids of the cases that verify it."""
    cases: dict[str, list[str]] = {name: [] for name in spec.contract.requirements}
    for case in spec.cases.values():
        requirements = (*case.requirements, *case.only, *_judged(spec, case))
        for requirement in dict.fromkeys(requirements):
            cases[requirement].append(case.id)
    return cases


def _judged(spec: Spec, case: Case) -> Iterator[str]:
    """Yield the requirements of an answer's members that a case without restriction judges."""
    if case.only:
        return
    rules = spec.contract.soap
    if rules is None:
        yield from _judged_by_schemas(spec.contract, case)
        return
    yield from rules.requirements
    if case.words in rules.messages:
        yield rules.messages[case.words].requirement


def _judged_by_schemas(contract: Contract, case: Case) -> Iterator[str]:
    """Yield the requirements that the schemas and rules of a case's accepted answers name."""
    operation = contract.operations[case.request.operation]
    judging = [clause for clause in case.expectation.clauses if clause.judge]
    judged = {status for clause in judging for status in clause.statuses}
    for status, name in operation.schemas.items():
        if not judged.isdisjoint({str(status), f"{status // 100}xx"}):
            yield from _named_by_schema(contract, name)


def _named_by_schema(contract: Contract, name: str) -> Iterator[str]:
    text = json.dumps(contract.schemas[name])
    for requirement in contract.requirements:
        if f'"{requirement}"' in text:
            yield requirement
    for rule in contract.rules:
        if rule.schema == name:
            yield rule.requirement


def _services(specs: Sequence[Spec]) -> Iterator[Row]:
    for spec in specs:
        contract = spec.contract
        yield {
            "id": contract.service,
            "title": contract.title,
            "version": contract.version,
            "protocol": contract.protocol,
            "cases": len(spec.cases),
            "requirements": len(contract.requirements),
            "environments": tuple(contract.environments),
        }


def _cases(specs: Sequence[Spec]) -> Iterator[Row]:
    for spec in specs:
        for case in spec.cases.values():
            yield {
                "id": case.id,
                "kind": case.kind.value,
                "intrusive": case.intrusive,
                "thorough": case.thorough,
                "title": case.title,
                "origin": case.origin,
                "requirements": case.requirements,
            }


def _requirements(specs: Sequence[Spec]) -> Iterator[Row]:
    for spec in specs:
        verified_by = verifying(spec)
        for requirement in spec.contract.requirements.values():
            cases = verified_by[requirement.id]
            yield {
                "id": requirement.id,
                "level": requirement.level.value,
                "binds": requirement.iut.value,
                "statement": requirement.statement,
                "cases": len(cases),
                "untested": "" if cases else requirement.untested,
            }


def _errata(specs: Sequence[Spec]) -> Iterator[Row]:
    for spec in specs:
        for erratum in spec.contract.errata.values():
            yield {
                "id": erratum.id,
                "printed": erratum.printed,
                "reading": erratum.reading,
                "accepted": erratum.accepted,
                "reason": erratum.reason,
            }


def _faults(specs: Sequence[Spec]) -> Iterator[Row]:
    for spec in specs:
        for fault in spec.faults.values():
            yield {
                "id": fault.id,
                "breaks": fault.breaks,
                "expected": fault.expected.value,
                "requirements": fault.requirements,
            }


def _runs(folder: Path, tell: Callable[[str], None] | None) -> Iterator[Row]:
    for run in run_folders(folder):
        try:
            yield _run_row(run)
        except UsageError as error:
            if tell is None:
                raise
            tell(f"{error}; the run is left out")


def _run_row(folder: Path) -> Row:
    path = folder / RESULTS
    document = read_results(path)
    try:
        return _row_of(document, folder)
    except LookupError as error:
        raise UsageError(
            f"{path}: not the results of a run: {error} is missing; move the folder away"
        ) from None


def _row_of(document: Mapping[str, Any], folder: Path) -> Row:
    run, counts = document["run"], document["summary"]
    return {
        "id": run["id"],
        "started": run["started"],
        "target": run["target"]["name"],
        "services": tuple(run["services"]),
        "pass": counts["pass"],
        "fail": counts["fail"],
        "exit_code": run["exit_code"],
        "report": str(folder / "report.html"),
    }
