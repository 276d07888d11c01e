"""Checks what the WSDL's schemas say of a SOAP response: of single elements, and of all the rest.

Must not know requirements nor levels.
"""

import re
from collections.abc import Iterable

from conformance.checks.problem import Problem
from conformance.checks.soap_answered import NOT_APPLIED, Answered, Checked, once
from conformance.model.contract import CheckRule
from conformance.soap.xsd.schemas import SchemaProblem


def element(answered: Answered, rule: CheckRule) -> Checked:
    """Check what the schema says about one element or attribute of the response itself."""
    if _other_element(answered):
        return NOT_APPLIED
    name, names = rule.options["element"], rule.options["elements"]
    return once(
        as_problem(problem)
        for problem in answered.schema_problems
        if _concerned(problem, names) == name
    )


def schema(answered: Answered, rule: CheckRule) -> Checked:
    """Check the Body by the WSDL, but for the elements that have requirements of their own."""
    if _other_element(answered):
        return once([_element_problem(answered)])
    elements = rule.options.get("elements", ())
    details = rule.options.get("details", ())
    return once(
        as_problem(problem, odd=_is_unknown(problem, answered, details))
        for problem in answered.schema_problems
        if not _concerned(problem, elements)
    )


def as_problem(problem: SchemaProblem, *, odd: bool = False) -> Problem:
    """Return what a schema says as a problem, an `odd` one where the schema may be to blame."""
    expected = re.search(r"Expected is(?: one of)? \( (.*?) \)", problem.message)
    return Problem(
        problem.message,
        problem.place,
        expected[1] if expected else "valid by the WSDL's schema",
        problem.name or "invalid",
        odd=odd,
    )


def _other_element(answered: Answered) -> bool:
    """Tell whether the Body holds another element than the WSDL declares, which no schema needs to say again."""
    body, declared = answered.answer.body, answered.documented.element
    return body is not None and bool(declared) and body.tag != declared


def _element_problem(answered: Answered) -> Problem:
    body = answered.answer.body
    return Problem(
        "the Body holds another element than the WSDL says",
        "/Envelope/Body",
        answered.documented.element,
        str(body.tag) if body is not None else "absent",
    )


def _concerned(problem: SchemaProblem, names: Iterable[str]) -> str:
    """Return the first of some elements and attributes that a problem is with, "" for none."""
    return next((name for name in names if _concerns(problem, name)), "")


def _concerns(problem: SchemaProblem, name: str) -> bool:
    """Tell whether a problem is with an element or attribute of the response itself."""
    bare = name.removeprefix("@")
    at_root = problem.place.count("/") <= 1 + (not name.startswith("@"))
    is_missing = f"( {bare} )" in problem.message or f"'{bare}'" in problem.message
    return at_root and (problem.name == bare or is_missing)


def _is_unknown(
    problem: SchemaProblem, answered: Answered, details: Iterable[str]
) -> bool:
    """Tell whether an element is refused only because its declaration is not at hand.

    A reconstructed contract cannot know all that stands in a detail; nor is it printed where the cookbook's own
    detail elements are declared.
    """
    is_excused = answered.documented.reconstructed or problem.name in details
    return problem.undeclared and is_excused
