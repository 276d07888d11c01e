"""What is wrong with a SOAP fault of the platform: its structure, its code, its origin.

Must not know requirements.
"""

from collections.abc import Iterator, Mapping, Sequence

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import (
    ERROR_ELEMENTS,
    FAULT,
    SoapAnswer,
    child_text,
    part,
)
from conformance.soap.markup import children, local, path, text
from conformance.soap.names import SOAP, WSSE, WSU

_SECURITY_FAULTS = frozenset(
    {
        *(
            "UnsupportedSecurityToken",
            "UnsupportedAlgorithm",
            "InvalidSecurity",
            "InvalidSecurityToken",
        ),
        *(
            "FailedAuthentication",
            "FailedCheck",
            "SecurityTokenUnavailable",
            "MessageExpired",
        ),
    }
)


def structure_problems(
    answer: SoapAnswer, schema_problems: Sequence[Problem], *, of_header: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong with a fault's detail; `schema_problems` are those of its error, or of the declared element.

    A fault `of_header` is about a header block, of which a detail must not speak (SOAP 1.1, section 4.4).
    """
    if answer.body is None:
        return
    detail = part(answer.body, "detail")
    if detail is None:
        wanted = " or ".join(ERROR_ELEMENTS)
        yield Problem(
            "a fault has no detail",
            path(answer.body),
            wanted,
            "no detail",
            odd=of_header,
            lacking=True,
        )
    elif answer.declared is not None:
        yield from schema_problems
    elif answer.error is None:
        names = ", ".join(local(child) for child in children(detail)) or "nothing"
        yield Problem(
            "a fault's detail has no error of the platform",
            path(detail),
            " or ".join(ERROR_ELEMENTS),
            names,
            lacking=True,
        )
    else:
        yield from schema_problems
        for name in ("Origin", "Message"):
            if any(
                local(child) == name and not text(child)
                for child in children(answer.error)
            ):
                yield Problem(
                    f"a fault's {name} is empty",
                    f"{path(answer.error)}/{name}",
                    "a text",
                    "empty",
                    lacking=True,
                )


def code_problems(
    answer: SoapAnswer, known: Sequence[str], *, of_header: bool = False
) -> Iterator[Problem]:
    """Yield that a fault has no code, or one that the catalogue does not have.

    Nobody says where an element of the WSDL's own has its code, nor need a fault about a header block have a detail.
    """
    empty = answer.error is not None and not child_text(answer.error, "Code")
    if not answer.code or empty:
        bare = (
            of_header
            and answer.body is not None
            and part(answer.body, "detail") is None
        )
        yield Problem(
            "a fault has no error code",
            "/Envelope/Body/Fault/detail",
            "a code of the catalogue",
            "none",
            odd=bare or answer.declared is not None,
            lacking=True,
        )
    elif answer.code not in known:
        message = "a fault's code is not in the catalogue"
        yield Problem(
            message,
            "/Envelope/Body/Fault/detail",
            ", ".join(known),
            answer.code,
            odd=True,
        )


def origin_problems(
    answer: SoapAnswer, components: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield an Origin that contradicts the component that the catalogue gives for the code."""
    if answer.error is None or not components.get(answer.code):
        return
    origin, expected = child_text(answer.error, "Origin"), components[answer.code]
    if origin == expected or not origin:
        return
    contradicts = origin in components.values()
    message = f"the Origin of {answer.code} is {origin!r}"
    yield Problem(
        message, "/Envelope/Body/Fault/detail", expected, origin, odd=not contradicts
    )


def speaks_of_security(answer: SoapAnswer) -> bool:
    """Tell whether a fault has no detail and a code of WS-Security's own (WS-Security 1.1, section 12)."""
    if answer.kind != FAULT or answer.body is None:
        return False
    code = part(answer.body, "faultcode")
    name = text(code).rpartition(":")[2] if code is not None else ""
    return part(answer.body, "detail") is None and name in _SECURITY_FAULTS


def blames_header(answer: SoapAnswer) -> bool:
    """Tell whether a fault's faultcode speaks of a header block: MustUnderstand, or a name of WS-Security's."""
    if answer.kind != FAULT or answer.body is None:
        return False
    code = part(answer.body, "faultcode")
    if code is None:
        return False
    prefix, _, name = text(code).rpartition(":")
    space = code.nsmap.get(prefix or None)
    return space in (WSSE, WSU) or (space == SOAP and name == "MustUnderstand")
