"""What the harness knows, as rows for `list` and texts for `explain`: services, cases, requirements, and so on.

Must not print.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from conformance.contracts.loading import Spec, load_spec, service_ids
from conformance.evidence.recorded_run import read_results
from conformance.evidence.run_folder import RESULTS, run_folders
from conformance.formats.schemas import suggestion
from conformance.model.case import (
    Case,
    Clause,
    Forgeries,
    Listed,
    Message,
    OtherNumbers,
    Probe,
    Property,
    Scripted,
    Single,
    Sweep,
    WsdlProperty,
)
from conformance.model.contract import Contract, Erratum, Operation, Requirement
from conformance.model.errors import UsageError
from conformance.model.fault import Fault

Value = str | int | bool | Sequence[str]
"""What a row holds: JSON shows numbers, booleans and arrays as such."""
Row = dict[str, Value]


def all_specs() -> tuple[Spec, ...]:
    """Return the newest spec of every service."""
    return tuple(load_spec(service) for service in service_ids())


def rows(topic: str, folder: Path) -> list[Row]:
    """Return the rows of a topic; `folder` is where runs are looked for."""
    topics = {
        "services": _services,
        "cases": _cases,
        "requirements": _requirements,
        "errata": _errata,
        "faults": _faults,
    }
    return list(_runs(folder) if topic == "runs" else topics[topic](all_specs()))


def all_faults(services: Iterable[str]) -> Iterator[Fault]:
    """Yield the seeded faults of some services."""
    for service in services:
        yield from load_spec(service).faults.values()


def find_fault(name: str) -> Fault:
    """Return the seeded fault of an id, of which the part after `faults/` is enough where one service alone has it.

    Raises UsageError where there is none, or more than one.
    """
    known = {fault.id: fault for spec in all_specs() for fault in spec.faults.values()}
    if name in known:
        return known[name]
    short: dict[str, list[str]] = {}
    for identifier in known:
        short.setdefault(identifier.partition("/faults/")[2], []).append(identifier)
    match short.get(name):
        case [identifier]:
            return known[identifier]
        case [*several] if several:
            raise UsageError(f"the fault {name!r} may be {' or '.join(several)}")
    whole = "/" in name
    hint = suggestion(name, tuple(known if whole else short))
    if not hint.endswith("?"):
        hint = "; see `list faults`"
    raise UsageError(f"there is no fault {name!r}{hint}")


def verifying(spec: Spec) -> dict[str, list[str]]:
    """Return, for each requirement, the ids of the cases that verify it."""
    cases: dict[str, list[str]] = {name: [] for name in spec.contract.requirements}
    for case in spec.cases.values():
        requirements = (*case.requirements, *case.only, *_judged(spec, case))
        for requirement in dict.fromkeys(requirements):
            cases[requirement].append(case.id)
    return cases


def explain(name: str) -> str:
    """Return all that is known of a case, a requirement, an erratum, a fault or a service, by its id.

    Raises UsageError where there is no such id.
    """
    texts: dict[str, list[str]] = {}
    for spec in all_specs():
        for identifier, text in _explanations(spec):
            texts.setdefault(identifier, []).append(text)
    if name not in texts:
        raise UsageError(
            f"nothing is known by the id {name!r}{suggestion(name, tuple(texts))}"
        )
    return "\n".join(texts[name])


def _explanations(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield ids with their explanations; a case may share its id with a requirement."""
    contract = spec.contract
    yield contract.service, _explain_service(spec)
    for fault in spec.faults.values():
        yield fault.id, _explain_fault(fault)
    for erratum in contract.errata.values():
        yield erratum.id, _explain_erratum(spec, erratum)
    cases = verifying(spec)
    for requirement in contract.requirements.values():
        yield requirement.id, _explain_requirement(requirement, cases[requirement.id])
    for case in spec.cases.values():
        yield case.id, _explain_case(spec, case)


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


def unreadable_runs(folder: Path) -> list[str]:
    """Return a line for each run folder whose results cannot be read, and that `rows` leaves out."""
    found = ((run, _readable_row(run)) for run in run_folders(folder))
    return [
        f"{run / RESULTS}: not the results of a run, and left out; move the folder away"
        for run, row in found
        if row is None
    ]


def _runs(folder: Path) -> Iterator[Row]:
    for run in run_folders(folder):
        row = _readable_row(run)
        if row is not None:
            yield row


def _readable_row(folder: Path) -> Row | None:
    """Return the row of a run folder, None where its results are none."""
    try:
        return _run_row(folder)
    except (UsageError, OSError, ValueError, LookupError, TypeError):
        return None


def _run_row(folder: Path) -> Row:
    document = read_results(folder / RESULTS)
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


