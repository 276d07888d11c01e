"""Judges a recorded run again without its service: each request is answered by what was recorded in its place.

So a check can be taken away, and what is found without it compared with what was found with it.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.checks.json_schema import CompiledSchema
from conformance.checks.rules import RULES
from conformance.checks.soap_answered import NOT_APPLIED
from conformance.checks.soap_rules import CHECKS
from conformance.engine.campaign import open_campaign
from conformance.engine.embedded import EmbeddedServices
from conformance.engine.execution import Procedure
from conformance.engine.plan import Selection, make_plan
from conformance.engine.session import Session
from conformance.evidence.results_document import case_record
from conformance.evidence.store import read_exchanges, recorded_exchange
from conformance.judging.rest import RestOracle
from conformance.judging.soap import SoapOracle
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange, Purpose, Request
from conformance.model.fault import Fault
from conformance.model.verdict import Judgement
from conformance.selftest.mutants import MutantRun
from conformance.selftest.selftest import EXAMPLES
from conformance.target.policy import LOCAL
from conformance.target.reading import choose_services, load_target
from suites import test_dossier_number_generation as dossier_suite
from suites import test_status_dashboard as dashboard_suite
from suites import test_therapeutic_exclusion as exclusion_suite

PROCEDURES: Mapping[str, Procedure] = {
    **getattr(dashboard_suite, "PROCEDURES", {}),
    **dossier_suite.PROCEDURES,
    **exclusion_suite.PROCEDURES,
}


class EndOfRecordError(ConformanceError):
    """More was asked for than was recorded: the run went on beyond what had ended it."""


@dataclass(slots=True)
class Playback:
    """The recorded runs of one service's suite, judged again."""

    service: str
    settings: Mapping[str, Any]

    def finds(self, run: Path, fault: Fault) -> bool:
        """Tell whether a recorded run, judged again, shows a fault for its own reason."""
        hunt = MutantRun(fault)
        for result in self._results(run):
            hunt.look(result)
        return hunt.right is not None

    def _results(self, run: Path) -> Iterator[Mapping[str, Any]]:
        target = load_target(LOCAL)
        plan = make_plan(target, choose_services(target, (self.service,)), Selection(), examples=EXAMPLES)
        cases = {case.id: case for case in plan.cases}
        recorded = groupby(read_exchanges(run), key=lambda record: record["case"])
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            embedded = EmbeddedServices({self.service: self.settings})
            campaign = open_campaign(plan, Path(folder), embedded)
            for name, records in recorded:
                if name in cases:
                    once = _answers(map(recorded_exchange, records))
                    patch.setattr(Session, "send_once", once)
                    patch.setattr(Session, "send_side_by_side", _together(once))
                    case = cases[name]
                    yield case_record(campaign.run(case, PROCEDURES.get(case.procedure or "")))
            campaign.close()


@contextlib.contextmanager
def playback(service: str) -> Iterator[Playback]:
    """Give what judges recorded runs of a service again; its test data and callers are a local platform's."""
    target = load_target(LOCAL)
    spec = choose_services(target, (service,))[0].spec
    with LocalPlatform((spec,)) as platform:
        yield Playback(service, platform.settings(service))


def _answers(exchanges: Iterator[Exchange]) -> Callable[..., Exchange]:
    def once(session: Session, case: str, request: Request, purpose: Purpose) -> Exchange:
        del session, case, purpose
        found = next(exchanges, None)
        if found is None or _asked(found.request) != _asked(request):
            raise EndOfRecordError("the record ends here, or goes on otherwise")
        return found

    return once


def _together(once: Callable[..., Exchange]) -> Callable[..., tuple[tuple[Exchange, ...], str]]:
    """Return what gives the recorded answers to requests that were sent side by side, which are taken to overlap."""

    def side_by_side(
        session: Session, case: str, requests: Sequence[Request], purpose: Purpose
    ) -> tuple[tuple[Exchange, ...], str]:
        return tuple(once(session, case, request, purpose) for request in requests), ""

    return side_by_side


def _asked(request: Request) -> tuple[str, str]:
    """Return method and path with query of a request, wherever it was sent."""
    address = urlsplit(request.url)
    return request.method, f"{address.path}?{address.query}"


Without = Callable[[pytest.MonkeyPatch], None]


def _method(owner: type, name: str, result: Callable[[], object]) -> Without:
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: result())


def _in_suite(*places: str, result: Callable[[], object]) -> Without:
    def without(patch: pytest.MonkeyPatch) -> None:
        for place in places:
            patch.setattr(f"suites.therapeutic_exclusion_{place}", lambda *_, **__: result())

    return without


def _nothing() -> Iterator[Any]:
    return iter(())


def _rule(name: str) -> Without:
    return lambda patch: patch.setitem(RULES, name, lambda *_: [])


def _soap_check(name: str) -> Without:
    idle = replace(CHECKS[name], function=lambda *_: NOT_APPLIED)
    return lambda patch: patch.setitem(CHECKS, name, idle)


def _no_media_type(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("conformance.judging.rest.json_type_problems", lambda _: ())


def _no_comparison_of_states(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("conformance.engine.probes.probing.changes", lambda *_: Judgement())


REST_CHECKS: Mapping[str, Without] = {
    "expectation": _method(RestOracle, "_expectation_findings", _nothing),
    "media-type": _no_media_type,
    "answer": _method(RestOracle, "_answer", Judgement),
    "schema": _method(CompiledSchema, "problems", _nothing),
    "undocumented": _method(CompiledSchema, "undocumented", _nothing),
    "unchanged": _no_comparison_of_states,
    **{name: _rule(name) for name in RULES},
}
MODEL_CHECKS: Mapping[str, Without] = {
    "listed": _in_suite("player.listed", result=Judgement),
    "invented-names": _in_suite("lists.invented_names", "names.invented_names", result=_nothing),
    "kinds": _in_suite("lists.kinds", result=_nothing),
    "ordered": _in_suite("player.ordered", result=_nothing),
    "counted": _in_suite("player.counted", result=_nothing),
    "recorded": _in_suite("player.recorded", result=list),
    "newest": _in_suite("player.newest", result=_nothing),
    "authored": _in_suite("player.authored", result=list),
    "ordered-in-moments": _in_suite("player.ordered_in_moments", result=_nothing),
    "spoiled-names": _in_suite("lists.spoiled_names", "names.spoiled_names", result=_nothing),
    "dropped-names": _in_suite("lists.dropped_names", result=_nothing),
    "timed": _in_suite("player.timed", result=_nothing),
}
SOAP_CHECKS: Mapping[str, Without] = {
    "expectation": _method(SoapOracle, "_expectation_findings", _nothing),
    **{name: _soap_check(name) for name in CHECKS},
}
