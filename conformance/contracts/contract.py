"""Reads operations, requirements and rules of a spec folder into a contract.

Must not judge.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from conformance.contracts.soap_rules import read_soap_rules
from conformance.formats import documents
from conformance.formats.documents import Data, Document
from conformance.model.contract import (
    Contract,
    Erratum,
    ErrorCode,
    Level,
    Operation,
    Requirement,
    Role,
    Rule,
    Source,
)

_METHODS = frozenset(
    {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
)


def read_contract_of(folder: Path, files: Mapping[str, Document]) -> Contract:
    """Return the contract that the valid files of a spec folder describe."""
    service = files["service.yaml"].data
    paper = service["document"]
    schemas = {
        path.name.removesuffix(".schema.json"): documents.read(path).data
        for path in sorted((folder / "schemas").glob("*.schema.json"))
    }
    return Contract(
        service=service["id"],
        title=service["title"],
        version=service["version"],
        source=Source(paper["title"], paper["version"], ""),
        protocol=service["protocol"],
        public=service["public"],
        stateful=service.get("stateful", False),
        wants_sender=service.get("wants_sender", False),
        environments=service["environments"],
        address_key=service["address_key"],
        operations={operation.id: operation for operation in _all_operations(files)},
        requirements={
            row["id"]: _requirement(row, service["id"], paper)
            for row in files["requirements.yaml"].data["requirements"]
        },
        schemas=schemas,
        rules=tuple(_rule(row) for row in files["rules.yaml"].data.get("rules", ())),
        errors={
            row["code"]: ErrorCode(**row)
            for row in files["errors.yaml"].data.get("errors", ())
        },
        errata={
            row["id"]: Erratum(**row | {"accepted": tuple(row["accepted"])})
            for row in files["errata.yaml"].data["errata"]
        },
        soap=read_soap_rules(folder, files) if files["soap.yaml"].data else None,
    )


def _all_operations(files: Mapping[str, Document]) -> Iterator[Operation]:
    """Yield the operations of an OpenAPI description, or those that names.yaml names of a WSDL (always POST)."""
    yield from _operations(files["openapi.yaml"].data)
    for name in files["names.yaml"].data.get("operations", {}):
        yield Operation(name, "POST", "", (200, 500), {})


def _operations(openapi: Data) -> Iterator[Operation]:
    for path, item in openapi.get("paths", {}).items():
        for method, operation in item.items():
            if method in _METHODS:
                responses = {
                    str(status): answer
                    for status, answer in operation["responses"].items()
                }
                schemas = {
                    int(status): _schema_name(answer)
                    for status, answer in responses.items()
                    if status.isdigit()
                }
                named = {status: name for status, name in schemas.items() if name}
                yield Operation(
                    operation["operationId"],
                    method.upper(),
                    path,
                    tuple(sorted(schemas)),
                    named,
                    dict(_parameters(openapi, (item, operation))),
                    _schema_name(operation.get("requestBody", {})),
                )


def _parameters(openapi: Data, owners: Iterable[Data]) -> Iterator[tuple[str, str]]:
    """Yield name and place of the parameters of a path and of its operation, references resolved."""
    shared = openapi.get("components", {}).get("parameters", {})
    for owner in owners:
        for row in owner.get("parameters", ()):
            reference = row.get("$ref", "").rpartition("/")[2]
            parameter = shared[reference] if reference else row
            yield parameter["name"], parameter["in"]


def _schema_name(response: Data) -> str:
    content = response.get("content", {}).get("application/json", {})
    reference: str = content.get("schema", {}).get("$ref", "")
    return reference.rpartition("/")[2].removesuffix(".schema.json")


def _requirement(row: Data, service: str, paper: Data) -> Requirement:
    return Requirement(
        id=row["id"],
        service=service,
        level=Level(row["level"]),
        printed=row["printed"],
        iut=Role(row["iut"]),
        source=Source(paper["title"], paper["version"], row["section"]),
        statement=row["statement"],
        untested=row.get("untested", ""),
    )


def _rule(row: Data) -> Rule:
    return Rule(
        row["rule"],
        row["schema"],
        row["at"],
        row["requirement"],
        row.get("severity", ""),
        row.get("note", ""),
        row.get("options", {}),
    )
