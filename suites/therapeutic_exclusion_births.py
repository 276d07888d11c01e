"""SSINs at the boundaries of their rules, and whether a service takes them for what they are: valid.

Each is sent where it changes nothing: as a practitioner who is not excluded, or as a patient whom the token does not
cover. An ordinary number, made up like the others, goes before them: what a service answers to that one, it has to
answer to all. They are nobody's, but may be somebody's one day: only a local target ever sees them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from conformance.checks.json_body import parse
from conformance.engine.execution import CaseExecution
from conformance.identifiers.reading import compose_bis, compose_ssin
from conformance.identifiers.rules import FICTITIOUS_SEQUENCES
from conformance.judging.rest_expectation import error_codes
from conformance.model.case import Clause, Effect, Expectation, Template
from conformance.model.errors import MissingDataError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_answers import NOTHING_THERE
from .therapeutic_exclusion_conversation import send_or_block
from .therapeutic_exclusion_requests import (
    SERVICE,
    Party,
    Person,
    consultation,
    declaration,
    history,
    parties,
    person,
    revocation,
)

_VALID = f"{SERVICE}/8.1.3/valid-ssin"
_FIRST_REFUSAL = 400
_TELLING_INVALID = frozenset({"VAL002", "VAL006"})


@dataclass(frozen=True, slots=True)
class Birth:
    """An SSIN, and what is special about it."""

    ssin: str
    what: str


def _ending(check_digits: str) -> str:
    """Return a number whose check digits begin so."""
    texts = (
        compose_ssin(date(1985, 8, 14), sequence) for sequence in FICTITIOUS_SEQUENCES
    )
    return next(text for text in texts if text[-2:].startswith(check_digits))


ORDINARY = compose_ssin(date(1973, 5, 17), 951)
BIRTHS = (
    Birth(compose_ssin(date(1996, 2, 29), 948), "born on 29 February 1996"),
    Birth(compose_ssin(date(2000, 2, 29), 917), "born on 29 February 2000"),
    Birth(compose_ssin(date(2004, 2, 29), 932), "born on 29 February 2004"),
    Birth(compose_ssin(date(1904, 2, 29), 945), "born on 29 February 1904"),
    Birth(compose_ssin(date(1900, 2, 28), 926), "born on 28 February 1900"),
    Birth(compose_ssin(date(1900, 3, 1), 961), "born on 1 March 1900"),
    Birth(compose_ssin(date(2000, 3, 1), 973), "born on 1 March 2000"),
    Birth(compose_ssin(date(1999, 12, 31), 934), "born on 31 December 1999"),
    Birth(compose_ssin(date(2000, 1, 1), 955), "born on 1 January 2000"),
    Birth(compose_ssin(date(1973, 5, 17), 1), "the first born on a day"),
    Birth(compose_ssin(date(1973, 5, 17), 998), "the last born on a day"),
    Birth(
        compose_bis(1985, 8, 14, 927, sex_known=False),
        "a BIS number with 20 added to the month",
    ),
    Birth(
        compose_bis(1985, 8, 14, 942, sex_known=True),
        "a BIS number with 40 added to the month",
    ),
    Birth(
        compose_bis(2000, 2, 29, 939, sex_known=True),
        "a BIS number of 29 February 2000",
    ),
    Birth(_ending("0"), "check digits that begin with 0"),
    Birth(_ending("97"), "the check digits 97"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A request that an SSIN is put into: what for, the answers that a number deserves of which it is not the fault.

    `rule` is broken where no such answer comes for another reason than the number.
    """

    place: str
    rule: str
    welcome: tuple[Clause, ...]
    ask: Callable[[Person, Party, str], Template]


_STRANGER = (
    Clause(("401", "403", "404"), Effect.ACCEPT),
    Clause(("400",), Effect.ACCEPT, codes=("BIZ003",)),
)
_UNTOLD = Clause(
    ("2xx", "3xx", "4xx"),
    Effect.NOT_APPLICABLE,
    note="what becomes of a special number cannot be told by that",
)


def _practitioner(ssin: str) -> Party:
    return Party("ssin", ssin, "persphysician")


