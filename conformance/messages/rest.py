"""Makes the requests of a REST service: address, path, query, identity headers, test data, access token.

Must not send anything, nor judge answers.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from conformance.credentials.alterations import MALFORMED, alter
from conformance.judging.documented import operation_at
from conformance.messages.sources import TokenSource
from conformance.messages.test_data import ServiceData
from conformance.model.case import Case, Forgery, JsonBody, Message, Template
from conformance.model.contract import Contract, Operation
from conformance.model.errors import MissingDataError
from conformance.model.exchange import Headers, Request
from conformance.strategies.drawing import Drawing

ACCEPT = "application/json"
OptionalHeaders = Mapping[str, str | None]
"""Header fields by name; one that is None is left out."""


@dataclass(frozen=True, slots=True)
class RestRequests:
    """The requests of one service; `identity` are the headers that say who asks (User-Agent, From).

    `tokens` is None where the target gives none; `learn` tells the redactor of a secret and of its reference.
    """

    contract: Contract
    address: str
    identity: OptionalHeaders
    data: ServiceData
    tokens: TokenSource | None
    learn: Callable[[str, Mapping[str, str]], None]

    def request(self, template: Template, repeated: bytes | None = None) -> Request:
        """Return the request that a template stands for.

        Raises MissingDataError where the target does not give what the template needs.
        """
        del repeated  # no mutation of a REST request repeats the one before
        operation = self.contract.operations[template.operation]
        headers: dict[str, str | None] = {**self.identity, "Accept": ACCEPT}
        headers["Accept-Encoding"] = "gzip"
        if isinstance(template.body, JsonBody):
            headers["Content-Type"] = "application/json"
        if template.token:
            headers["Authorization"] = f"Bearer {self.token(template.token)}"
        return Request(
            template.method or operation.method,
            self._url(template, template.instead or operation.path),
            fields({**headers, **template.headers}),
            self._body(template),
        )

    def token(self, role: str) -> str:
        """Return the access token of a role, altered where the role says how: `citizen!forged`."""
        role, _, alteration = role.partition("!")
        if role == MALFORMED:
            return MALFORMED
        if self.tokens is None or role not in self.tokens.roles:
            raise MissingDataError(f"the target gives no token for the role {role!r}")
        token = self.tokens.get(role)
        if not alteration:
            return token
        altered = alter(token, alteration)
        self.learn(altered, {"token": role, "altered": alteration})
        return altered

    def give_up_token(self, role: str) -> bool:
        """Forget a role's token that was refused; tell whether the next request of that role has a new one."""
        return self.tokens is not None and self.tokens.give_up(role)

    def value(self, text: str) -> str:
        """Return a text, or the test data that it stands for."""
        return self.data.value(text)

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the credential that a record refers to, such as `{"token": "citizen"}`, got again from the target.

        Raises MissingDataError where the target does not give it.
        """
        if "token" not in reference:
            shown = json.dumps(dict(reference))
            raise MissingDataError(f"the target gives nothing for {shown}")
        alteration = f"!{reference['altered']}" if "altered" in reference else ""
        try:
            return self.token(reference["token"] + alteration).encode()
        except ValueError as error:
            raise MissingDataError(
                f"a token cannot be changed in this way: {error}"
            ) from None

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return the case itself: a REST service's callers are the roles of its tokens."""
        return [case]

    def by_each_caller(self, template: Template) -> list[Template]:
        """Return the request itself: a REST service's callers are the roles of its tokens."""
        return [template]

    def mutations(self, case: Case) -> Iterator[Template]:
        """Raise MissingDataError: only SOAP messages are mutated."""
        raise MissingDataError(f"only SOAP messages are changed by {case.probe}")

    def forged(self, case: Case, pair: Forgery) -> Template:
        """Raise MissingDataError: only SOAP messages are signed."""
        raise MissingDataError(f"only SOAP messages are forged by {case.probe}: {pair}")

    def drawing(self, case: Case) -> Drawing:
        """Raise MissingDataError: only a WSDL has types that messages are drawn from."""
        raise MissingDataError(f"only SOAP messages are drawn by {case.probe}")

    def availability_probes(self, case: Case) -> list[Template]:
        """Return none: a REST service has no words for an outage."""
        del case
        return []

    def operation_of(self, request: Request) -> Operation | None:
        """Return the operation that a request asks for, by its method and its path below the address."""
        return operation_at(self.contract, self.address, request.method, request.url)

    def again(self, operation: str, caller: str, body: str) -> Template:
        """Raise MissingDataError: only SOAP messages are made anew of their request element."""
        raise MissingDataError(f"{operation} by {caller} has no element {body[:40]!r}")

    def _url(self, template: Template, path: str) -> str:
        parameters = {
            name: self.data.value(text) for name, text in template.parameters.items()
        }
        for name in [name for name in parameters if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(parameters.pop(name), safe=""))
        encoded = urlencode(parameters, quote_via=quote)
        query = "&".join(part for part in (encoded, template.query) if part)
        url = self.address.rstrip("/") + path + template.path
        return f"{url}?{query}" if query else url

    def _body(self, template: Template) -> bytes:
        match template.body:
            case JsonBody(document):
                return json.dumps(self.data.filled(document)).encode()
            case Message():
                return b""
            case body:
                return body


def fields(headers: OptionalHeaders) -> Headers:
    """Return header fields without those that are left out."""
    return tuple((name, value) for name, value in headers.items() if value is not None)
