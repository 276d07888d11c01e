"""The findings of a report, the most serious first, and the reasons of cases without a verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.model.verdict import MOST_PLACES
from conformance.model.wording import count_of, kind_words, place_words
from conformance.reporting.embedding import ReportPage
from conformance.reporting.markup import (
    DASH,
    Html,
    badge,
    clipped,
    code_span,
    item_list,
    joined,
    level_badge,
    make_element,
    make_link,
    sign_of,
    text_node,
    verdict_mark,
)

_SHOWN_LINKS = 5


@dataclass(slots=True)
class _FindingPlace:
    """One statement about a requirement, and the first finding of each case that makes it.

    The finding of the first case stands for all. `count` is how often the statement is made in all answers.
    """

    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    count: int = 0

    @property
    def finding(self) -> Mapping[str, Any]:
        """Return the finding that is shown with what was expected and what came."""
        return next(iter(self.found.values()))


def finding_groups(page: ReportPage) -> Iterator[Html]:
    """Yield the findings, the most serious first, and the cases without a verdict."""
    grouped = occurrences(page)
    yield from _severity_group(page, "violation", "Violations", grouped)
    yield from _reason_group(page, ("inconclusive", "error"), "Not judged")
    yield from _severity_group(page, "warning", "Warnings", grouped)
    yield from _severity_group(page, "observation", "Observations", grouped)
    yield from _reason_group(page, ("not_run", "not_applicable"), "Left out")
    verdicts = {case["verdict"] for case in page.cases.values()}
    undecided = not verdicts.isdisjoint({"error", "inconclusive"})
    if not grouped and not undecided:
        sentence = "No findings: no violation, no warning, no observation."
        yield make_element("p", text_node(sentence), class_="quiet")


def occurrences(
    page: ReportPage,
) -> dict[tuple[str, str], dict[str, _FindingPlace]]:
    """Return the findings by severity and requirement, then by message: what is alike in several cases is one."""
    groups: dict[tuple[str, str], dict[str, _FindingPlace]] = {}
    for case in page.cases.values():
        for finding in case["findings"]:
            group = groups.setdefault((finding["severity"], finding["requirement"]), {})
            occurrence = group.setdefault(finding["message"], _FindingPlace())
            occurrence.found.setdefault(case["id"], finding)
            occurrence.count += finding.get("count", 1)
    return groups


def _severity_group(
    page: ReportPage,
    severity: str,
    title: str,
    grouped: Mapping[tuple[str, str], Mapping[str, _FindingPlace]],
) -> Iterator[Html]:
    kinds = places = 0
    cards = []
    for (weight, requirement), group in grouped.items():
        if weight == severity:
            occurrences = list(group.values())
            kinds += len(occurrences)
            places += sum(occurrence.count for occurrence in occurrences)
            cards.append(_finding_card(page, severity, requirement, occurrences))
    if cards:
        heading = _heading(severity, title, kind_words(kinds, places, "finding"))
        yield make_element("div", heading, *cards, class_="group")


def _heading(word: str, title: str, note: str) -> Html:
    sign = make_element(
        "span", text_node(sign_of(word)[0]), class_=f"mark {word}", aria_hidden="true"
    )
    return make_element(
        "h3", sign, text_node(f" {title} "), make_element("small", text_node(note))
    )


def _finding_card(
    page: ReportPage,
    severity: str,
    requirement: str,
    occurrences: Sequence[_FindingPlace],
) -> Html:
    row = page.requirements.get(requirement, {})
    cases = dict.fromkeys(
        case for occurrence in occurrences for case in occurrence.found
    )
    source = row.get("source", {})
    about = [
        make_link("requirement", requirement, code_span(requirement)),
        level_badge(row.get("level", "")),
        text_node(
            f"section {source['section']} of {source['document']} {source['version']}"
        )
        if source
        else Html(""),
    ]
    return make_element(
        "article",
        make_element("h4", text_node(page.statement(requirement))),
        make_element("p", joined(about), class_="about"),
        *(_occurrence(page, occurrence) for occurrence in occurrences),
        class_=f"card finding {severity}",
        data_severity=severity,
        data_service=row.get("service", requirement.partition("/")[0]),
        data_requirement=requirement,
        data_cases=page.positions_of(cases),
        data_weight=len(occurrences),
    )


def _occurrence(page: ReportPage, occurrence: _FindingPlace) -> Html:
    finding = occurrence.finding
    return make_element(
        "div",
        make_element(
            "p",
            make_element("strong", text_node(clipped(finding["message"]))),
            *_where(finding["location"], occurrence.count),
            class_="message",
        ),
        _compare(finding),
        *_places(occurrence.found.values()),
        *folded(
            [
                _found_in(page, case, each, finding)
                for case, each in occurrence.found.items()
            ]
        ),
        class_="occurrence",
    )


def _where(location: str, count: int) -> Iterator[Html]:
    """Yield where something was found first, and how often."""
    if location:
        yield text_node(" at ")
        yield code_span(clipped(location))
    if count > 1:
        yield text_node(f" {place_words('', count)}")


def _places(findings: Iterable[Mapping[str, Any]]) -> Iterator[Html]:
    """Yield a part that opens with the first places where findings that are alike were made, if there are several."""
    named = [place for finding in findings for place in finding.get("places", ())]
    places = list(dict.fromkeys(named))[:MOST_PLACES]
    if len(places) > 1:
        summary = make_element("summary", text_node(f"{len(places)} places"))
        spans = [code_span(clipped(place)) for place in places]
        yield make_element(
            "details", summary, item_list(spans, class_="links"), class_="more"
        )


def _found_in(
    page: ReportPage,
    case: str,
    finding: Mapping[str, Any],
    shown: Mapping[str, Any],
) -> Html:
    """Return a case that made a finding, and what was different there from the one that is shown."""
    pieces = [_case_title(page, page.cases[case], finding)]
    if finding is shown:
        return pieces[0]
    pieces += [
        Html(text_node(f"{name} ") + code_span(clipped(finding[name])))
        for name in ("expected", "actual")
        if finding[name] != shown[name]
    ]
    if finding["location"] != shown["location"]:
        pieces.append(Html(text_node("at ") + code_span(clipped(finding["location"]))))
    return joined(pieces)


def _compare(finding: Mapping[str, Any]) -> Html:
    if not finding["expected"] and not finding["actual"]:
        return Html("")
    sides = (("Expected", finding["expected"]), ("Actual", finding["actual"]))
    return make_element(
        "dl",
        *(
            make_element(
                "div",
                make_element("dt", text_node(name)),
                make_element("dd", text_node(clipped(value or DASH))),
                class_=name.lower(),
            )
            for name, value in sides
        ),
        class_="compare",
    )


def _case_title(
    page: ReportPage, case: Mapping[str, Any], finding: Mapping[str, Any]
) -> Html:
    """Return links to a case and to the exchange that a finding is about."""
    pieces = [
        Html(
            verdict_mark(case["verdict"])
            + text_node(" ")
            + make_link("case", case["id"], text_node(case["title"]))
        )
    ]
    if probe := finding.get("exchange") or page.probe(case):
        pieces.append(
            Html(
                text_node("exchange ") + make_link("exchange", probe, text_node(probe))
            )
        )
    if case.get("known"):
        pieces.append(
            make_element(
                "span", text_node(f"known failure: {case['known']}"), class_="known"
            )
        )
    return joined(pieces)


def folded(items: Sequence[Html]) -> Iterator[Html]:
    """Yield a list of the first items, and the others in a part that opens."""
    yield item_list(items[:_SHOWN_LINKS], class_="links")
    if rest := items[_SHOWN_LINKS:]:
        summary = make_element("summary", text_node(f"{len(rest):,} more"))
        yield make_element(
            "details", summary, item_list(rest, class_="links"), class_="more"
        )


def _reason_group(
    page: ReportPage, verdicts: Sequence[str], title: str
) -> Iterator[Html]:
    """Yield the reasons why cases have no verdict on the target, each with its cases."""
    left = [case for case in page.cases.values() if case["verdict"] in verdicts]
    if not left:
        return
    left.sort(key=lambda case: verdicts.index(case["verdict"]))
    reasons: dict[tuple[str, str], list[str]] = {}
    for case in left:
        key = case["verdict"], case["reason"] or "no reason is given"
        reasons.setdefault(key, []).append(case["id"])
    cards = (_reason_card(page, *key, cases) for key, cases in reasons.items())
    heading = _heading(verdicts[0], title, count_of(len(left), "case"))
    yield make_element("div", heading, *cards, class_="group")


def _reason_card(
    page: ReportPage, verdict: str, reason: str, cases: Sequence[str]
) -> Html:
    heading = make_element(
        "h4",
        badge(verdict),
        text_node(f" {clipped(reason)} "),
        make_element("small", text_node(count_of(len(cases), "case"))),
    )
    return make_element(
        "article",
        heading,
        *folded([_case_title(page, page.cases[case], {}) for case in cases]),
        class_=f"card reason {verdict}",
        data_verdict=verdict,
        data_cases=page.positions_of(cases),
        data_weight=0,
    )
