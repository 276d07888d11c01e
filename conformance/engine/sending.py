"""Sends one request of one's own making, with credentials and signature, and judges the answer.

Must not print, nor write reports.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import RLock

from conformance.contracts.binding import Binding, bind
from conformance.engine.campaign import Campaign
from conformance.engine.own import demand_credential, open_exchanges
from conformance.formats.schemas import known_names
from conformance.messages.named_values import with_named_elements, with_named_values
from conformance.model.case import JsonBody, Message, Template
from conformance.model.contract import Contract, Operation
from conformance.model.errors import MissingDataError, UsageError
from conformance.model.result import CaseResult
from conformance.soap.markup import XmlError, parse, serialise
from conformance.target.policy import RULE, Sender, may_send
from conformance.target.target import ServiceTarget, Target

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """A request of one's own: its operation, who asks, values by the contract's names, and the whole body or None."""

    operation: str
    token: str = ""
    caller: str = ""
    values: Mapping[str, str] | None = None
    body: bytes | None = None


def make_template(
    target: Target, service: ServiceTarget, wanted: OwnRequest
) -> Template:
    """Return the request in the making, before anything is sent.

    Raises UsageError where the contract has no such operation or value, the target no such credential, or the target's
    environment allows no such request.
    """
    contract = service.spec.contract
    binding = (
        bind(service.spec, service.settings, target.folder) if contract.soap else None
    )
    operation = _operation(contract, binding, wanted.operation)
    environment = target.environment
    if not may_send(
        Sender.OWN, environment, public=contract.public, method=operation.method
    ):
        raise UsageError(
            f"production: {RULE} may be sent, and {operation.id} is none of it"
        )
    _demand_fitting_credential(contract, wanted)
    demand_credential(service, wanted.token, wanted.caller)
    if binding is not None:
        return _soap_template(binding, operation, wanted)
    return _rest_template(contract, operation, wanted)


def send_template(
    campaign: Campaign, service: str, template: Template, title: str
) -> CaseResult:
    """Send a request in the name of a case of its own, and return what became of it.

    Raises UsageError where the target lacks test data that the request stands for.
    """
    name = f"send/{template.operation}"
    exchanges = open_exchanges(campaign, service, name, title, RLock())
    requests = exchanges.session.requests
    method = exchanges.contract.operations[template.operation].method
    try:
        exchanges.send(method, lambda: requests.request(template))
    except MissingDataError as error:
        raise UsageError(str(error)) from None
    result = exchanges.result()
    if result is None:
        raise AssertionError("a request was sent, and there is no result of it")
    return campaign.safe(result)


def _operation(contract: Contract, binding: Binding | None, name: str) -> Operation:
    """Return an operation by the contract's name for it, or by the WSDL's."""
    spelt = {wsdl: role for role, wsdl in binding.operations.items()} if binding else {}
    role = spelt.get(name, name)
    if role not in contract.operations:
        known = tuple(contract.operations)
        raise UsageError(
            f"{contract.service} has no operation {name!r}{known_names(name, known)}"
        )
    return contract.operations[role]


def _demand_fitting_credential(contract: Contract, wanted: OwnRequest) -> None:
    if wanted.token and wanted.caller:
        raise UsageError("give --token or --caller, not both")
    if wanted.caller and contract.soap is None:
        raise UsageError(
            f"{contract.service} knows its callers by a token: use --token"
        )
    if wanted.token and contract.soap is not None:
        raise UsageError(f"{contract.service} is a SOAP service: use --caller")


def _rest_template(
    contract: Contract, operation: Operation, wanted: OwnRequest
) -> Template:
    """Return the request of a REST service; a whole body goes out as it is where no value in it is changed."""
    values = wanted.values or {}
    template = Template(operation.id, token=wanted.token)
    if wanted.body is None:
        return with_named_values(contract, template, values)
    if values.keys() <= operation.parameters.keys():
        template = replace(template, body=wanted.body, headers=_JSON)
    else:
        template = replace(template, body=JsonBody(_document(wanted.body)))
    return with_named_values(contract, template, values)


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the body is no JSON, so that --set cannot change a value in it: {error}"
        ) from None


def _soap_template(
    binding: Binding, operation: Operation, wanted: OwnRequest
) -> Template:
    """Return the message of a SOAP service; a whole body is the request's element, whose id and time are made anew."""
    bound = binding.bound.get(operation.id)
    if bound is None:
        raise UsageError(
            f"no operation of the WSDL plays the role {operation.id!r}; say which in `names`"
        )
    template = Template(operation.id, body=Message(wanted.caller))
    if wanted.body is None:
        return with_named_elements(bound, template, wanted.values or {})
    if wanted.values:
        raise UsageError(
            "--set changes values in a body of JSON only; write them into the element of --body"
        )
    try:
        root = parse(wanted.body)
    except XmlError as error:
        raise UsageError(f"the body is no XML: {error}") from None
    if root.tag != bound.operation.request:
        raise UsageError(
            f"the body is to be the element {bound.operation.request}, but is {root.tag}"
        )
    text = serialise(root).decode()
    return replace(template, body=Message(wanted.caller, body=text))
