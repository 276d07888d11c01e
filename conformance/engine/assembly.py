"""Makes the parts of a run from a target: credentials, messages, oracles.

Must not send anything by itself.
"""

import time
from datetime import UTC, datetime

from conformance.contracts.binding import Binding
from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.credentials.assertions import Callers
from conformance.credentials.tokens import AccessTokens, Send
from conformance.evidence.redaction import Redactor
from conformance.judging.memory import RunMemory
from conformance.judging.soap import SoapOracle
from conformance.messages.soap import SoapMessages
from conformance.model.contract import SoapRules
from conformance.soap.xsd.collecting import read_schema
from conformance.target.target import ServiceTarget, Target

_ERRORS = "errors-soa-v1.xsd"
"""The schema of the platform's faults (specs/common/xsd)."""


def make_tokens(
    target: Target, service: ServiceTarget, send: Send, redactor: Redactor
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
    )


def make_callers(
    target: Target,
    service: ServiceTarget,
    rules: SoapRules,
    send: Send,
    redactor: Redactor,
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
    )


def make_soap_messages(
    target: Target,
    service: ServiceTarget,
    rules: SoapRules,
    binding: Binding,
    callers: Callers,
) -> SoapMessages:
    """Return the builder of a SOAP service's messages."""
    return SoapMessages(
        rules=rules,
        binding=binding,
        callers=callers,
        settings=service.settings,
        local=target.local,
        clock=lambda: datetime.now(UTC),
    )


def make_soap_oracle(spec: Spec, rules: SoapRules, binding: Binding) -> SoapOracle:
    """Return the oracle of a SOAP service, with the schema of the platform's faults."""
    root = spec.folder.parent.parent
    errors = read_schema(root / "common" / "xsd" / _ERRORS, bundled_schemas(root))
    return SoapOracle(spec.contract, rules, binding, errors, RunMemory())
