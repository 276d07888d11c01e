"""What can be said of a damaged JSON document: what is wrong whatever was lost of it.

Must not know how a document is read, nor what a case expects.
"""

from collections.abc import Callable
from dataclasses import replace

from conformance.checks.damaged.json_reading import JsonReading
from conformance.checks.json_schema import WRONG_TYPE, CompiledSchema
from conformance.checks.problem import Problem
from conformance.model.verdict import Finding, Judgement, Severity


def judged_as_read(
    judged: Callable[[object], Judgement], schema: CompiledSchema, reading: JsonReading
) -> Judgement:
    """Return what is found both without what was lost and with something in its place."""
    least, most = judged(reading.least()), judged(reading.most(schema.members_at))
    if any(map(_is_of_other_kind, least.findings)):
        return Judgement()  # the brackets of the whole are lost too
    certain = {(one.requirement, *_key(one)) for one in most.findings}
    findings = (
        one
        for one in least.findings
        if (one.requirement, *_key(one)) in certain
        and not reading.hides(one.location, one.message)
    )
    return replace(least, findings=tuple(findings))


def fits_as_read(
    schema: CompiledSchema, reading: JsonReading, *, is_welcome: bool
) -> bool:
    """Tell whether a document fulfils a schema, a damaged one as far as it was read.

    What is welcome gets the benefit of the doubt; what is not is shown by a document without a gap.
    """
    if reading.is_whole:
        return schema.fits(reading.document)
    if reading.torn and not is_welcome:
        return False
    least = [problem for _, problem in schema.problems(reading.least())]
    most = schema.problems(reading.most(schema.members_at))
    certain = {_key(problem) for _, problem in most}
    return not any(map(_is_of_other_kind, least)) and not any(
        _key(one) in certain and not reading.hides(one.location, one.message)
        for one in least
    )


def with_twins(last: Judgement, first: Judgement) -> Judgement:
    """Return what is found where the last of equal members counts, and as observations what only the first have."""
    known = {(one.requirement, *_key(one)) for one in last.findings}
    only_first = (
        replace(
            one,
            severity=Severity.OBSERVATION,
            message=f"{one.message} (in the first of two equal members)",
        )
        for one in first.findings
        if (one.requirement, *_key(one)) not in known
    )
    return replace(last, findings=(*last.findings, *only_first))


def _key(found: Finding | Problem) -> tuple[str, str]:
    return found.message, found.location


def _is_of_other_kind(found: Finding | Problem) -> bool:
    """Tell whether it is said that the whole document is of another type."""
    return _key(found) == (WRONG_TYPE, "/")
