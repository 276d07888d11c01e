"""The messages of a case that probes with many: mutated one by one, or drawn from the types of the WSDL.

Must not sign nor send anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from conformance.contracts.binding import BoundOperation
from conformance.messages.soap import (
    ISSUE_INSTANT,
    OWN_NUMBER,
    REQUEST_ID,
    SoapMessages,
)
from conformance.messages.templates import with_body
from conformance.model.case import (
    VALID_MESSAGES,
    Case,
    Forgery,
    Listed,
    Message,
    OtherNumbers,
    Sweep,
    Template,
    WsdlProperty,
)
from conformance.model.errors import MissingDataError
from conformance.soap.difference import difference
from conformance.soap.editing import refused
from conformance.soap.message import body_child
from conformance.soap.xsd.grammar import Choice, Grammar, read_grammar
from conformance.soap.xsd.schemas import WsdlError
from conformance.strategies.drawing import Drawing, Start
from conformance.strategies.xsd import Broken, broken, edges, valid

_STANDING: Final = {REQUEST_ID: "_drawn", ISSUE_INSTANT: "2026-01-15T12:00:00Z"}
"""What stands in a drawn message until it is sent."""


@dataclass(frozen=True, slots=True)
class MessageVariants:
    """Makes the many messages of a case from the one that it has."""

    messages: SoapMessages

    def mutations(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each mutation that its probe names.

        Raises MissingDataError where there is none.
        """
        for message in self._mutated(case, case.request.message or Message()):
            yield replace(case.request, body=message)

    def forged(self, case: Case, pair: Forgery) -> Template:
        """Return a case's request with what is signed and what is forged in its place, each with an id of its own.

        Where the WSDL has ids, the answer tells by the one that it repeats which of the two was processed.
        """
        plain = case.request.message or Message()
        signed, forged = (
            self._identified(template, plain.caller)
            for template in (pair.signed, pair.forged)
        )
        body = replace(signed, mutation=plain.mutation, forged=forged)
        return replace(case.request, body=body)

    def _identified(self, template: Template, caller: str) -> Message:
        message = replace(template.message or Message(), caller=caller)
        bound = self.messages.bound(template)
        if REQUEST_ID not in bound.request or REQUEST_ID in message.values:
            return message
        own = self.messages.standing(bound)[REQUEST_ID]
        return replace(message, values={**message.values, REQUEST_ID: own})

    def drawing(self, case: Case) -> Drawing:
        """Return the messages of a case whose probe draws them from the types of the WSDL.

        The caller's own number stands at its place if at all, numbers of other kinds do not stand. Raises
        MissingDataError where no message can be made of the WSDL.
        """
        bound = self.messages.bound(case.request)
        caller = self.messages.caller(case.request.message or Message())
        grammar = self._grammar(bound, caller)
        explain = _Explanation(self.messages, case, grammar)
        if case.probe == WsdlProperty(VALID_MESSAGES):
            return Drawing(
                tuple(Start(row, explain.build) for row in grammar.boundaries()),
                valid(grammar).map(lambda body: with_body(case.request, body)),
                explain.of,
            )
        contract, operation = self.messages.binding.contract, bound.operation
        mutated = broken(grammar, contract, operation)
        return Drawing(
            tuple(
                Start((), _Fixed(case.request, row))
                for row in edges(grammar, contract, operation)
            ),
            mutated.map(lambda row: with_body(case.request, *row)),
            explain.of,
        )

    def _mutated(self, case: Case, message: Message) -> Iterator[Message]:
        match case.probe:
            case Listed(rows):
                return (_with_row(message, row) for row in rows)
            case OtherNumbers(form):
                return self._with_numbers(message, form)
            case Sweep(kind):
                return self._swept(case.request, message, kind)
            case probe:
                raise MissingDataError(f"no message is changed by {probe}")

    def _with_numbers(self, message: Message, form: str) -> Iterator[Message]:
        """Yield a message once for each number of a form; raises MissingDataError where there is none."""
        caller = self.messages.caller(message)
        numbers = self.messages.data.others(caller, form)
        if not numbers:
            raise MissingDataError(
                f"the number of callers.{caller} is not one that could be written in another way"
            )
        for number in numbers:
            yield replace(message, replace={**message.replace, OWN_NUMBER: number})

    def _swept(
        self, template: Template, message: Message, kind: str
    ) -> Iterator[Message]:
        """Yield a message once for each mutation of a kind that the schema refuses."""
        bound = self.messages.bound(template)
        root = body_child(self.messages.envelope(bound, message))
        contract = self.messages.binding.contract
        mutations = list(refused(contract, bound.operation, root, kind))
        if not mutations:
            raise MissingDataError("the WSDL's schema refuses no message of this sort")
        yield from (replace(message, edits=(mutation,)) for mutation in mutations)

    def _grammar(self, bound: BoundOperation, caller: str) -> Grammar:
        """Return the valid requests by a caller."""
        places, data = bound.request, self.messages.data
        roles = {rule.role for rule in data.rules.callers.values()}
        own = data.rule(caller).role
        fixed = {places[own]: data.value("$own", caller)} if own in places else {}
        usual = {places[role]: row for role, row in _STANDING.items() if role in places}
        others = {places[role] for role in roles - {own} if role in places}
        contract = self.messages.binding.contract
        try:
            return read_grammar(
                contract, bound.operation, fixed, usual, others - set(fixed)
            )
        except WsdlError as error:
            raise MissingDataError(str(error)) from None


def _with_row(message: Message, row: Mapping[str, Mapping[str, str]]) -> Message:
    return replace(
        message,
        values={**message.values, **row.get("values", {})},
        replace={**message.replace, **row.get("replace", {})},
    )


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Makes the messages of a case from their choices, and says how one differs from what is known to be served."""

    messages: SoapMessages
    case: Case
    grammar: Grammar

    def build(self, choices: tuple[Choice, ...]) -> Template:
        return with_body(self.case.request, self.grammar.message(choices))

    def of(self, template: Template) -> str:
        """Return how a message, before its one change, differs from the smallest one; that one, from the plain one."""
        message = template.message or Message()
        smallest = self.grammar.message()
        before, name = smallest, "the smallest valid message"
        if message.body == smallest and not message.edits:
            before, name = self.messages.plain(self._plain), "the plain request"
        bound = self.messages.bound(template)
        ignored = {bound.request[role] for role in _STANDING if role in bound.request}
        lines = difference(before, message.body, () if before == smallest else ignored)
        if not lines:
            return ""
        start = " on a valid message that differs"
        if message.edits:
            start = ", which differs besides"
        return "\n".join((f"{start} from {name} by:", *lines))

    @property
    def _plain(self) -> Template:
        control = self.case.control
        return control.request if control is not None else self.case.request


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Makes a broken message, always the same."""

    plain: Template
    broken: Broken

    def __call__(self, choices: tuple[Choice, ...]) -> Template:
        del choices
        return with_body(self.plain, *self.broken)
