"""Templates of SOAP messages that differ from others in what they hold, or in who sends them.

Must not build messages, nor send anything.
"""

from dataclasses import replace
from typing import Any

from conformance.model.case import Case, Message, MessageMutation, Step, Template


def with_body(plain: Template, body: str, *edits: MessageMutation) -> Template:
    """Return a template with a request element as XML text, and what is changed in it."""
    return with_message(plain, body=body, edits=edits)


def with_message(plain: Template, **changes: Any) -> Template:  # noqa: ANN401 - of a message
    """Return a template whose SOAP message differs in some fields."""
    return replace(plain, body=replace(plain.message or Message(), **changes))


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
    return with_message(template, caller=caller)
