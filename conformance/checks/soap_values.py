"""Checks values of a SOAP response at the places of their roles, and the elements of a status detail.

A binding says which role is looked at and how a cookbook calls it. Must not know requirements nor levels.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import instant_problems
from conformance.checks.soap_answered import (
    NOT_APPLIED,
    SUCCESS,
    Answered,
    Checked,
    Occurrence,
    memory_key,
    once,
    worded,
)
from conformance.model.contract import CheckRule
from conformance.soap.markup import Element, below, children, local, path, text

_LONGEST = 160
_A_WHILE = timedelta(seconds=10)
"""Beyond what requests take, and less than what a case puts between a request's time and its sending."""


def documented_outcome(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a status code is one of those that soap.yaml names."""
    code = answered.value(rule)
    if code is None:
        return NOT_APPLIED
    if answered.outcome:
        return Checked(1)
    known = ", ".join(answered.documented.outcomes.values())
    return _wrong(answered, rule, "unknown", known, code)


def unique(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a value was given to no other answer of this run."""
    given = answered.value(rule)
    if not given:
        return NOT_APPLIED
    first = next(iter(answered.occurrences(memory_key(rule), given)), None)
    if first is None or first.exchange == answered.exchange.id:
        return Checked(1)
    wanted = f"{_with_article(_name(answered, rule))} of its own"
    return _wrong(answered, rule, "again", wanted, f"that of {first.exchange}")


def echo(answered: Answered, rule: CheckRule) -> Checked:
    """Check that an answer repeats a value of the request where that had one; what else it says is odd."""
    role = rule.places["asked"]
    asked, given = answered.asked(role), answered.value(rule)
    is_read = answered.sent.body is not None and role in answered.documented.request
    if is_read and not asked and given:
        return _wrong(answered, rule, "invented", "absent", given, odd=True)
    if not asked:
        return NOT_APPLIED
    if given == asked:
        return Checked(1)
    return _wrong(answered, rule, "other", asked, "absent" if given is None else given)


def moment(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a time is that at which the answer was made."""
    given = answered.value(rule)
    if not given:
        return NOT_APPLIED
    date, started = answered.response.header("Date"), answered.exchange.started
    return once(instant_problems(given, date, started, where=answered.where(rule)))


def not_copied(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a time is not the request's, where that is of a while before: equal clocks prove nothing."""
    given, asked = answered.value(rule), answered.asked(rule.places["asked"])
    own, before = _moment(given or ""), _moment(asked)
    if own is None or before is None:
        return NOT_APPLIED
    if abs(answered.exchange.started - before) < _A_WHILE:
        return NOT_APPLIED
    if own != before:
        return Checked(1)
    return _wrong(answered, rule, "copied", "the time of the answer", given or "")


def _moment(told: str) -> datetime | None:
    """Return a time, None where it cannot be told or has no zone."""
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def on_success(answered: Answered, rule: CheckRule) -> Checked:
    """Check that an answer with the outcome `success` carries a value."""
    if answered.outcome != SUCCESS or not _is_placed(answered, rule):
        return NOT_APPLIED
    given = answered.value(rule)
    if given:
        return Checked(1)
    actual = "absent" if given is None else "empty"
    return _wrong(answered, rule, "missing", _with_article(_role(rule)), actual)


def one_person(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a value given with a success was not given to somebody who is certainly another person."""
    given = answered.value(rule)
    if answered.outcome != SUCCESS or not given:
        return NOT_APPLIED
    person = _person(answered, rule)
    other = next(
        (
            before
            for before in answered.occurrences(memory_key(rule), given)
            if before.exchange != answered.exchange.id
            and _differ(before.asked, person, rule)
        ),
        None,
    )
    if other is None:
        return Checked(1)
    holder = f"also given in {other.exchange} to {_named(other.asked)}"
    return _wrong(
        answered,
        rule,
        "again",
        f"{_with_article(_role(rule))} of this person alone",
        f"{holder}, here to {_named(person)}",
    )


def not_on_failure(answered: Answered, rule: CheckRule) -> Checked:
    """Check that an answer with another outcome than `success` carries no value."""
    fails = answered.outcome not in ("", SUCCESS)
    if not fails or not _is_placed(answered, rule):
        return NOT_APPLIED
    given = answered.value(rule)
    if not given:
        return Checked(1)
    return _wrong(answered, rule, "given", f"no {_role(rule)}", given)


def not_with_outcome(answered: Answered, rule: CheckRule) -> Checked:
    """Check that an element does not stand in an answer with some outcomes."""
    name = rule.options["element"]
    stands = _elements(answered, name)
    if answered.outcome not in rule.options["outcomes"]:
        return Checked(len(stands))
    message = worded(rule, "stands", element=name, outcome=answered.outcome)
    problems = [Problem(message, path(one), "no such element", name) for one in stands]
    return Checked(len(stands), tuple(problems))


def member(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a member of an element has one of the values documented."""
    name, below_it = rule.options["element"], rule.options["member"]
    allowed, stands = rule.options["values"], _elements(answered, name)
    message = worded(rule, "other", element=name, member=below_it)
    problems = [
        Problem(
            message,
            f"{path(one)}/{below_it}",
            ", ".join(allowed),
            given,
            lacking=given == "absent",
        )
        for one in stands
        if (given := _member_text(one, below_it)) not in allowed
    ]
    return Checked(len(stands), tuple(problems))


def printed_message(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a refusal has a message, in the words that a cookbook prints; other words are odd."""
    given = answered.value(rule)
    if not given:
        return _wrong(answered, rule, "missing", "a text that says why", "absent")
    pattern, spaced = rule.options["pattern"], " ".join(given.split())
    if re.fullmatch(pattern, spaced, re.IGNORECASE):
        return Checked(1)
    return _wrong(answered, rule, "other", pattern, given[:_LONGEST], odd=True)


def printed_values(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a printed message is filled in, with the value asked for at its own place and not at the other."""
    spaced = " ".join((answered.value(rule) or "").split())
    found = re.fullmatch(rule.options["pattern"], spaced, re.IGNORECASE)
    asked = answered.asked(rule.places["asked"])
    if found is None or not asked:
        return NOT_APPLIED
    first, second = found["asked"], found["caller"]
    if not (_is_filled_in(first) and _is_filled_in(second)):
        return _wrong(answered, rule, "unfilled", asked, spaced[:_LONGEST])
    if _bare(asked) in _bare(second) and _bare(asked) not in _bare(first):
        return _wrong(answered, rule, "swapped", asked, spaced[:_LONGEST])
    return Checked(1)


_PLACEHOLDER = re.compile(
    r"\$\{?\w+\}?|\{\w*\}|%\w*(\$\w)?|null|none|undefined|n/?a", re.IGNORECASE
)
"""What stands in a text before something is filled in, or because nothing was at hand."""


def _is_filled_in(given: str) -> bool:
    return bool(_bare(given)) and not _PLACEHOLDER.fullmatch(given.strip(" ()"))


def _bare(given: str) -> str:
    """Return the letters and digits of a value, which may be written with dots or dashes."""
    return "".join(filter(str.isalnum, given))


def value_given(answered: Answered, rule: CheckRule) -> tuple[str, Occurrence] | None:
    """Return a value to be remembered, None where the answer has none."""
    given = answered.value(rule)
    return (given, Occurrence(answered.exchange.id)) if given else None


def value_of_person(
    answered: Answered, rule: CheckRule
) -> tuple[str, Occurrence] | None:
    """Return a value to be remembered with the person for whom a success gave it."""
    given = answered.value(rule)
    if answered.outcome != SUCCESS or not given:
        return None
    return given, Occurrence(answered.exchange.id, _person(answered, rule))


def _wrong(  # noqa: PLR0913 - what a finding shows
    answered: Answered,
    rule: CheckRule,
    slot: str,
    expected: str,
    actual: str,
    *,
    odd: bool = False,
) -> Checked:
    """Return that a value is not as it should be, in the words of the rule."""
    role = _role(rule)
    names = {"name": _name(answered, rule), "role": role, "a_role": _with_article(role)}
    if "asked" in rule.places:
        names["asked"] = answered.asked_name(rule.places["asked"])
    message = worded(rule, slot, **names)
    where, lacking = answered.where(rule), actual == "absent"
    return once([Problem(message, where, expected, actual, odd=odd, lacking=lacking)])


def _is_placed(answered: Answered, rule: CheckRule) -> bool:
    """Tell whether the WSDL has a place for the role that a rule looks at."""
    return rule.places["value"] in answered.documented.answer


def _role(rule: CheckRule) -> str:
    """Return the role that a rule looks at, as a word of a sentence."""
    return rule.places["value"].replace("_", " ")


def _name(answered: Answered, rule: CheckRule) -> str:
    """Return the local name of the element or attribute that a rule looks at."""
    return answered.where(rule).rpartition("/")[2].removeprefix("@")


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in {*'aeio'} else 'a'} {noun}"


def _elements(answered: Answered, name: str) -> list[Element]:
    body = answered.answer.body
    return list(below(body, name)) if body is not None else []


def _member_text(element: Element, name: str) -> str:
    """Return the text of a child, "absent" where there is none."""
    found = next((one for one in children(element) if local(one) == name), None)
    return text(found) if found is not None else "absent"


def _person(answered: Answered, rule: CheckRule) -> dict[str, str]:
    """Return what the request says of the person, by role."""
    roles = (*rule.options["decisive"], *rule.options["disjoint"])
    asked = {role: answered.asked(role) for role in roles}
    return {role: given for role, given in asked.items() if given}


def _differ(
    before: Mapping[str, str], person: Mapping[str, str], rule: CheckRule
) -> bool:
    """Tell whether two persons are certainly not one and the same."""
    other_value = any(
        _plain(before[role]) != _plain(person[role])
        for role in _shared(rule.options["decisive"], before, person)
    )
    no_common_word = any(
        not {*_plain(before[role]).split()} & {*_plain(person[role]).split()}
        for role in _shared(rule.options["disjoint"], before, person)
    )
    return other_value or no_common_word


def _shared(
    roles: Iterable[str], before: Mapping[str, str], person: Mapping[str, str]
) -> list[str]:
    """Return the roles of which both persons have a value."""
    return [role for role in roles if role in before and role in person]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _named(person: Mapping[str, str]) -> str:
    shown = ", ".join(f"{role} {given!r}" for role, given in person.items())
    return shown or "a person without name"
