"""Loads `specs/` into contracts and cases; each file is validated by its own schema first.

Must not judge messages nor send anything.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contracts.cases import read_cases, read_matrix_cases
from conformance.contracts.contract import read_contract_of
from conformance.formats.documents import Document
from conformance.formats.schemas import read_valid, services_below, specs_root
from conformance.model.case import Case
from conformance.model.contract import Contract
from conformance.model.errors import SpecError, UsageError
from conformance.model.fault import Fault, read_fault

FORMATS = {
    "service.yaml": "service",
    "requirements.yaml": "requirements",
    "cases.yaml": "cases",
    "rules.yaml": "rules",
    "errors.yaml": "errors",
    "errata.yaml": "errata",
    "faults.yaml": "faults",
    "openapi.yaml": "openapi",
    "qualifications.yaml": "qualifications",
    "review.yaml": "review",
    "soap.yaml": "soap",
    "names.yaml": "names",
}
"""Each data file of a spec folder and the format (specs/formats/NAME.schema.json) that describes it."""
_OPTIONAL = frozenset(FORMATS) - {
    "service.yaml",
    "requirements.yaml",
    "cases.yaml",
    "errata.yaml",
}


@dataclass(frozen=True, slots=True)
class Description:
    """What service.yaml says of one version of a service: all that target files are about.

    `target_schema` is the JSON Schema of the service's section in a target file, `template` the
    commented text that `init` writes for it.
    """

    folder: Path
    service: str
    public: bool
    wants_sender: bool
    environments: Mapping[str, str]
    address_key: str
    target_schema: Mapping[str, Any]
    template: str


@dataclass(frozen=True, slots=True)
class Spec:
    """One version of one service: its description, contract and cases.

    `faults` are mistakes that the local platform can make on purpose, by id.
    """

    description: Description
    contract: Contract
    cases: Mapping[str, Case]
    faults: Mapping[str, Fault] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the folder that holds the spec."""
        return self.description.folder


def service_ids(root: Path | None = None) -> tuple[str, ...]:
    """Return the ids of all services that have a spec folder, in alphabetical order."""
    return services_below(root or specs_root())


def versions(service: str, root: Path | None = None) -> tuple[str, ...]:
    """Return a service's spec versions, oldest first."""
    folders = [
        path.parent.name
        for path in (root or specs_root()).glob(f"{service}/*/service.yaml")
    ]
    return tuple(
        sorted(
            folders,
            key=lambda version: [int(part) for part in re.findall(r"\d+", version)],
        )
    )


def describe(
    service: str, version: str | None = None, root: Path | None = None
) -> Description:
    """Return what a service's service.yaml says, by default of its newest version; errors as for `load_spec`."""
    return _described(spec_folder(service, version, root), root or specs_root())


def load_spec(
    service: str, version: str | None = None, root: Path | None = None
) -> Spec:
    """Return a service's spec, by default of its newest version.

    Raises SpecError, with one line per mistake, where a file breaks its format.
    """
    return _loaded(spec_folder(service, version, root), root or specs_root())


def spec_folder(
    service: str, version: str | None = None, root: Path | None = None
) -> Path:
    """Return the folder of a service's spec, by default of its newest version; raises SpecError where there is none."""
    root = root or specs_root()
    known = versions(service, root)
    if not known:
        raise SpecError(
            f"there is no service {service!r}; known are: {', '.join(service_ids(root))}"
        )
    if version is not None and version not in known:
        raise SpecError(
            f"{service} has no spec version {version!r}; known are: {', '.join(known)}"
        )
    return root / service / (version or known[-1])


@functools.cache
def _described(folder: Path, root: Path) -> Description:
    return _description(
        read_valid(folder / "service.yaml", FORMATS["service.yaml"], root)
    )


@functools.cache
def _loaded(folder: Path, root: Path) -> Spec:
    return read_spec(folder, root)


def read_spec(folder: Path, root: Path) -> Spec:
    """Return the spec that `folder` holds; errors as for `load_spec`."""
    files = _read_files(folder, root)
    contract = read_contract_of(folder, files)
    cases_read = [
        *read_cases(contract.service, files["cases.yaml"]),
        *read_matrix_cases(contract, files, root),
    ]
    cases = {case.id: case for case in cases_read}
    faults = {fault.id: fault for fault in _faults(files["faults.yaml"])}
    return Spec(_description(files["service.yaml"]), contract, cases, faults)


def _description(document: Document) -> Description:
    service = document.data
    return Description(
        folder=document.path.parent,
        service=service["id"],
        public=service["public"],
        wants_sender=service.get("wants_sender", False),
        environments=service["environments"],
        address_key=service["address_key"],
        target_schema=service["target"],
        template=service["template"],
    )


def _faults(document: Document) -> Iterator[Fault]:
    for number, row in enumerate(document.data.get("faults", ())):
        try:
            yield read_fault(row)
        except re.error as error:
            line = document.line(("faults", number))
            raise SpecError(
                f"{document.path}:{line}: fault {row['id']}: not a regular expression: {error}"
            ) from error


def _read_files(folder: Path, root: Path) -> Mapping[str, Document]:
    problems: list[str] = []
    files: dict[str, Document] = {}
    for name, form in FORMATS.items():
        if name in _OPTIONAL and not (folder / name).exists():
            files[name] = Document(folder / name, {}, {})
            continue
        try:
            files[name] = read_valid(folder / name, form, root)
        except UsageError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return files
