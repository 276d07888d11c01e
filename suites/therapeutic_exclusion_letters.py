"""Declarations that give names with letters outside ASCII, which are valid JSON however they are written.

Section 5.3: names are optional, so that a declaration with them is served, and come from CoBRHa in any case.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from conformance.engine.execution import CaseExecution
from conformance.model.case import Template
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_answers import clause, objects
from .therapeutic_exclusion_conversation import Conversation, clear
from .therapeutic_exclusion_lists import listed
from .therapeutic_exclusion_model import Model, Situation
from .therapeutic_exclusion_requests import (
    ACCENTED,
    BEYOND_LATIN_1,
    INVENTED_FIRST_NAME,
    INVENTED_NAME,
    Party,
    Person,
    consultation,
    declaration,
    first_of_each_kind,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_steps import Step, Verb

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Writing:
    """Names, and whether their letters outside ASCII are written as they are or as escapes (RFC 8259, section 7)."""

    name: str
    first_name: str
    escaped: bool

    def __str__(self) -> str:
        """Say what is special about it."""
        how = "as escapes" if self.escaped else "in UTF-8"
        return f"the names {self.name!r} and {self.first_name!r}, {how}"


PLAIN = Writing(INVENTED_NAME, INVENTED_FIRST_NAME, escaped=True)
WRITINGS = (
    Writing(*ACCENTED, escaped=False),
    Writing(*ACCENTED, escaped=True),
    Writing(*BEYOND_LATIN_1, escaped=False),
)
"""Letters of Belgium's languages and of its people's names: in Latin-1, beyond it, and put together of two."""


def play_letters(execution: CaseExecution) -> Judgement:
    """Declare the first party of each kind with names of each kind; each is served, and none is published."""
    who, known = person(execution, "patient", "citizen"), parties(execution)
    judgements = []
    for number in first_of_each_kind(known):
        declarer = _Declarer(Conversation(execution), who, known[number])
        declarer.clear()
        for writing in WRITINGS:
            judgements.append(declarer.judge(writing))
            if judgements[-1].violated or judgements[-1].inconclusive_reason:
                return merge(judgements)
    return merge(judgements)


@dataclass(frozen=True, slots=True)
class _Declarer:
    """Declares one party with names, again and again."""

    talk: Conversation
    who: Person
    party: Party

    def clear(self) -> None:
        """Revoke what may be active; raises Blocked where it cannot be told that nothing is any more."""
        clear(self.talk.execution, revocation(self.who, self.party))

    def judge(self, writing: Writing) -> Judgement:
        """Declare with names, consult, and revoke; what is wrong is laid to the letters where plain ones are served."""
        judgement = self._declared(writing)
        if not judgement.violated:
            return judgement
        decisive = self.talk.decisive
        note = "; with names of plain letters, too"
        if self._served_plainly():
            note = f"; with {writing}, unlike names of plain letters"
        self.talk.last = decisive
        findings = (
            replace(one, message=one.message + note) for one in judgement.findings
        )
        return replace(judgement, findings=tuple(findings))

    def _declared(self, writing: Writing) -> Judgement:
        step = Step(Verb.DECLARE_NAMED)
        exchange = self.talk.send(self.request(writing))
        rule = "5.3/names-tolerated"
        judgement = self.talk.expect(exchange, rule, [clause("201")], [step])
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        shown = self.talk.send(consultation(self.who, self.party))
        found = [replace(clause("200"), judge=True)]
        told = self.talk.expect(shown, "5.3/declares", found, [step])
        model = Model({self.party.key: {}}, [])
        situation = Situation(self.who, (self.party,), model, [step])
        rule = f"5.5/by-{self.party.kind}"
        rows = listed(situation, objects(shown), [self.party.key], rule)
        self.clear()
        return merge([judgement, told if told.violated else merge([told, rows])])

    def _served_plainly(self) -> bool:
        """Tell whether the same declaration is served, and takes effect, with names of plain letters."""
        self.clear()
        return not self._declared(PLAIN).violated

    def request(self, writing: Writing) -> Template:
        """Return the declaration with names; an organisation has no first name."""
        plain = declaration(self.who, self.party, named=True)
        names = {"name": writing.name, "firstName": writing.first_name}
        party: Mapping[str, object] = plain.document["hcParty"]
        given = {name: names.get(name, value) for name, value in party.items()}
        text = json.dumps(
            {**plain.document, "hcParty": given}, ensure_ascii=writing.escaped
        )
        return replace(plain, body=text.encode(), headers=_JSON)
