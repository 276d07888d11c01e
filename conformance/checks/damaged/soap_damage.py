"""Tells which problems of a damaged SOAP answer are certain, and which may come of the damage.

Must not know requirements, nor how an answer is read.
"""

from collections.abc import Iterable, Iterator

from lxml import etree

from conformance.checks.problem import Problem
from conformance.soap.markup import Element, path
from conformance.soap.recovery import LOST, XmlDamage, own_text
from conformance.soap.xsd.schemas import SchemaProblem


def certain_problems(
    problems: Iterable[Problem], damage: XmlDamage, body: Element, *, deep: bool
) -> Iterator[Problem]:
    """Yield the problems that hold whatever was lost of the element in the Body.

    That something is not there is certain where nothing is missing above it, or, with `deep`, in all of the element.
    """
    gaps = [one for one in body.iter(etree.Element) if one in damage.touched]
    places = {path(body)} if deep and gaps else {_below(one, body) for one in gaps}
    above = path(body).rpartition("/")[0]
    has_unsure_name = body in damage.touched and not damage.is_cut
    for problem in problems:
        shown = (problem.message, problem.location, problem.actual)
        is_lost = any(LOST in text for text in shown)
        is_gap = problem.lacking and _is_inside(problem.location, places, body)
        is_of_name = has_unsure_name and problem.location == above
        if not is_lost and not is_gap and not is_of_name:
            yield problem


def certain_schema_problems(
    problems: Iterable[SchemaProblem], damage: XmlDamage, root: Element
) -> Iterator[SchemaProblem]:
    """Yield what a schema says against an element and those in it that holds whatever was lost."""
    elements = list(root.iter(etree.Element))
    for problem in problems:
        concerned = elements[problem.number] if problem.number < len(elements) else root
        if not _may_come_of(problem, damage, concerned):
            yield problem


def _may_come_of(problem: SchemaProblem, damage: XmlDamage, element: Element) -> bool:
    message, is_touched = problem.message, element in damage.touched
    is_text_lost = LOST in own_text(element)
    if LOST in message or LOST in problem.place:
        return True
    if problem.unexpected or problem.incomplete:
        is_of_order = damage.is_of_order(element, unexpected=problem.unexpected)
        return is_of_order or (problem.incomplete and is_text_lost)
    if "attribute '" not in message:
        return is_touched or is_text_lost
    if "is required but missing" not in message:
        return is_touched and ("is not allowed" in message or element in damage.lost)
    is_named = any(LOST in str(name) for name in (*element.attrib, element.tag))
    is_text = bool(own_text(element).strip())  # the tag may have ended too early
    unsure = damage.touched if is_text else damage.lost | damage.moved
    return is_named or element in unsure


def _below(element: Element, body: Element) -> str:
    """Return where an element stands below the one in the Body; "/" for that itself."""
    return path(element).removeprefix(path(body)) or "/"


def _is_inside(location: str, places: set[str], body: Element) -> bool:
    """Tell whether a place is at or below one of some, from the document's root or from the element in the Body."""
    inside = location.removeprefix(path(body)) or "/"
    return any(
        place in ("/", path(body)) or inside == place or inside.startswith(f"{place}/")
        for place in places
    )
