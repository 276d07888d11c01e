"""What the harness knows as texts for `explain`: a service, case, requirement, erratum or fault by its id.

Must not print.
"""

from collections.abc import Iterator, Sequence

from conformance.catalogue.listing import all_specs, verifying
from conformance.contracts.loading import Spec
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
from conformance.model.contract import Erratum, Operation, Requirement
from conformance.model.errors import UsageError
from conformance.model.fault import Fault


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
