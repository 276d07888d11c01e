"""Makes the parts that cases are executed with from a target: credentials, requests, oracle, session.

Must not send anything by itself.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conformance.contracts.binding import Binding, bind
from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.credentials.asking import Send
from conformance.credentials.assertions import Callers
from conformance.credentials.tokens import AccessTokens
from conformance.engine.execution import ExecutionContext
from conformance.engine.plan import Plan
from conformance.engine.session import Recorder, Session
from conformance.evidence.redaction import Redactor
from conformance.judging.memory import RunMemory
from conformance.judging.oracle import Oracle
from conformance.judging.rest import RestOracle
from conformance.judging.soap import SoapOracle
from conformance.messages.rest import RestRequests
from conformance.messages.soap import SoapMessages
from conformance.messages.soap_requests import SoapRequests
from conformance.messages.sources import RequestBuilder
from conformance.messages.test_data import CallerData, ServiceData
from conformance.model.contract import Contract, SoapRules
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.soap.xsd.collecting import read_schema
from conformance.target.target import ServiceTarget, Target
from conformance.traffic.interruption import raise_if_requested
from conformance.traffic.ledger import Ledger
from conformance.traffic.transport import Transport
from conformance.traffic.waiting import Patience

_NOBODY = "nobody@example.org"
_ERRORS = "errors-soa-v1.xsd"
"""The schema of the platform's faults (specs/common/xsd)."""


def make_tokens(
    target: Target,
    service: ServiceTarget,
    send: Send,
    redactor: Redactor,
    patience: Patience | None = None,
) -> AccessTokens | None:
    """Return the access tokens that a target file gives for a service, or None where it gives none."""
    references = service.settings.get("tokens")
    if not references:
        return None
    return AccessTokens(
        references=references,
        folder=target.folder,
        where=f"{target.file or target.name}: services.{service.service}.tokens",
        environment=target.environment,
        send=send,
        headers=target.identity.headers,
        clock=time.time,
        redactor=redactor,
        patience=patience or Patience(),
    )


def make_callers(  # noqa: PLR0913, PLR0917 - all that callers are made of
    target: Target,
    service: ServiceTarget,
    rules: SoapRules,
    send: Send,
    redactor: Redactor,
    patience: Patience | None = None,
) -> Callers:
    """Return the SOAP callers that a target file gives for a service."""
    return Callers(
        settings=service.settings.get("callers") or {},
        rules=rules.callers,
        folder=target.folder,
        where=f"{target.file or target.name}: services.{service.service}.callers",
        environment=target.environment,
        send=send,
        headers=target.identity.headers,
        clock=lambda: datetime.now(UTC),
        redactor=redactor,
        patience=patience or Patience(),
    )


@dataclass(frozen=True, slots=True)
class Wire:
    """How the requests of a service travel: over a transport, within the target's limits, recorded and redacted.

    The service and who issues its credentials share one `patience`.
    """

    transport: Transport
    ledger: Ledger
    recorder: Recorder
    redactor: Redactor
    patience: Patience = field(default_factory=Patience)

    def send_counted(self, request: Request) -> Response | TransportFailure:
        """Send a request for a credential, which counts within the target's limits as any other."""
        self.ledger.take()
        raise_if_requested()
        return self.transport.send(request)


def make_context(plan: Plan, service: ServiceTarget, wire: Wire) -> ExecutionContext:
    """Return what the cases of a service are executed with; the service has its address."""
    rules = service.spec.contract.soap
    rest = _rest_requests(plan.target, service, wire)
    requests: RequestBuilder = rest
    oracle: Oracle
    if rules is None:
        oracle = RestOracle(service.spec.contract, time.thread_time)
    else:
        binding = bind(service.spec, service.settings, plan.target.folder)
        requests = _soap_requests(plan.target, service, rules, binding, rest, wire)
        oracle = make_soap_oracle(service.spec, rules, binding)
    session = Session(
        plan.target,
        service,
        requests,
        wire.transport,
        wire.ledger,
        wire.recorder,
        asks_to_wait=oracle.asks_to_wait,
        patience=wire.patience,
    )
    return ExecutionContext(
        session,
        oracle,
        plan.seed,
        plan.examples,
        plan.counterexamples,
        plan.thorough,
        str(plan.replay.get("sequence", "")),
    )


def _rest_requests(target: Target, service: ServiceTarget, wire: Wire) -> RestRequests:
    contract = service.spec.contract
    return RestRequests(
        contract=contract,
        address=str(service.address),
        identity=identity_headers(target, contract),
        data=ServiceData(service.settings.get("data", {})),
        tokens=make_tokens(
            target, service, wire.send_counted, wire.redactor, wire.patience
        ),
        learn=wire.redactor.learn,
    )


def identity_headers(target: Target, contract: Contract) -> dict[str, str | None]:
    """Return User-Agent and From: the target's; on a local target a made-up From for services that want one."""
    made_up = _NOBODY if target.local and contract.wants_sender else None
    return {
        "User-Agent": target.identity.user_agent,
        "From": target.identity.sender or made_up,
    }


def _soap_requests(  # noqa: PLR0913, PLR0917 - the parts of a SOAP message
    target: Target,
    service: ServiceTarget,
    rules: SoapRules,
    binding: Binding,
    http: RestRequests,
    wire: Wire,
) -> SoapRequests:
    callers = make_callers(
        target, service, rules, wire.send_counted, wire.redactor, wire.patience
    )
    data = CallerData(rules, callers, service.settings, target.local)
    return SoapRequests(http, SoapMessages(binding, data, lambda: datetime.now(UTC)))


def make_soap_oracle(spec: Spec, rules: SoapRules, binding: Binding) -> SoapOracle:
    """Return the oracle of a SOAP service, with the schema of the platform's faults."""
    root = spec.folder.parent.parent
    errors = read_schema(root / "common" / "xsd" / _ERRORS, bundled_schemas(root))
    return SoapOracle(
        spec.contract, rules, binding, errors, RunMemory(), time.thread_time
    )
