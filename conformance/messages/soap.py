"""Builds SOAP messages by the WSDL, changes what the case changes, and signs them: the very bytes to send.

Must not send anything but what a caller's assertion takes, nor judge answers.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from conformance.contracts.binding import Binding, BoundOperation
from conformance.messages.templates import as_caller, with_message
from conformance.messages.test_data import CallerData
from conformance.model.case import (
    Case,
    Message,
    MessageMutation,
    MutationKind,
    Template,
)
from conformance.model.errors import MissingDataError
from conformance.soap.editing import apply
from conformance.soap.markup import Element, XmlError, parse, serialise
from conformance.soap.message import CONTENT_TYPE, body_child, signed, written
from conformance.soap.names import SOAP
from conformance.soap.security.certificates import public_key
from conformance.soap.security.foreign_keys import foreign
from conformance.soap.security.mutations import MUTATIONS
from conformance.soap.security.resigning import SecurityMutation
from conformance.soap.security.saml import Assertion
from conformance.soap.security.wss import instant
from conformance.soap.xsd.contract import Steps, read_value

REQUEST_ID, ISSUE_INSTANT = "request_id", "issue_instant"
OWN_NUMBER = "own_number"
"""A role that stands for the one by which the caller's kind names itself."""
_AGO: Final = "$ago."
_ID_FORMS: Final = ("_{}", "{}")
"""What is made of a UUID as a request's id: an xs:ID, which begins with no digit; bare where a WSDL wants that."""
_MADE_UP = re.compile(r"_?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Post:
    """A SOAP message as it goes over HTTP; a header that is None is left out."""

    body: bytes
    headers: Mapping[str, str | None]
    method: str = "POST"


@dataclass(slots=True)
class SoapMessages:
    """The messages of one service of a target; `clock` gives the time in UTC."""

    binding: Binding
    data: CallerData
    clock: Callable[[], datetime]
    _id_forms: dict[str, str] = field(default_factory=dict)

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it, its messages naming the caller.

        Raises MissingDataError where the target gives no caller of the case's kind.
        """
        if case.other_callers:
            others = self.data.callers.of_other_sorts()
            return [as_caller(case, name) for name in others]
        names = self.data.callers.names(case.caller)
        if not names:
            kind = case.caller.replace("_", " ")
            lacking = f" of the kind {kind}" if kind else "s"
            raise MissingDataError(f"the target gives no caller{lacking}")
        return [as_caller(case, name) for name in (names if case.caller else names[:1])]

    def post(self, template: Template, repeated: bytes | None = None) -> Post:
        """Return what to send for a template; raises MissingDataError where the target lacks data for it.

        `repeated` is the message sent before, which a mutation that replays a message sends once more.
        """
        message, bound = template.message or Message(), self.bound(template)
        mutation = MUTATIONS.get(message.mutation, SecurityMutation())
        if mutation.replay and repeated is not None:
            body = repeated
        else:
            body = self._secured(bound, message)
        # SOAP 1.1, section 6: the media type, and SOAPAction in quotes.
        headers = {
            "Accept": "text/xml",
            "Content-Type": CONTENT_TYPE,
            "SOAPAction": f'"{bound.operation.action}"',
        }
        return Post(body, {**headers, **mutation.headers}, mutation.method or "POST")

    def _changes(
        self, bound: BoundOperation, message: Message
    ) -> Iterator[MessageMutation]:
        """Yield what a message leaves out, or writes whatever the schema says."""
        for role in message.remove:
            place = place_of_role(bound, self._role(role, message))
            yield MessageMutation(MutationKind.REMOVE, place)
        for role, text in message.replace.items():
            place = place_of_role(bound, self._role(role, message))
            yield MessageMutation(MutationKind.WRITE, place, text)

    def _changed(self, bound: BoundOperation, message: Message) -> Element:
        """Return a message's envelope with all that the message changes in its request."""
        envelope = self.envelope(bound, message)
        root = body_child(envelope)
        for change in (*self._changes(bound, message), *message.edits):
            apply(root, change)
        return envelope

    def _secured(self, bound: BoundOperation, message: Message) -> bytes:
        """Sign a message as its caller, applying its mutation."""
        caller, name = self.caller(message), message.mutation
        envelope = self._changed(bound, message)
        mutation = MUTATIONS.get(name, SecurityMutation())
        signer, assertion = (
            self.data.callers.signer(caller),
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
            draft = replace(draft, borrowed=self._borrowed(caller))
        if mutation.other_key:
            other = self.data.callers.signer(self._other(caller))
            draft = replace(draft, other_signer=other)
        if message.forged is not None:
            draft.forged = body_child(self._changed(bound, message.forged))
        if mutation.change is not None:
            mutation.change(draft)
        altered = None
        if mutation.assertion is not None:
            altered = mutation.assertion(assertion)
            self.data.callers.learn_altered(caller, altered, name)
        data = written(draft, altered)
        return mutation.raw(data) if mutation.raw is not None else data

    def _assertion(self, caller: str, mutation: SecurityMutation) -> Assertion:
        if mutation.expired:
            return self.data.callers.expired(caller)
        if mutation.denied:
            return self.data.callers.denied(caller)
        if mutation.other:
            return self._borrowed(caller)
        return self.data.callers.assertion(caller)

    def _borrowed(self, caller: str) -> Assertion:
        """Return an assertion of another caller with another key."""
        return self.data.callers.assertion(self._other(caller))

    def _other(self, caller: str) -> str:
        """Return the name of another caller with another key."""
        keys = {
            name: public_key(self.data.callers.signer(name).certificate)
            for name in self.data.callers.names()
        }
        others = [name for name, key in keys.items() if key != keys[caller]]
        if not others:
            raise MissingDataError(
                "the target gives no second caller whose assertion could be borrowed"
            )
        return others[0]

    def plain(self, template: Template) -> str:
        """Return the request element of a template as XML text, built by the WSDL."""
        message = replace(template.message or Message(), body="")
        return serialise(
            body_child(self.envelope(self.bound(template), message))
        ).decode()

    def availability_probes(self, case: Case) -> list[Template]:
        """Return a case's request by each other caller."""
        message = case.request.message
        own = message.caller if message is not None else ""
        return [
            with_message(case.request, caller=name)
            for name in self.data.callers.names()
            if name != own
        ]

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Return a template of a request element that was sent before, by a caller; "" asks for the operation of it.

        Its time is new at the next sending, and its id where it is one of those that are made up for each message.
        """
        root = parse(body.encode())
        name = operation or self._operation_of_element(root)
        template = Template(name, body=Message(caller, body=body))
        place = self.bound(template).request.get(REQUEST_ID)
        own = read_value(root, place) if place is not None else None
        kept = (
            {REQUEST_ID: own} if own is not None and not _MADE_UP.fullmatch(own) else {}
        )
        return with_message(template, replace=kept)

    def operation_of(self, envelope: bytes) -> str:
        """Return the operation of a message, by the element in its Body; "" where the WSDL binds none to it."""
        try:
            return self._operation_of_element(body_child(parse(envelope)))
        except (XmlError, ValueError, IndexError):
            return ""  # no envelope, or nothing in its Body

    def _operation_of_element(self, root: Element) -> str:
        named = (
            name
            for name, bound in self.binding.bound.items()
            if bound.operation.request == root.tag
        )
        return next(named, "")

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the assertion that a record refers to, with what was changed of it where it says so."""
        caller, altered = reference["assertion"], reference.get("altered", "")
        if caller not in self.data.callers.names():
            raise MissingDataError(f"the target gives no caller {caller!r}")
        callers = self.data.callers
        match reference.get("state"):
            case "expired":
                return callers.expired(caller).data
            case "denied":
                return callers.denied(caller).data
        assertion = callers.assertion(caller)
        if not altered:
            return assertion.data
        change = MUTATIONS.get(altered, SecurityMutation()).assertion
        if change is None:
            raise MissingDataError(f"no mutation {altered!r} changes an assertion")
        data = change(assertion)
        self.data.callers.learn_altered(caller, data, altered)
        return data

    def bound(self, template: Template) -> BoundOperation:
        """Return the operation of a template; raises MissingDataError where the WSDL has none that plays its role."""
        if template.operation not in self.binding.bound:
            raise MissingDataError(
                f"no operation of the WSDL plays the role {template.operation!r}; see `names`"
            )
        return self.binding.bound[template.operation]

    def envelope(self, bound: BoundOperation, message: Message) -> Element:
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
        for role, text in self.standing(bound).items():
            before = (
                read_value(root, bound.request[role]) if role in bound.request else None
            )
            if before is not None:
                apply(
                    root, MessageMutation(MutationKind.WRITE, bound.request[role], text)
                )
                # What is wrong with a message stays wrong, too.
                if count(root) != problems:
                    change = MessageMutation(
                        MutationKind.WRITE, bound.request[role], before
                    )
                    apply(root, change)
        return envelope

    def standing(self, bound: BoundOperation) -> dict[str, str]:
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
        caller = self.caller(message)
        standing = self.standing(bound).items()
        usual: dict[str, str | None] = {
            role: text for role, text in standing if role in bound.request
        }
        for role, text in (usual | dict(message.values)).items():
            if text is None:
                continue
            yield (
                place_of_role(bound, self._role(role, message)),
                self._text(text, caller),
            )

    def _text(self, text: str, caller: str) -> str:
        """Return a text, or what it stands for: test data, or a time of so many seconds before (`$ago.30`)."""
        if text.startswith(_AGO):
            return instant(self.clock() - timedelta(seconds=int(text[len(_AGO) :])))
        return self.data.value(text, caller)

    def _role(self, role: str, message: Message) -> str:
        """Return a role, or the one by which the caller's kind names itself."""
        if role != OWN_NUMBER:
            return role
        return self.data.rule(self.caller(message)).role

    def caller(self, message: Message) -> str:
        """Return who sends a message: who it names, else the first caller."""
        names = self.data.callers.names()
        if not message.caller and not names:
            raise MissingDataError("the target gives no callers")
        return message.caller or names[0]


def place_of_role(bound: BoundOperation, role: str) -> Steps:
    """Return where a role stands in an operation's request, or the place whose path is given: `/Criteria/Person`.

    Raises MissingDataError where nothing plays the role.
    """
    if role.startswith("/"):
        return tuple(role[1:].split("/"))
    place = bound.request.get(role) or bound.parts.get(role)
    if place is None:
        raise MissingDataError(
            f"nothing in the WSDL's request plays the role {role!r}; say what does in `names`"
        )
    return place
