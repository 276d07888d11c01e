"""Binds what a cookbook says of a SOAP service to a WSDL: operations, and the place of each role in their messages.

The WSDL is the target's own, or the one beside the contract. Must not send anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.contracts.soap_rules import spellings
from conformance.formats import documents
from conformance.formats.schemas import format_problems, load_format, suggestion
from conformance.model.errors import SpecError, TargetError
from conformance.soap.xsd.contract import SoapContract, SoapOperation, Steps, resolve

NAMES = "names"


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

    `unresolved` are roles that nothing in it plays; `reconstructed` tells that it is not the target's own.
    """

    contract: SoapContract
    bound: Mapping[str, BoundOperation]
    unresolved: tuple[str, ...]
    reconstructed: bool

    @property
    def operations(self) -> Mapping[str, str]:
        """Return the WSDL's name of each operation that was found."""
        return {key: one.operation.name for key, one in self.bound.items()}


def bind(spec: Spec, settings: Mapping[str, Any], folder: Path) -> Binding:
    """Return a service's contract as a target's settings have it; paths are relative to `folder`.

    Raises UsageError (WsdlError, TargetError) with file and remedy where the WSDL or the names cannot be used.
    """
    from conformance.soap.xsd.wsdl import read_contract  # noqa: PLC0415 - takes long to load, and only SOAP services need it

    rules = spec.contract.soap
    if rules is None:
        raise SpecError(f"{spec.folder}: {spec.contract.service} is no SOAP service")
    own = settings.get("wsdl")
    root = spec.folder.parent.parent
    contract = read_contract(folder / own if own else rules.wsdl, bundled_schemas(root))
    names = _names(rules.names, settings, folder, root)
    bound = dict(_bound(contract, names))
    missing = [
        f"operations.{key}" for key in names.get("operations", {}) if key not in bound
    ]
    for section in ("request", "parts", "answer"):
        found = {role for one in bound.values() for role in getattr(one, section)}
        missing += [
            f"{section}.{role}" for role in names.get(section, {}) if role not in found
        ]
    return Binding(contract, bound, tuple(missing), reconstructed=own is None)


def _names(
    own: Mapping[str, Mapping[str, tuple[str, ...]]],
    settings: Mapping[str, Any],
    folder: Path,
    root: Path,
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the spellings of each role, those of the target's file in the place of the contract's."""
    merged = {section: dict(roles) for section, roles in own.items()}
    if NAMES not in settings:
        return merged
    document = documents.read(folder / settings[NAMES])
    problems = [
        f"{document.path}:{document.line(at)}: {text}"
        for at, text in format_problems(document, load_format(NAMES, root))
    ]
    given = {} if problems else spellings(document.data or {})
    problems += [
        f"{document.path}:{document.line((section, role))}: there is no role {role!r}"
        f"{suggestion(role, own.get(section, {}))}"
        for section, roles in given.items()
        for role in roles
        if role not in own.get(section, {})
    ]
    if problems:
        raise TargetError(problems)
    for section, roles in given.items():
        merged[section] |= roles
    return merged


def _bound(
    contract: SoapContract, names: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> Iterator[tuple[str, BoundOperation]]:
    for key, wanted in names.get("operations", {}).items():
        operation = _operation(contract, wanted)
        if operation is None:
            continue
        request = {
            role: resolve(words, operation.places)
            for role, words in names.get("request", {}).items()
        }
        parts = {
            role: resolve(words, operation.places, whole=True)
            for role, words in names.get("parts", {}).items()
        }
        answer = {
            role: resolve(words, operation.answers, whole=True)
            for role, words in names.get("answer", {}).items()
        }
        yield (
            key,
            BoundOperation(operation, _found(request), _found(parts), _found(answer)),
        )


def _operation(contract: SoapContract, wanted: tuple[str, ...]) -> SoapOperation | None:
    """Return the operation of a name, in any case of letters; the only one where the WSDL has just one."""
    for word in wanted:
        for name, operation in contract.operations.items():
            if name.casefold() == word.casefold():
                return operation
    return (
        next(iter(contract.operations.values()))
        if len(contract.operations) == 1
        else None
    )


def _found(places: Mapping[str, Steps | None]) -> dict[str, Steps]:
    return {role: place for role, place in places.items() if place is not None}
