"""Binds a cookbook's names of a SOAP service to a WSDL: operations, and the place of each role in their messages.

The WSDL is the target's own, or the one beside the contract. Must not send anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.contracts.soap_rules import spellings
from conformance.formats import documents
from conformance.formats.documents import Pointer
from conformance.formats.schemas import format_problems, load_format, suggestion
from conformance.model.errors import SpecError, TargetError
from conformance.soap.xsd.contract import (
    SoapContract,
    SoapOperation,
    Steps,
    ValuePlace,
    resolve,
)

NAMES = "names"

Spellings = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The words of each role, by section."""


@dataclass(frozen=True, slots=True)
class BoundOperation:
    """An operation of a WSDL, and the place of each role: values and parts of its request, values of its answer."""

    operation: SoapOperation
    request: Mapping[str, Steps]
    parts: Mapping[str, Steps]
    answer: Mapping[str, Steps]


@dataclass(frozen=True, slots=True)
class Binding:
    """A service's WSDL with the operations that the cases name.

    `unresolved` are roles that nothing in it plays; `reconstructed` is true of the WSDL beside the contract.
    """

    contract: SoapContract
    bound: Mapping[str, BoundOperation]
    unresolved: tuple[str, ...]
    reconstructed: bool

    @property
    def operations(self) -> Mapping[str, str]:
        """Return the WSDL's name of each bound operation."""
        return {key: row.operation.name for key, row in self.bound.items()}


def bind(spec: Spec, settings: Mapping[str, Any], folder: Path) -> Binding:
    """Return a service's contract as a target's settings have it; paths are relative to `folder`.

    Raises UsageError (WsdlError, TargetError) with file and remedy where the WSDL or the names cannot be used.
    """
    from conformance.soap.xsd.wsdl import read_contract  # noqa: PLC0415 - takes long to load, and only SOAP services need it

    rules = spec.contract.soap
    if rules is None:
        raise SpecError(f"{spec.folder}: {spec.contract.service} is no SOAP service")
    path = settings.get("wsdl")
    root = spec.folder.parent.parent
    wsdl = folder / path if path else rules.wsdl
    contract = read_contract(wsdl, bundled_schemas(root))
    names = _names(rules.names, settings, folder, root)
    bound = dict(_bound(contract, names))
    return Binding(
        contract, bound, tuple(_unresolved(names, bound)), reconstructed=path is None
    )


def _unresolved(names: Spellings, bound: Mapping[str, BoundOperation]) -> Iterator[str]:
    """Yield the roles of the names that no operation of the WSDL plays."""
    for key in names.get("operations", {}):
        if key not in bound:
            yield f"operations.{key}"
    for section in ("request", "parts", "answer"):
        roles = {role for row in bound.values() for role in getattr(row, section)}
        for role in names.get(section, {}):
            if role not in roles:
                yield f"{section}.{role}"


def _names(
    known: Spellings, settings: Mapping[str, Any], folder: Path, root: Path
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the spellings of each role, those of the target's file in the place of the contract's."""
    merged = {section: dict(roles) for section, roles in known.items()}
    if NAMES not in settings:
        return merged
    document = documents.read(folder / settings[NAMES])
    problems = list(format_problems(document, load_format(NAMES, root)))
    if not problems:
        problems += _unknown_roles(known, spellings(document.data or {}))
    if problems:
        raise TargetError(
            [f"{document.path}:{document.line(at)}: {text}" for at, text in problems]
        )
    for section, roles in spellings(document.data or {}).items():
        merged[section] |= roles
    return merged


def _unknown_roles(known: Spellings, given: Spellings) -> Iterator[tuple[Pointer, str]]:
    for section, roles in given.items():
        known_roles = known.get(section, {})
        for role in roles:
            if role not in known_roles:
                hint = suggestion(role, known_roles)
                yield (section, role), f"there is no role {role!r}{hint}"


def _bound(
    contract: SoapContract, names: Spellings
) -> Iterator[tuple[str, BoundOperation]]:
    for key, words in names.get("operations", {}).items():
        operation = _operation(contract, words)
        if operation is None:
            continue
        request = _places(names, "request", operation.places, whole=False)
        parts = _places(names, "parts", operation.places, whole=True)
        answer = _places(names, "answer", operation.answers, whole=True)
        yield key, BoundOperation(operation, request, parts, answer)


def _places(
    names: Spellings, section: str, places: Iterable[ValuePlace], *, whole: bool
) -> dict[str, Steps]:
    """Return the place of each role of a section that the messages have."""
    resolved: dict[str, Steps] = {}
    for role, words in names.get(section, {}).items():
        steps = resolve(words, places, whole=whole)
        if steps is not None:
            resolved[role] = steps
    return resolved


def _operation(contract: SoapContract, wanted: tuple[str, ...]) -> SoapOperation | None:
    """Return the operation of a name, in any case of letters; the only one where the WSDL has just one."""
    for word in wanted:
        for name, operation in contract.operations.items():
            if name.casefold() == word.casefold():
                return operation
    if len(contract.operations) == 1:
        return next(iter(contract.operations.values()))
    return None
