"""Makes the requests of a SOAP service: its messages over HTTP, with the identity headers of the target.

Must not send anything but what a caller's assertion takes, nor judge answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conformance.messages.mutated import MessageVariants
from conformance.messages.rest import RestRequests, fields
from conformance.messages.soap import SoapMessages
from conformance.messages.templates import with_message
from conformance.model.case import Case, Forgery, Template
from conformance.model.contract import Operation
from conformance.model.exchange import Request
from conformance.strategies.drawing import Drawing


@dataclass(frozen=True, slots=True)
class SoapRequests:
    """The requests of one SOAP service; `http` makes those that carry no message."""

    http: RestRequests
    messages: SoapMessages

    @property
    def address(self) -> str:
        """Return the address of the service."""
        return self.http.address

    @property
    def identity(self) -> Mapping[str, str | None]:
        """Return the headers that say who asks; one that is None is left out."""
        return self.http.identity

    def request(self, template: Template, repeated: bytes | None = None) -> Request:
        """Return the request that a template stands for; raises MissingDataError where the target lacks data for it."""
        if template.message is None:
            return self.http.request(template)
        post = self.messages.post(template, repeated)
        headers = {**self.http.identity, "Accept-Encoding": "gzip"}
        return Request(
            template.method or post.method,
            self.address,
            fields({**headers, **post.headers, **template.headers}),
            post.body,
        )

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it."""
        return self.messages.variants_by_caller(case)

    def by_each_caller(self, template: Template) -> list[Template]:
        """Return a request once for one caller of each kind and type of key."""
        names = self.messages.data.callers.one_of_each_sort()
        return [with_message(template, caller=name) for name in names]

    def mutations(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each mutation that its probe names."""
        return MessageVariants(self.messages).mutations(case)

    def forged(self, case: Case, pair: Forgery) -> Template:
        """Return a case's request with what is signed and what is forged in its place."""
        return MessageVariants(self.messages).forged(case, pair)

    def drawing(self, case: Case) -> Drawing:
        """Return the messages of a case whose probe draws them from the types of the WSDL."""
        return MessageVariants(self.messages).drawing(case)

    def availability_probes(self, case: Case) -> list[Template]:
        """Return a case's request by each other caller."""
        return self.messages.availability_probes(case)

    def operation_of(self, request: Request) -> Operation | None:
        """Return the operation that a message asks for, by the element in its Body; None where it goes elsewhere.

        A message that holds no element of the WSDL's is meant for the only operation, where there is just one.
        """
        if self.http.operation_of(request) is None:
            return None
        operations = self.http.contract.operations
        name = self.messages.operation_of(request.body)
        if not name and len(operations) == 1:
            name = next(iter(operations))
        return operations.get(name)

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Return a template of a request element that was sent before."""
        return self.messages.again(operation, caller, body)

    def value(self, text: str) -> str:
        """Return a text, or the test data that it stands for."""
        return self.http.value(text)

    def token(self, role: str) -> str:
        """Return the access token of a role."""
        return self.http.token(role)

    def give_up_token(self, role: str) -> bool:
        """Forget a role's token that was refused; tell whether the next request of that role has a new one."""
        return self.http.give_up_token(role)

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the credential that a record refers to, got again from the target."""
        if "assertion" in reference:
            return self.messages.recorded(reference)
        return self.http.recorded(reference)
