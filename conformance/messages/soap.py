"""Turns the messages of cases into SOAP requests: values by role, a caller's assertion and signature.

Builds by the WSDL, changes what the case changes, signs, and hands out the very bytes to send. Must not send anything
but what a caller's assertion takes, nor judge answers.
"""

import random
import re
import secrets
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from conformance.contracts.binding import Binding, BoundOperation
from conformance.credentials.assertions import Callers
from conformance.identifiers.near_misses import IDENTIFIER_GENERATORS, near_misses
from conformance.messages.sources import Post
from conformance.model.case import (
    Case,
    Message,
    MessageMutation,
    MutationKind,
    Step,
    Template,
)
from conformance.model.contract import SoapRules
from conformance.model.errors import MissingDataError
from conformance.soap.difference import difference
from conformance.soap.editing import apply, refused
from conformance.soap.markup import Element, parse, serialise
from conformance.soap.message import CONTENT_TYPE, body_child, signed, written
from conformance.soap.names import SOAP
from conformance.soap.security.foreign_keys import foreign
from conformance.soap.security.mutations import MUTATIONS
from conformance.soap.security.resigning import SecurityMutation
from conformance.soap.security.saml import Assertion, public_key
from conformance.soap.security.wss import instant
from conformance.soap.xsd.contract import Steps, read_value
from conformance.soap.xsd.grammar import Choice, Grammar, read_grammar
from conformance.soap.xsd.schemas import WsdlError
from conformance.strategies.generators import LISTED, OTHER_NUMBERS
from conformance.strategies.xsd import Broken, Drawing, Start, broken, edges, valid

