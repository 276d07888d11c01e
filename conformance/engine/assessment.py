"""What an answer says about its case, given what else happened in the case's execution.

An answer is excused where a violation cannot be attributed to the SUT: the credential was refused, or the service is
out of order. Must not send anything but what tells an outage from a refusal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from conformance.engine.execution import CaseExecution
from conformance.model.case import Case, Step, Template
from conformance.model.errors import CredentialRefusedError, MissingDataError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Finding, Judgement, Severity

_RESPONSE = "answer"
_SHOWING_ACTUAL = frozenset({"status", _RESPONSE})
"""Locations of findings whose actual value is repeated in the reason of an undecided case."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a probe's answer says; `excused` where a violation cannot be attributed to the SUT."""

    judgement: Judgement
    excused: bool = False


def assess(
    execution: CaseExecution,
    case: Case,
    template: Template,
    exchange: Exchange,
    *,
    unclaimed: bool = False,
) -> Assessment:
    """Assess the response to a probe; a template says what was sent.

    `unclaimed` tells that the target does not claim to have the resource under test.
    """
    asked = case if template is case.request else replace(case, request=template)
    judgement = execution.oracle.judge(exchange, asked, unclaimed=unclaimed)
    judgement = _without_baseline(judgement, execution)
    if not judgement.violated:
        return Assessment(judgement)
    if execution.refused(template, exchange):
        reason = _refused_credential(template, exchange, judgement)
        return Assessment(Judgement(inconclusive_reason=reason), excused=True)
    if execution.oracle.tells_of_outage(exchange):
        outage = _outage(execution, case)
        if outage:
            return Assessment(Judgement(inconclusive_reason=outage), excused=True)
    return Assessment(judgement)


def send_step(
    execution: CaseExecution,
    case: Case,
    step: Step,
    what: str,
    *,
    baseline: bool = False,
) -> str:
    """Send a request that must succeed; return why it did not, or "".

    As a `baseline`, what is wrong with its answer's body is remembered: it is not the probe's doing.
    """
    exchange = execution.send(step.request, Purpose.CONTROL)
    if baseline:
        execution.baseline = plain_problems(execution, case, step, exchange)
    return step_problem(execution, case, step, exchange, what)


def plain_problems(
    execution: CaseExecution, case: Case, step: Step, exchange: Exchange
) -> set[tuple[str, str]]:
    """Return what is wrong with a plain answer, by requirement and message: it is not a later probe's doing."""
    judgement = execution.oracle.judge_step(exchange, case, step, body=True)
    return set(map(_key, judgement.findings))


def step_problem(
    execution: CaseExecution, case: Case, step: Step, exchange: Exchange, what: str
) -> str:
    """Return why a request that had to succeed did not, or "" where it did."""
    judgement = execution.oracle.judge_step(exchange, case, step)
    if judgement.inconclusive_reason:
        return f"{what} was not answered: {judgement.inconclusive_reason}"
    violations = [
        row for row in judgement.findings if row.severity is Severity.VIOLATION
    ]
    if not violations:
        return ""
    if execution.refused(step.request, exchange):
        return _refused_credential(step.request, exchange, judgement)
    first = violations[0]
    return f"{what} breaks {first.requirement} already: {_summary(first)}"


def explained(judgement: Judgement, words: str) -> Judgement:
    """Return a judgement whose findings on the answer say what was asked."""
    findings = (
        replace(finding, actual=f"{finding.actual}{words}")
        if finding.location == _RESPONSE
        else finding
        for finding in judgement.findings
    )
    return replace(judgement, findings=tuple(findings))


def _without_baseline(judgement: Judgement, execution: CaseExecution) -> Judgement:
    if not (judgement.findings and execution.baseline):
        return judgement
    own = tuple(
        finding
        for finding in judgement.findings
        if _key(finding) not in execution.baseline
    )
    return replace(judgement, findings=own)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.requirement, finding.message


def refusal_words(template: Template, exchange: Exchange, answered: str = "") -> str:
    """Return in words that a credential was refused that has to serve; `answered` is the answer, if not its status."""
    message = template.message
    credential = f"the token {template.token!r}"
    if message is not None:
        credential = f"the caller {message.caller!r}"
    status = exchange.response.status if exchange.response is not None else 0
    return (
        f"{credential} was refused with {answered or status}: "
        "is it right, and is this client admitted to the service?"
    )


def _refused_credential(
    template: Template, exchange: Exchange, judgement: Judgement
) -> str:
    answers = (row.actual for row in judgement.findings if row.location == _RESPONSE)
    return refusal_words(template, exchange, next(answers, ""))


def _outage(execution: CaseExecution, case: Case) -> str:
    """Return why an answer that tells of an outage is not the message's doing, "" where another one is served.

    Sent are the plain request, the case's availability probe, and what other callers send.
    """
    for step in _availability_steps(execution, case):
        what = "a request to see whether the service is there"
        try:
            if not send_step(execution, case, step, what):
                return ""
        except (CredentialRefusedError, MissingDataError):
            continue  # nothing can be asked in this way
    return "the service says that it is not available"


def _availability_steps(execution: CaseExecution, case: Case) -> Iterable[Step]:
    own = (case.control, case.availability_probe)
    others = execution.session.requests.availability_probes(case)
    return [*filter(None, own), *map(Step, others)]


def _summary(finding: Finding) -> str:
    if finding.location in _SHOWING_ACTUAL:
        return f"{finding.message}, actual {finding.actual}"
    return finding.message
