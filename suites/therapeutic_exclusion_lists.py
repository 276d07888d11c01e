"""The exclusions that a consultation lists, compared with the model."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from conformance.checks.problem import show
from conformance.model.verdict import Finding, Judgement

from .therapeutic_exclusion_answers import identifiers, name_of
from .therapeutic_exclusion_model import Situation
from .therapeutic_exclusion_names import dropped_names, invented_names, spoiled_names
from .therapeutic_exclusion_requests import SERVICE, Key
from .therapeutic_exclusion_steps import Verb


def listed(
    situation: Situation, rows: list[Any], wanted: list[Key], rule: str
) -> Judgement:
    """Compare the exclusions of an answer with the parties that are active."""
    seen = Counter(key for row in rows for key in situation.known_or_first(row))
    findings = []
    for key in wanted:
        if seen[key] == 0:
            message = f"the active exclusion of {name_of(key)} is not listed"
            findings.append(
                situation.finding(blame(situation, key, rule), message, "listed")
            )
        elif seen[key] > 1:
            findings.append(
                situation.finding(
                    "5.3/conflict",
                    f"{name_of(key)} is listed twice",
                    "listed once",
                )
            )
    surplus = [key for key in seen if key not in wanted]
    if surplus:
        broken = (
            "5.5/active-only"
            if rule == "5.5/all" or surplus[0] not in situation.model.active
            else rule
        )
        message = f"{name_of(surplus[0])} is listed, which is not what was asked for"
        findings.append(
            situation.finding(
                blame(situation, surplus[0], broken), message, "not listed"
            )
        )
    for row in rows:
        patients = identifiers(row.get("patient"))
        if ("ssin", situation.who.ssin) not in patients:
            message = "an exclusion of another patient is listed"
            findings.append(
                situation.finding(
                    "5.5/active-only",
                    message,
                    situation.who.ssin,
                    show(row.get("patient")),
                )
            )
        party = row.get("hcParty")
        findings += invented_names(situation, party)
        findings += spoiled_names(situation, party)
        findings += kinds(situation, party)
    findings += dropped_names(situation, [row.get("hcParty") for row in rows])
    counts = Counter({f"{SERVICE}/{name}": 1 for name in (rule, "5.5/active-only")})
    return Judgement(tuple(findings), counts)


def blame(situation: Situation, key: Key, rule: str) -> str:
    """Return the rule that the last change broke, where a list is wrong because of it; else the given one."""
    last = situation.last_change
    if last is None:
        return rule
    own = situation.party(last).key == key
    revoking = last.verb is Verb.REVOKE
    if key in situation.model.active:
        return (
            "5.4/matching-only"
            if revoking and not own
            else ("5.3/declares" if own and not revoking else rule)
        )
    return "5.4/revokes" if revoking and own else rule


def kinds(situation: Situation, party: Any) -> Iterator[Finding]:  # noqa: ANN401 - an answer's part
    """Check that one of our parties carries a qualification of its own kind: a person's or an organisation's."""
    code = party.get("qualificationCode") if isinstance(party, dict) else None
    own = next(
        (one for one in situation.parties if one.key in identifiers(party)), None
    )
    if (
        own is not None
        and isinstance(code, str)
        and code.startswith("org") is not (own.kind == "nihii")
    ):
        message = f"{name_of(own.key)} carries a qualification of another kind of party"
        yield situation.finding(
            "5.5/qualification-code",
            message,
            f"like {own.qualification}",
            show(code),
        )
