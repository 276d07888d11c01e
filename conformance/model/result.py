"""The results of a run as values, and their roll-up into requirements, summary and exit code.

Must not know how cases are run, nor where results are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conformance.model.case import Case
from conformance.model.contract import Requirement
from conformance.model.verdict import Counterexample, Finding, Verdict

(
    EXIT_CONFORMANT,
    EXIT_FAILED,
    EXIT_USAGE,
    EXIT_INCONCLUSIVE,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
) = 0, 1, 2, 3, 4, 130
NOT_SELECTED = "not selected"
NOT_KEPT = "what is exchanged cannot be kept any more"
"""Why a run is stopped whose run folder cannot be written to."""
DISCLOSURE_NOTICE = (
    "security findings: report them to the eHealth platform at once, and publish them in no case "
    "(cookbooks, section Business security)"
)
"""What a finding of kind security on a service that is not one's own obliges to."""
WITHHELD = "a security finding, told in the private run folder only; --disclose-security tells it here too"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case.

    `evaluated` counts applied predicates by requirement; `exchanges` are ids in order, `deciding`
    those (five at most) that the verdict rests on; `duration` is in seconds; `limited` tells that
    the case was not run because of budget or rate. `known` is why a failure is accepted, `stale` why an
    entry of the list of known failures has to go. `counterexample` is what shows a failure.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    evaluated: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()
    duration: float = 0.0
    limited: bool = False
    known: str = ""
    stale: str = ""
    counterexample: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """What became of one requirement, with the reason where it is neither pass nor fail."""

    requirement: Requirement
    verdict: Verdict
    cases: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run besides its results; `started` and `finished` are UTC.

    `folder` is how a command names the run from where it was made, "" where its id is enough;
    `file` says where the target file is, as seen from the run folder ("" for a built-in target); `addresses` are those
    of the services; `user_agent` and `sender` are who asked, "" where no From was sent; `options` are those that the
    user gave; `single` tells that it was one request of one's own; `replay` says what was sent again of which run;
    `mutation_score` is what the suites of these services are worth, None where it was measured on none.
    """

    id: str
    harness: str
    seed: int
    target: str
    environment: str
    services: tuple[str, ...]
    versions: Mapping[str, str]
    started: datetime
    finished: datetime
    interrupted: bool
    iut: str = "server"
    notes: tuple[str, ...] = ()
    disclosed: bool = False
    erred: bool = False
    single: bool = False
    examples: int = 0
    folder: str = ""
    file: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = ""
    sender: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    replay: Mapping[str, Any] = field(default_factory=dict)
    mutation_score: Mapping[str, Any] | None = None
