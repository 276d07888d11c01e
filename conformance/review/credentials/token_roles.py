"""Compares the claims of a token on its holder with the target file: roles, holder, powers.

Must not verify signatures.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.review.remarks import Remark, Severity, at, masked
from conformance.review.subject import ReviewSubject

Claims = Mapping[str, Any]
RoleRule = Mapping[str, Any]
"""What review.yaml demands of the token of one role."""


@dataclass(frozen=True, slots=True)
class _Power:
    """One person for whom a token's holder may act: the list that names the person, and the types of mandate."""

    list: str
    person: str
    types: tuple[str, ...]


def role_remarks(
    subject: ReviewSubject, role: str, claims: Claims, rule: RoleRule
) -> Iterator[Remark]:
    """Yield the roles that a token lacks, or has although it must not."""
    place = subject.rules["tokens"]["claims"]["roles"]
    root = place.partition(".")[0]
    missing_severity: Severity = "error" if root in claims else subject.firm
    roles = _listed(claims, place)
    for name in rule.get("has", ()):
        if name not in roles:
            message = f"tokens.{role} lacks the role {name} (claim {place})"
            remedy = f"get a token whose holder has the role {name}"
            yield subject.remark(missing_severity, "token", message, remedy)
    for name in rule.get("lacks", ()):
        if name in roles:
            message = f"tokens.{role} has the role {name}, which it must not have (claim {place})"
            remedy = f"get a token of a client or person without {name}"
            yield subject.remark("error", "token", message, remedy)


def _listed(claims: Claims, place: str) -> list[str]:
    """Return the texts of the first list at a place of the claims."""
    values = next((value for _, value in at(claims, place)), None)
    return [str(value) for value in values] if isinstance(values, list) else []


def holder_remarks(
    subject: ReviewSubject, role: str, claims: Claims, rule: RoleRule
) -> Iterator[Remark]:
    """Yield that a token belongs to another person than the target file says."""
    places = subject.rules["tokens"]["claims"]["holder"]
    holders = {str(value) for place in places for _, value in at(claims, place)}
    expected = rule.get("holder")
    if expected and subject.identity(expected):
        yield from _wrong_holder_remarks(subject, role, holders, expected)
    represented = rule.get("not_holder")
    if represented and subject.identity(represented) in holders:
        message = (
            f"tokens.{role} belongs to data.{represented}; "
            "it must belong to another person, who acts for that one"
        )
        remedy = f"get a token of a person who acts for data.{represented}"
        yield subject.remark("error", "token", message, remedy)


def _wrong_holder_remarks(
    subject: ReviewSubject, role: str, holders: set[str], expected: str
) -> Iterator[Remark]:
    number = subject.identity(expected)
    if not holders:
        places = subject.rules["tokens"]["claims"]["holder"]
        message = (
            f"tokens.{role} does not name its holder (claim {' or '.join(places)})"
        )
        remedy = f"make sure that it is that of data.{expected}"
        yield subject.remark("warning", "token", message, remedy)
    elif number not in holders:
        names = ", ".join(sorted(map(masked, holders)))
        message = (
            f"tokens.{role} belongs to {names}, but data.{expected} is {masked(number)}"
        )
        remedy = f"get a token of data.{expected}, or correct data.{expected}"
        yield subject.remark("error", "token", message, remedy)


def power_remarks(
    subject: ReviewSubject, role: str, claims: Claims, rule: RoleRule
) -> Iterator[Remark]:
    """Yield differences between the persons for whom a token's holder may act and those of the test data."""
    powers = tuple(_powers(subject, claims))
    powerless_for = rule.get("powerless_for", "")
    person = subject.identity(powerless_for)
    if person and any(power.person == person for power in powers):
        message = f"tokens.{role} may act for data.{powerless_for}, over whom its holder must have no power"
        remedy = f"get a token of a person who cannot act for data.{powerless_for}"
        yield subject.remark("error", "token", message, remedy)
    power_rule = rule.get("power")
    if power_rule is not None and subject.identity(power_rule["for"]):
        yield from _mandate_remarks(subject, role, power_rule, powers)


def _mandate_remarks(
    subject: ReviewSubject, role: str, rule: RoleRule, powers: tuple[_Power, ...]
) -> Iterator[Remark]:
    """Yield that a token's holder has no mandate of a person, or none of the right type."""
    place = rule["for"]
    person = subject.identity(place)
    who = f"data.{place} ({masked(person)})"
    listed = [power for power in powers if power.list == rule["list"]]
    mandates = [power for power in listed if power.person == person]
    if mandates:
        types = [name for mandate in mandates for name in mandate.types]
        yield from _type_remarks(subject, role, rule, who, types)
    else:
        yield _unnamed(subject, role, rule, who, listed=bool(listed))


def _type_remarks(
    subject: ReviewSubject, role: str, rule: RoleRule, who: str, types: list[str]
) -> Iterator[Remark]:
    needed, forbidden = rule.get("has"), rule.get("lacks")
    if needed and needed not in types:
        message = f"tokens.{role} has no mandate of {who} of the type {needed}"
        remedy = f"have a mandate of the type {needed} given to its holder"
        yield subject.remark("error", "token", message, remedy)
    if forbidden and forbidden in types:
        message = f"tokens.{role} has a mandate of {who} of the type {forbidden}, which it must not have"
        remedy = f"get a token whose mandate is of another type than {forbidden}"
        yield subject.remark("error", "token", message, remedy)


def _unnamed(
    subject: ReviewSubject, role: str, rule: RoleRule, who: str, *, listed: bool
) -> Remark:
    """Return the remark that a token does not name a person among those for whom its holder acts."""
    kind, remedy = (
        rule["list"],
        f"get it by a change to the profile that acts for data.{rule['for']}",
    )
    if not listed:
        message = f"tokens.{role} names no {kind}"
        return subject.remark("warning", "token", message, remedy)
    message = f"tokens.{role} does not name {who} among its {kind}"
    return subject.remark("error", "token", message, remedy)


def _powers(subject: ReviewSubject, claims: Claims) -> Iterator[_Power]:
    """Yield the persons for whom a token's holder may act."""
    names = subject.rules["tokens"]["claims"]
    for place in names["powers"]:
        for _, profile in at(claims, place):
            for kind, entry in _entries(profile):
                types = entry.get(names["services"])
                person = str(entry.get(names["person"]))
                yield _Power(
                    kind, person, tuple(types if isinstance(types, list) else ())
                )


def _entries(profile: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each object of each list of a profile, with the list's name."""
    if not isinstance(profile, Mapping):
        return
    for name, entries in profile.items():
        if isinstance(entries, list):
            yield from (
                (name, entry) for entry in entries if isinstance(entry, Mapping)
            )
