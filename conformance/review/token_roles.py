"""What a token says of its holder, held against what the target file says of its role.

Must not verify signatures.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.review.remarks import Remark, at, masked
from conformance.review.subject import ReviewSubject


def role_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[Remark]:
    """Yield that a token has not the roles of its place in the target file, or has one too many."""
    place = subject.rules["tokens"]["claims"]["roles"]
    root = place.partition(".")[0]
    listed = next((value for _, value in at(said, place)), None)
    roles = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in own.get("has", ()):
        if name not in roles:
            message = f"tokens.{role} lacks the role {name} (claim {place})"
            severity = "error" if root in said else subject.firm
            yield subject.remark(
                severity,
                "token",
                message,
                f"get a token whose holder has the role {name}",
            )
    for name in own.get("lacks", ()):
        if name in roles:
            message = f"tokens.{role} has the role {name}, which it must not have (claim {place})"
            yield subject.remark(
                "error",
                "token",
                message,
                f"get a token of a client or person without {name}",
            )


def holder_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[Remark]:
    """Yield that a token's holder is another person than the target file says."""
    places = subject.rules["tokens"]["claims"]["holder"]
    holders = {str(value) for place in places for _, value in at(said, place)}
    wanted, unwanted = own.get("holder"), own.get("not_holder")
    if wanted and subject.identity(wanted):
        expected = subject.identity(wanted)
        if not holders:
            message = (
                f"tokens.{role} does not say whose it is (claim {' or '.join(places)})"
            )
            yield subject.remark(
                "warning",
                "token",
                message,
                f"make sure that it is that of data.{wanted}",
            )
        elif expected not in holders:
            shown = ", ".join(sorted(map(masked, holders)))
            message = f"tokens.{role} is that of {shown}, but data.{wanted} is {masked(expected)}"
            yield subject.remark(
                "error",
                "token",
                message,
                f"get a token of data.{wanted}, or correct data.{wanted}",
            )
    if unwanted and subject.identity(unwanted) in holders:
        message = f"tokens.{role} is that of data.{unwanted}, on whose behalf somebody else should act"
        yield subject.remark(
            "error",
            "token",
            message,
            f"get a token of somebody who acts for data.{unwanted}",
        )


def power_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[Remark]:
    """Yield where those for whom a token's holder may act are not those of the test data."""
    powers = list(_powers(subject, said))
    if "powerless_for" in own:
        place = own["powerless_for"]
        if subject.identity(place) and any(
            person == subject.identity(place) for _, person, _ in powers
        ):
            message = f"tokens.{role} may act for data.{place}, whom its holder must have no power over"
            yield subject.remark(
                "error",
                "token",
                message,
                f"get a token of somebody who cannot act for data.{place}",
            )
    rule = own.get("power")
    if rule is None or not subject.identity(rule["for"]):
        return
    listed = [row for row in powers if row[0] == rule["list"]]
    services = [row[2] for row in listed if row[1] == subject.identity(rule["for"])]
    who = f"data.{rule['for']} ({masked(subject.identity(rule['for']))})"
    if not services:
        fault = (
            f"names no {rule['list']}"
            if not listed
            else f"does not name {who} among its {rule['list']}"
        )
        message, remedy = (
            f"tokens.{role} {fault}",
            f"get it by a change to the profile that acts for data.{rule['for']}",
        )
        yield subject.remark("error" if listed else "warning", "token", message, remedy)
        return
    wanted, unwanted = rule.get("has"), rule.get("lacks")
    if wanted and not any(wanted in one for one in services):
        message = f"tokens.{role} has no mandate of {who} of the type {wanted}"
        yield subject.remark(
            "error",
            "token",
            message,
            f"have a mandate of the type {wanted} given to its holder",
        )
    if unwanted and any(unwanted in one for one in services):
        message = f"tokens.{role} has a mandate of {who} of the type {unwanted}, the one that it must not have"
        yield subject.remark(
            "error",
            "token",
            message,
            f"get a token whose mandate is of another type than {unwanted}",
        )


def _powers(
    subject: ReviewSubject, said: Mapping[str, Any]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield by which list, for whom and with which types of mandate a token's holder may act."""
    names = subject.rules["tokens"]["claims"]
    for place in names["powers"]:
        for _, profile in at(said, place):
            for name, entries in (
                profile.items() if isinstance(profile, Mapping) else ()
            ):
                for entry in entries if isinstance(entries, list) else ():
                    if isinstance(entry, Mapping):
                        types = entry.get(names["services"])
                        yield (
                            name,
                            str(entry.get(names["person"])),
                            types if isinstance(types, list) else [],
                        )
