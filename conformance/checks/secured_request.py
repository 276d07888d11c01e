"""What a secured SOAP request is checked for, in the order in which it is refused.

The order is part of the answer on the wire: the code of the first problem is what a caller hears. Must not know any
service.
"""

from collections.abc import Sequence
from typing import Final

from conformance.checks import soap_request, wss
from conformance.checks.soap_request import Check

MESSAGE_CHECKS: Final[tuple[Check, ...]] = (
    soap_request.posted,
    soap_request.media_type,
    soap_request.size,
    soap_request.well_formed,
    soap_request.soap_envelope,
    soap_request.encoding,
    soap_request.soap_body,
    soap_request.one_body,
    soap_request.one_request,
    soap_request.no_instructions,
    soap_request.headers_understood,
    soap_request.action_quoted,
    soap_request.action_known,
    soap_request.operation_known,
    soap_request.action_fits,
    wss.one_security,
    wss.unique_ids,
    wss.one_timestamp,
    wss.timestamp_complete,
    wss.timestamp_ordered,
    wss.timestamp_begun,
    wss.timestamp_alive,
)
"""What every secured SOAP message is checked for, in this order."""

CHECKS: Final[tuple[Check, ...]] = (
    *MESSAGE_CHECKS,
    wss.one_assertion,
    wss.one_signature,
    wss.assertion_readable,
    wss.assertion_genuine,
    wss.assertion_issuer,
    wss.assertion_in_time,
    wss.holder_of_key,
    wss.holder_certificate,
    wss.signature_plain,
    wss.key_of_assertion,
    wss.body_signed,
    wss.timestamp_signed,
    wss.signature_holds,
    wss.attributes_granted,
    soap_request.elements_valid,
    soap_request.attributes_valid,
    soap_request.values_valid,
)
"""What a message with an assertion is checked for, in this order."""

TRUST_CHECKS: Final[tuple[Check, ...]] = (wss.assertion_genuine, wss.assertion_issuer)
"""The checks that nobody can make who does not know the STS; they do not apply where its certificates are unknown."""


def name_of(check: Check) -> str:
    """Return the name of a check, which each of its problems bears."""
    return str(getattr(check, "__name__", ""))


def leaving_out(checks: Sequence[Check], names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks but those of some names."""
    return tuple(check for check in checks if name_of(check) not in names)