REQUEST_ID, ISSUE_INSTANT = "request_id", "issue_instant"
_ID_FORMS: Final = ("_{}", "{}")
"""What is made of a UUID as a request's id: an xs:ID, which begins with no digit; bare where a WSDL wants that."""
_MADE_UP = re.compile(r"_?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OWN_NUMBER = "own_number"
"""A role that stands for the one by which the caller's kind names itself."""
VALID_MESSAGES, BROKEN_MESSAGES = "valid-messages", "broken-messages"
DRAWN: Final = frozenset({VALID_MESSAGES, BROKEN_MESSAGES})
"""Strategies that draw whole messages from the types of the WSDL at hand."""
_STANDING: Final = {REQUEST_ID: "_drawn", ISSUE_INSTANT: "2026-01-15T12:00:00Z"}
"""What stands in a drawn message until it is sent."""


@dataclass(slots=True)
class SoapMessages:
    """The messages of one service of a target; `local` allows numbers to be made up, `clock` gives the time in UTC."""

    rules: SoapRules
    binding: Binding
    callers: Callers
    settings: Mapping[str, Any]
    local: bool
    clock: Callable[[], datetime]
    _last: bytes = b""
    _id_forms: dict[str, str] = field(default_factory=dict)

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it, its messages naming the caller.

        Raises MissingDataError where the target gives no caller of the case's kind.
        """
        names = self.callers.names(case.caller)
        if not names:
            kind = case.caller.replace("_", " ")
            raise MissingDataError(
                f"the target gives no caller{f' of the kind {kind}' if kind else 's'}"
            )
        return [as_caller(case, name) for name in (names if case.caller else names[:1])]

    def request(self, template: Template) -> Post:
        """Return what to send for a template; raises MissingDataError where the target lacks data for it."""
        message, bound = template.message or Message(), self._bound(template)
        envelope = self._envelope(bound, message)
        root = body_child(envelope)
        changes = [
            MessageMutation(
                MutationKind.REMOVE, _place(bound, self._role(role, message))
            )
            for role in message.remove
        ]
        for role, text in message.replace.items():
            changes.append(
                MessageMutation(
                    MutationKind.WRITE, _place(bound, self._role(role, message)), text
                )
            )
        for edit in (*changes, *message.edits):
            apply(root, edit)
        mutation = MUTATIONS.get(message.mutation, SecurityMutation())
        body = (
            self._last
            if mutation.replay and self._last
            else self._secured(envelope, self._caller(message), message.mutation)
        )
        self._last = body
        # SOAP 1.1, section 6: the media type, and SOAPAction in quotes.
        headers = {
            "Accept": "text/xml",
            "Content-Type": CONTENT_TYPE,
            "SOAPAction": f'"{bound.operation.action}"',
        }
        return Post(body, {**headers, **mutation.headers}, mutation.method or "POST")

    def _secured(self, envelope: Element, caller: str, name: str) -> bytes:
        """Sign the message as the caller, applying the mutation of a name."""
        mutation = MUTATIONS.get(name, SecurityMutation())
        signer, assertion = (
            self.callers.signer(caller),
            self._assertion(caller, mutation),
        )
        draft = signed(
            envelope,
            assertion,
            foreign(signer) if mutation.foreign_key else signer,
            self.clock() + mutation.shift,
            mutation.lifetime,
        )
        if mutation.borrow:
            draft.borrowed = self._borrowed(caller)
        if mutation.change is not None:
            mutation.change(draft)
        altered = (
            mutation.assertion(assertion) if mutation.assertion is not None else None
        )
        if altered is not None:
            self.callers.learn_altered(caller, altered, name)
        data = written(draft, altered)
        return mutation.raw(data) if mutation.raw is not None else data

    def _assertion(self, caller: str, mutation: SecurityMutation) -> Assertion:
        if mutation.expired:
            return self.callers.expired(caller)
        if mutation.denied:
            return self.callers.denied(caller)
        return (
            self._borrowed(caller) if mutation.other else self.callers.assertion(caller)
        )

    def _borrowed(self, caller: str) -> Assertion:
        """Return an assertion of another caller with another key."""
        keys = {
            name: public_key(self.callers.signer(name).certificate)
            for name in self.callers.names()
        }
        others = [name for name, key in keys.items() if key != keys[caller]]
        if not others:
            raise MissingDataError(
                "the target gives no second caller whose assertion could be borrowed"
            )
        return self.callers.assertion(others[0])

    def sweep(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each way that the case names to change it.

        `listed`: with each row of the case's options (values, replace); `other-numbers`: with the numbers of others
        than the caller in the place of its own; the names of SWEEPS: broken in each way that the schema refuses.
        Raises MissingDataError where there is none.
        """
        message = case.request.message or Message()
        for varied in self._variations(case, message):
            yield replace(case.request, message=varied)

    def _variations(self, case: Case, message: Message) -> Iterator[Message]:
        if case.generate == LISTED:
            for row in case.options["rows"]:
                values = {**message.values, **row.get("values", {})}
                yield replace(
                    message,
                    values=values,
                    replace={**message.replace, **row.get("replace", {})},
                )
        elif case.generate == OTHER_NUMBERS:
            for number in self._others(self._caller(message)):
                yield replace(message, replace={**message.replace, OWN_NUMBER: number})
        else:
            bound = self._bound(case.request)
            root = body_child(self._envelope(bound, message))
            edits = list(
                refused(self.binding.contract, bound.operation, root, case.generate)
            )
            if not edits:
                raise MissingDataError(
                    "the WSDL's schema refuses no message of this sort"
                )
            yield from (replace(message, edits=(edit,)) for edit in edits)

    def drawing(self, case: Case) -> Drawing | None:
        """Return the messages of a case whose strategy draws them from the WSDL's types, None for any other case.

        The caller's own number stands at its place if at all, numbers of other kinds do not stand. Raises
        MissingDataError where no message can be made of the WSDL.
        """
        if case.generate not in DRAWN:
            return None
        bound, message = self._bound(case.request), case.request.message or Message()
        grammar = self._grammar(bound, self._caller(message))
        explain = _Explanation(self, case, grammar)
        if case.generate == VALID_MESSAGES:
            drawn = valid(grammar).map(lambda body: _with_body(case.request, body))
            starts = tuple(
                Start(choices, explain.build) for choices in grammar.boundaries()
            )
            return Drawing(starts, drawn, explain.of)
        contract, operation = self.binding.contract, bound.operation
        wrong = broken(grammar, contract, operation).map(
            lambda one: _with_body(case.request, *one)
        )
        starts = tuple(
            Start((), _Just(case.request, one))
            for one in edges(grammar, contract, operation)
        )
        return Drawing(starts, wrong, explain.of)

    def _grammar(self, bound: BoundOperation, caller: str) -> Grammar:
        """Return the valid requests by a caller."""
        places = bound.request
        roles = {rule.role for rule in self.rules.callers.values()}
        own = self.callers.rule(caller).role
        fixed = {places[own]: self._value("$own", caller)} if own in places else {}
        usual = {
            places[role]: text for role, text in _STANDING.items() if role in places
        }
        others = {places[role] for role in roles - {own} if role in places} - set(fixed)
        try:
            return read_grammar(
                self.binding.contract, bound.operation, fixed, usual, others
            )
        except WsdlError as error:
            raise MissingDataError(str(error)) from None

    def plain(self, template: Template) -> str:
        """Return the request element of a template as XML text, built by the WSDL."""
        message = replace(template.message or Message(), body="")
        return serialise(
            body_child(self._envelope(self._bound(template), message))
        ).decode()

    def availability_probes(self, case: Case) -> list[Template]:
        """Return a case's request by each other caller."""
        message = case.request.message
        own = message.caller if message is not None else ""
        return [_by(case.request, name) for name in self.callers.names() if name != own]

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Return a template of a request element that was sent before, by a caller; "" asks for the operation of it.

        Its time is new at the next sending, and its id where it is one of those that are made up for each message.
        """
        root = parse(body.encode())
        named = (
            key
            for key, one in self.binding.bound.items()
            if one.operation.request == root.tag
        )
        template = Template(
            operation or next(named, ""), message=Message(caller, body=body)
        )
        place = self._bound(template).request.get(REQUEST_ID)
        own = read_value(root, place) if place is not None else None
        kept = (
            {REQUEST_ID: own} if own is not None and not _MADE_UP.fullmatch(own) else {}
        )
        return _with_message(template, replace=kept)

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the assertion that a record refers to, with what was changed of it where it says so."""
        caller, altered = reference["assertion"], reference.get("altered", "")
        if caller not in self.callers.names():
            raise MissingDataError(f"the target gives no caller {caller!r}")
        spare = {"expired": self.callers.expired, "denied": self.callers.denied}.get(
            reference.get("state", "")
        )
        if spare is not None:
            return spare(caller).data
        assertion = self.callers.assertion(caller)
        if not altered:
            return assertion.data
        change = MUTATIONS.get(altered, SecurityMutation()).assertion
        if change is None:
            raise MissingDataError(
                f"nobody knows how to change an assertion by {altered!r}"
            )
        data = change(assertion)
        self.callers.learn_altered(caller, data, altered)
        return data

    def _bound(self, template: Template) -> BoundOperation:
        if template.operation not in self.binding.bound:
            raise MissingDataError(
                f"no operation of the WSDL plays the role {template.operation!r}; see `names`"
            )
        return self.binding.bound[template.operation]

    def _envelope(self, bound: BoundOperation, message: Message) -> Element:
        """Return a valid envelope with a message's values, or with its own body."""
        values = dict(self._values(bound, message))
        if message.body:
            return self._given(bound, message)
        try:
            envelope = self.binding.contract.build(bound.operation.name, values)
        except ValueError:
            raise MissingDataError(
                "XML cannot carry a character of the test data; give other data"
            ) from None
        problems = self.binding.contract.problems(body_child(envelope))
        if problems:
            raise MissingDataError(
                f"the WSDL's schema does not take the test data: {problems[0].message}; give other data"
            )
        lost = [
            place
            for place, text in values.items()
            if read_value(body_child(envelope), place) != text.strip()
        ]
        if lost:
            raise MissingDataError(
                f"the WSDL's schema has no room for {'/'.join(lost[0])} beside the other values"
            )
        return envelope

    def _given(self, bound: BoundOperation, message: Message) -> Element:
        """Return an envelope with a message's own body, in which id and time are new where its types take such ones."""
        text = (
            f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body>'
            f"{message.body}</soapenv:Body></soapenv:Envelope>"
        )
        envelope = parse(text.encode())
        root = body_child(envelope)
        count = self.binding.contract.schemas.count
        problems = count(root)
        for role, text in self._standing(bound).items():
            before = (
                read_value(root, bound.request[role]) if role in bound.request else None
            )
            if before is not None:
                apply(
                    root, MessageMutation(MutationKind.WRITE, bound.request[role], text)
                )
                if (
                    count(root) != problems
                ):  # what is wrong with a message stays wrong, too
                    apply(
                        root,
                        MessageMutation(
                            MutationKind.WRITE, bound.request[role], before
                        ),
                    )
        return envelope

    def _standing(self, bound: BoundOperation) -> dict[str, str]:
        """Return what each request says of itself, by role."""
        return {
            REQUEST_ID: self._id_form(bound).format(uuid.uuid4()),
            ISSUE_INSTANT: instant(self.clock()),
        }

    def _id_form(self, bound: BoundOperation) -> str:
        """Return the first form of ids that the WSDL's type takes, or else the first one."""
        name, contract = bound.operation.name, self.binding.contract
        if name not in self._id_forms:

            def count(form: str) -> int:
                given = {bound.request[REQUEST_ID]: form.format(uuid.UUID(int=0))}
                return contract.schemas.count(body_child(contract.build(name, given)))

            self._id_forms[name] = (
                min(_ID_FORMS, key=count)
                if REQUEST_ID in bound.request
                else _ID_FORMS[0]
            )
        return self._id_forms[name]

    def _values(
        self, bound: BoundOperation, message: Message
    ) -> Iterator[tuple[Steps, str]]:
        """Yield place and text of each value: what the message says, id and time where it says nothing of them."""
        caller = self._caller(message)
        standing = self._standing(bound).items()
        usual: dict[str, str | None] = {
            role: text for role, text in standing if role in bound.request
        }
        for role, text in (usual | dict(message.values)).items():
            if text is None:
                continue
            yield _place(bound, self._role(role, message)), self._value(text, caller)

    def _role(self, role: str, message: Message) -> str:
        """Return a role, or the one by which the caller's kind names itself."""
        return (
            self.callers.rule(self._caller(message)).role
            if role == OWN_NUMBER
            else role
        )

    def _value(self, text: str, caller: str) -> str:
        """Return a text, or what it stands for: `$own`, `$other`, `$other.nihii`, `$person.last_name`.

        `$person.last_name:TEST_NAME` stands for that text in the form of the target's own, `$unique.a-` for an id of
        these characters that is another one at each sending, `$unique` for a single letter.
        """
        if not text.startswith("$"):
            return text
        what, _, which = text[1:].partition(".")
        if what == "own":
            return self._known(
                self.callers.identity(caller), f"callers.{caller}.requester"
            )
        if what == "other":
            return self._other(which or self.callers.rule(caller).identity, caller)
        if what == "unique":
            return (
                which[:1] + secrets.token_hex(4) + which[1:]
                if which
                else secrets.choice(string.ascii_letters)
            )
        which, _, made_up = which.partition(":")
        given = self.settings.get("data", {}).get(what, {})
        known = self._known(
            str(given.get(which) or self.rules.defaults.get(which, "")),
            f"data.{what}.{which}",
        )
        return _alike(known, made_up) if made_up else known

    def _other(self, identity: str, caller: str) -> str:
        """Return somebody else's number: the target's, another caller's, on a local target a made-up one."""
        own = self.callers.identity(caller)
        given = self.settings.get("data", {}).get("others", {}).get(identity, "")
        others = [
            self.callers.identity(name)
            for name in self.callers.names()
            if self.callers.rule(name).identity == identity
        ]
        found = next(
            (number for number in (given, *others) if number and number != own), ""
        )
        if not found and self.local:
            found = IDENTIFIER_GENERATORS[identity](random.Random(own))  # noqa: S311 - the number of nobody, the same at each run
        return self._known(found, f"data.others.{identity}")

    def _others(self, caller: str) -> list[str]:
        """Return numbers of others than a caller: one, and on a local target some that are easily taken for its own."""
        identity, own = (
            self.callers.rule(caller).identity,
            self.callers.identity(caller),
        )
        near = near_misses(identity, own) if self.local else ()
        return list(dict.fromkeys((self._other(identity, caller), *near)))

    def _known(self, text: str, place: str) -> str:
        if not text:
            raise MissingDataError(f"the target gives no {place}")
        return text

    def _caller(self, message: Message) -> str:
        names = self.callers.names()
        if not message.caller and not names:
            raise MissingDataError("the target gives no callers")
        return message.caller or names[0]


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Makes the messages of a case from their choices, and says how one differs from what is known to be served."""

    messages: SoapMessages
    case: Case
    grammar: Grammar

    def build(self, choices: tuple[Choice, ...]) -> Template:
        return _with_body(self.case.request, self.grammar.message(choices))

    def of(self, template: Template) -> str:
        """Return how a message, before its one change, differs from the smallest one; that one, from the plain one."""
        message = template.message or Message()
        smallest = self.grammar.message()
        before, name = smallest, "the smallest valid message"
        if message.body == smallest and not message.edits:
            plain = (
                self.case.control.request
                if self.case.control is not None
                else self.case.request
            )
            before, name = self.messages.plain(plain), "the plain request"
        bound = self.messages.binding.bound[template.operation]
        ignored = {bound.request[role] for role in _STANDING if role in bound.request}
        lines = difference(before, message.body, () if before == smallest else ignored)
        if not lines:
            return ""
        what = (
            ", which differs besides"
            if message.edits
            else " on a valid message that differs"
        )
        return "\n".join((f"{what} from {name} by:", *lines))


@dataclass(frozen=True, slots=True)
class _Just:
    """Makes a broken message, always the same."""

    plain: Template
    broken: Broken

    def __call__(self, choices: tuple[Choice, ...]) -> Template:
        del choices
        return _with_body(self.plain, *self.broken)


def _with_body(plain: Template, body: str, *edits: MessageMutation) -> Template:
    return _with_message(plain, body=body, edits=edits)


def _with_message(plain: Template, **changes: Any) -> Template:  # noqa: ANN401 - of a message
    return replace(plain, message=replace(plain.message or Message(), **changes))


def _alike(own: str, made_up: str) -> str:
    """Return a made-up text in the form of an own one: digits in the place of its last ones, `_` where it has some."""
    if not made_up.isdecimal():
        return made_up if "_" in own else made_up.replace("_", "")
    characters = list(own)
    places = [place for place, character in enumerate(own) if character.isdecimal()]
    for place, digit in zip(reversed(places), reversed(made_up), strict=False):
        characters[place] = digit
    return "".join(characters)


def _place(bound: BoundOperation, role: str) -> Steps:
    place = bound.request.get(role) or bound.parts.get(role)
    if place is None:
        raise MissingDataError(
            f"nothing in the WSDL's request plays the role {role!r}; say what does in `names`"
        )
    return place


def as_caller(case: Case, caller: str) -> Case:
    """Return a case whose messages name a caller."""
    return replace(
        case,
        request=_by(case.request, caller),
        control=_step_by(case.control, caller) if case.control is not None else None,
        preamble=tuple(_step_by(step, caller) for step in case.preamble),
        availability_probe=_step_by(case.availability_probe, caller)
        if case.availability_probe is not None
        else None,
    )


def _step_by(step: Step, caller: str) -> Step:
    return replace(step, request=_by(step.request, caller))


def _by(template: Template, caller: str) -> Template:
    return replace(
        template, message=replace(template.message or Message(), caller=caller)
    )