def _explain_service(spec: Spec) -> str:
    contract = spec.contract
    lines = [
        f"service {contract.service}: {contract.title}, cookbook {contract.source.document} {contract.version}"
    ]
    lines += [
        f"  {environment}: {address}"
        for environment, address in contract.environments.items()
    ]
    lines += [
        f"  {operation.id}: {operation.method} {operation.path}"
        for operation in contract.operations.values()
    ]
    lines.append(
        f"  {len(spec.cases)} cases, {len(contract.requirements)} requirements, {len(contract.errata)} errata"
    )
    return "\n".join(lines)


def _explain_requirement(requirement: Requirement, cases: Sequence[str]) -> str:
    source = requirement.source
    lines = [
        f"requirement {requirement.id}",
        f"  {requirement.level} for the {requirement.iut} (printed: {requirement.printed})",
        f"  {requirement.statement}",
        f"  source: {source.document} {source.version}, section {source.section}",
    ]
    lines += [f"  verified by {case}" for case in cases] or [
        f"  not verified: {requirement.untested}"
    ]
    return "\n".join(lines)


def _explain_erratum(spec: Spec, erratum: Erratum) -> str:
    accepted = "; ".join(erratum.accepted) or "nothing else"
    return (
        f"erratum {erratum.id}\n"
        f"  source: {spec.contract.source.document} {spec.contract.version}, section {erratum.section}\n"
        f"  printed: {erratum.printed}\n  reading taken: {erratum.reading}\n  also accepted: {accepted}\n"
        f"  because: {erratum.reason}"
    )


def _explain_fault(fault: Fault) -> str:
    first, *others = fault.requirements
    lines = [
        f"fault {fault.id}",
        f"  {fault.breaks}",
        f"  breaks {first}; to be found: {fault.expected.value}",
    ]
    lines += [f"  explained by {other} as well" for other in others]
    lines.append(f"  see it found: ehealth-conformance selftest --fault {fault.id}")
    lines.append(f"  have it served: ehealth-conformance mock --fault {fault.id}")
    return "\n".join(lines)


def _explain_case(spec: Spec, case: Case) -> str:
    operation = spec.contract.operations[case.request.operation]
    intrusive = "; intrusive" if case.intrusive else ""
    thorough = "; with --thorough" if case.thorough else ""
    lines = [
        f"case {case.id}",
        f"  {case.title} ({case.kind}; {case.origin}{intrusive}{thorough})",
        f"  sends {_sent(case, operation)}{_probed(case.probe)}",
    ]
    if case.request.headers:
        lines.append(f"  with {dict(case.request.headers)}")
    lines += [f"  verifies {requirement}" for requirement in case.requirements]
    lines.append(
        f"  expects ({case.expectation.name}), tried in this order; anything else is a violation:"
    )
    lines += [_clause(clause) for clause in case.expectation.clauses]
    return "\n".join(lines)


def _probed(probe: Probe) -> str:
    """Say what becomes of a case's request, "" where it is sent as it is."""
    match probe:
        case Property(strategy) | WsdlProperty(strategy):
            words = f"drawn by {strategy}"
        case Sweep(kind):
            words = f"once for each of the mutations {kind}"
        case Listed(rows):
            words = f"once for each of {len(rows)} rows of values"
        case OtherNumbers(form):
            words = f"once for each of {form.replace('-', ' ')} instead of the own one"
        case Forgeries(pairs):
            words = (
                f"once for each of {len(pairs)} pairs of a signed and a forged request"
            )
        case Scripted(procedure):
            words = f"played by the suite's procedure {procedure}"
        case Single():
            return ""
    return f", {words}"


def _clause(clause: Clause) -> str:
    """Return one line on answers that a case expects and on what they mean."""
    matches = f" with {clause.matches}" if clause.matches else ""
    unclaimed = " where not claimed" if clause.unclaimed else ""
    judged = ", the body is judged" if clause.judge else ""
    note = f": {clause.note}" if clause.note else ""
    return f"    {clause.welcome}{matches}{unclaimed} -> {clause.effect}{judged}{note}"


def _sent(case: Case, operation: Operation) -> str:
    """Return what a case sends: method and path, or a SOAP message with its caller."""
    request = case.request
    if request.message is None:
        path = f"{request.instead or operation.path}{request.path}"
        return f"{request.method or operation.method} {path}"
    caller = "as the first caller"
    if case.other_callers:
        caller = "as one caller of each other kind and type of key"
    if case.caller:
        caller = f"as each {case.caller.replace('_', ' ')}"
    return ", ".join([*_message_parts(request.message, operation), caller])


def _message_parts(message: Message, operation: Operation) -> Iterator[str]:
    """Yield the values of a SOAP message, the roles that it leaves out, and its mutation."""
    values = []
    missing = list(message.remove)
    for role, text in message.values.items():
        if text is None:
            missing.append(role)
        else:
            values.append(f"{role}={text}")
    for role, text in message.replace.items():
        values.append(f"{role}={text!r} (whatever the schema says)")
    yield f"the message {operation.id} with {', '.join(values)}"
    if missing:
        yield f"without {', '.join(missing)}"
    if message.mutation:
        yield f"with {message.mutation} once it is signed"