QUESTIONS = (
    Question(
        "hcPartySsin of a consultation",
        "5.5/not-found",
        NOTHING_THERE,
        lambda who, _, ssin: consultation(who, _practitioner(ssin)),
    ),
    Question(
        "hcPartySsin of a revocation",
        "5.4/not-found",
        NOTHING_THERE,
        lambda who, _, ssin: revocation(who, _practitioner(ssin)),
    ),
    Question(
        "the patient of a consultation",
        "8.1.3/biz003",
        _STRANGER,
        lambda who, _, ssin: consultation(replace(who, ssin=ssin)),
    ),
    Question(
        "the patient of a history",
        "8.1.3/biz003",
        _STRANGER,
        lambda who, _, ssin: history(replace(who, ssin=ssin)),
    ),
    Question(
        "the patient of a revocation",
        "8.1.3/biz003",
        _STRANGER,
        lambda who, party, ssin: revocation(replace(who, ssin=ssin), party),
    ),
    Question(
        "the patient of a declaration",
        "8.1.3/biz003",
        _STRANGER,
        lambda who, party, ssin: declaration(replace(who, ssin=ssin), party),
    ),
)


def play_births(execution: CaseExecution) -> Judgement:
    """Put each number into each place where it changes nothing; raises MissingDataError but for a local target."""
    if not execution.session.target.local:
        raise MissingDataError(
            "identities are made up only where the environment is local"
        )
    who, party = person(execution, "patient", "citizen"), parties(execution)[0]
    return merge(
        _Asker(execution, who, party, question).judge() for question in QUESTIONS
    )


@dataclass(slots=True)
class _Asker:
    """Asks one question with one number after the other."""

    execution: CaseExecution
    who: Person
    party: Party
    question: Question
    codes: frozenset[str] = frozenset()

    def judge(self) -> Judgement:
        """Return what becomes of the numbers, as far as an ordinary one shows it; stop at one that is refused."""
        control = self._ordinary()
        if not control.evaluated or control.violated:
            return control
        judgements = [control]
        for birth in BIRTHS:
            judgement = self._special(birth)
            judgements.append(
                self._explained(judgement, birth) if judgement.violated else judgement
            )
            if judgement.violated or judgement.inconclusive_reason:
                break
        return merge(judgements)

    def _ordinary(self) -> Judgement:
        template = self.question.ask(self.who, self.party, ORDINARY)
        exchange = send_or_block(self.execution, template, Purpose.CONTROL)
        self.codes = _codes(exchange)
        return self._judged(
            exchange,
            template,
            f"{SERVICE}/{self.question.rule}",
            (*self.question.welcome, _UNTOLD),
        )

    def _special(self, birth: Birth) -> Judgement:
        template = self.question.ask(self.who, self.party, birth.ssin)
        exchange = self.execution.send(template)
        clauses = self.question.welcome
        if (_codes(exchange) - self.codes) & _TELLING_INVALID:
            # One code among several that says the number is invalid refuses it, whatever the others say.
            clauses = tuple(clause for clause in clauses if not clause.codes)
        served = (
            exchange.response is not None and exchange.response.status < _FIRST_REFUSAL
        )
        return self._judged(
            exchange,
            template,
            f"{SERVICE}/{self.question.rule}" if served else _VALID,
            clauses,
        )

    def _judged(
        self,
        exchange: Exchange,
        template: Template,
        requirement: str,
        clauses: tuple[Clause, ...],
    ) -> Judgement:
        case = replace(
            self.execution.case,
            requirements=(requirement,),
            request=template,
            expectation=Expectation(self.question.place, clauses),
        )
        return self.execution.oracle.judge(exchange, case)

    def _explained(self, judgement: Judgement, birth: Birth) -> Judgement:
        """Return a refusal with what it is a refusal of; where it does not happen again, the number is not why."""
        again, control = self._special(birth), self._ordinary()
        why = again.violated and bool(control.evaluated) and not control.violated
        requirement = _VALID if why else f"{SERVICE}/{self.question.rule}"
        message = f"a valid SSIN is refused ({birth.what}), an ordinary one is not"
        if not why:
            message = "a request is refused (not on every request: the same request was also answered well)"
        findings = (
            replace(
                one,
                requirement=requirement,
                message=f"{message}; {self.question.place}",
            )
            if one.requirement == _VALID
            else one
            for one in judgement.findings
        )
        return replace(judgement, findings=tuple(findings))


def _codes(exchange: Exchange) -> frozenset[str]:
    return frozenset(
        error_codes(
            parse(exchange.response.body if exchange.response else b"").document
        )
    )
