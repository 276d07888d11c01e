"""Turns the messages of cases into SOAP requests: values by role, a caller's assertion and signature.

Builds by the WSDL, changes what the case changes, signs, and hands out the very bytes to send. Must not send anything
but what a caller's assertion takes, nor judge answers.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from conformance.binding import Binding, BoundOperation
from conformance.case import Case, Deed, Edit, Message, Step, Template
from conformance.contract import SoapRules
from conformance.credentials.callers import Callers
from conformance.errors import MissingDataError
from conformance.near_misses import MAKERS, near_misses
from conformance.soap.breaches import BREACHES, Breach, prepared
from conformance.soap.contract import Steps, read_value
from conformance.soap.editing import apply, refused
from conformance.soap.markup import Element
from conformance.soap.message import CONTENT_TYPE, body_child, secure
from conformance.soap.wss import instant

REQUEST_ID, ISSUE_INSTANT = "request_id", "issue_instant"
OWN_NUMBER = "own_number"
"""A role that stands for the one by which the caller's kind names itself."""
LISTED, OTHER_NUMBERS = "listed", "other-numbers"


@dataclass(slots=True)
class SoapMessages:
    """The messages of one service of a target; `local` allows numbers to be made up, `clock` gives the time in UTC."""

    rules: SoapRules
    binding: Binding
    callers: Callers
    settings: Mapping[str, Any]
    local: bool
    clock: Callable[[], datetime]

    def voices(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it, its messages naming the caller.

        Raises MissingDataError where the target gives no caller of the case's kind.
        """
        names = self.callers.names(case.caller)
        if not names:
            kind = case.caller.replace("_", " ")
            raise MissingDataError(f"the target gives no caller{f' of the kind {kind}' if kind else 's'}")
        return [_spoken(case, name) for name in (names if case.caller else names[:1])]

    def request(self, template: Template) -> tuple[bytes, str]:
        """Return the bytes of a request and its SOAPAction; raises MissingDataError where the target lacks data."""
        message, bound = template.message or Message(), self._bound(template)
        envelope = self._envelope(bound, message)
        root = body_child(envelope)
        changes = [Edit(Deed.REMOVE, _place(bound, self._role(role, message))) for role in message.remove]
        for role, text in message.replace.items():
            changes.append(Edit(Deed.WRITE, _place(bound, self._role(role, message)), text))
        for edit in (*changes, *message.edits):
            apply(root, edit)
        caller = self._caller(message)
        assertion, breach = self.callers.assertion(caller), BREACHES.get(message.breach, Breach())
        signer, created = prepared(breach, self.callers.signer(caller), self.clock())
        return secure(envelope, assertion, signer, created, breach.change), bound.operation.action

    def headers(self, action: str) -> dict[str, str]:
        """Return the header fields that make an HTTP request a SOAP 1.1 request (SOAP 1.1, section 6)."""
        return {"Accept": "text/xml", "Content-Type": CONTENT_TYPE, "SOAPAction": f'"{action}"'}

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
                yield replace(message, values=values, replace={**message.replace, **row.get("replace", {})})
        elif case.generate == OTHER_NUMBERS:
            for number in self._others(self._caller(message)):
                yield replace(message, replace={**message.replace, OWN_NUMBER: number})
        else:
            bound = self._bound(case.request)
            root = body_child(self._envelope(bound, message))
            edits = list(refused(self.binding.contract, bound.operation, root, case.generate))
            if not edits:
                raise MissingDataError("the WSDL's schema refuses no message of this sort")
            yield from (replace(message, edits=(edit,)) for edit in edits)

    def witnesses(self, case: Case) -> list[Template]:
        """Return a case's request by each other caller."""
        message = case.request.message
        own = message.caller if message is not None else ""
        return [_by(case.request, name) for name in self.callers.names() if name != own]

    def _bound(self, template: Template) -> BoundOperation:
        if template.operation not in self.binding.bound:
            raise MissingDataError(f"no operation of the WSDL plays the role {template.operation!r}; see `names`")
        return self.binding.bound[template.operation]

    def _envelope(self, bound: BoundOperation, message: Message) -> Element:
        """Return a valid envelope with a message's values."""
        values = dict(self._values(bound, message))
        try:
            envelope = self.binding.contract.build(bound.operation.name, values)
        except ValueError:
            raise MissingDataError("XML cannot carry a character of the test data; give other data") from None
        problems = self.binding.contract.problems(body_child(envelope))
        if problems:
            raise MissingDataError(
                f"the WSDL's schema does not take the test data: {problems[0].message}; give other data"
            )
        lost = [place for place, text in values.items() if read_value(body_child(envelope), place) != text.strip()]
        if lost:
            raise MissingDataError(f"the WSDL's schema has no room for {'/'.join(lost[0])} beside the other values")
        return envelope

    def _values(self, bound: BoundOperation, message: Message) -> Iterator[tuple[Steps, str]]:
        """Yield place and text of each value: what the message says, id and time where it says nothing of them."""
        caller = self._caller(message)
        standing = {REQUEST_ID: f"_{uuid.uuid4()}", ISSUE_INSTANT: instant(self.clock())}
        usual: dict[str, str | None] = {role: text for role, text in standing.items() if role in bound.request}
        for role, text in (usual | dict(message.values)).items():
            if text is None:
                continue
            yield _place(bound, self._role(role, message)), self._value(text, caller)

    def _role(self, role: str, message: Message) -> str:
        """Return a role, or the one by which the caller's kind names itself."""
        return self.callers.rule(self._caller(message)).role if role == OWN_NUMBER else role

    def _value(self, text: str, caller: str) -> str:
        """Return a text, or what it stands for: `$own`, `$other`, `$other.nihii`, `$person.last_name`."""
        if not text.startswith("$"):
            return text
        what, _, which = text[1:].partition(".")
        if what == "own":
            return self._known(self.callers.identity(caller), f"callers.{caller}.requester")
        if what == "other":
            return self._other(which or self.callers.rule(caller).identity, caller)
        given = self.settings.get("data", {}).get(what, {})
        return self._known(str(given.get(which) or self.rules.defaults.get(which, "")), f"data.{what}.{which}")

    def _other(self, identity: str, caller: str) -> str:
        """Return somebody else's number: the target's, another caller's, on a local target a made-up one."""
        own = self.callers.identity(caller)
        given = self.settings.get("data", {}).get("others", {}).get(identity, "")
        others = [
            self.callers.identity(name) for name in self.callers.names() if self.callers.rule(name).identity == identity
        ]
        found = next((number for number in (given, *others) if number and number != own), "")
        if not found and self.local:
            found = MAKERS[identity](random.Random(own))  # noqa: S311 - the number of nobody, the same at each run
        return self._known(found, f"data.others.{identity}")

    def _others(self, caller: str) -> list[str]:
        """Return numbers of others than a caller: one, and on a local target some that are easily taken for its own."""
        identity, own = self.callers.rule(caller).identity, self.callers.identity(caller)
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


def _place(bound: BoundOperation, role: str) -> Steps:
    place = bound.request.get(role) or bound.parts.get(role)
    if place is None:
        raise MissingDataError(f"nothing in the WSDL's request plays the role {role!r}; say what does in `names`")
    return place


def _spoken(case: Case, caller: str) -> Case:
    """Return a case whose messages name a caller."""
    return replace(
        case,
        request=_by(case.request, caller),
        twin=_step_by(case.twin, caller) if case.twin is not None else None,
        preamble=tuple(_step_by(step, caller) for step in case.preamble),
        witness=_step_by(case.witness, caller) if case.witness is not None else None,
    )


def _step_by(step: Step, caller: str) -> Step:
    return replace(step, request=_by(step.request, caller))


def _by(template: Template, caller: str) -> Template:
    return replace(template, message=replace(template.message or Message(), caller=caller))
