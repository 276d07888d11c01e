"""Loads `specs/` into contracts and cases; each file is validated by its own schema first.

Must not judge messages nor send anything.
"""

import copy
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jsonschema_rs

from conformance.checks.tracing import TracingRules
from conformance.formats import documents
from conformance.formats.documents import Data, Document, Pointer
from conformance.model.case import Case, Claim, Clause, Effect, Expectation, Kind, Message, Step, Template, Unchanged
from conformance.model.contract import (
    CallerRule,
    Contract,
    DetailRule,
    Erratum,
    ErrorCode,
    Level,
    MessageRule,
    Operation,
    Requirement,
    Role,
    Rule,
    SamePersonRule,
    SoapRules,
    Source,
)
from conformance.model.errors import SpecError, UsageError
from conformance.model.fault import Fault, read_fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

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

SECRET_KEYS = frozenset({"tokens", "password"})
"""Keys of a target file whose content is never repeated in a message."""

_OPTIONAL = frozenset(FORMATS) - {"service.yaml", "requirements.yaml", "cases.yaml", "errata.yaml"}
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_MERGED = frozenset({"use", "set", "remove", "parameters", "message"})
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


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


@functools.cache
def specs_root() -> Path:
    """Return the folder of the specs: inside the installed package, else beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"


def service_ids(root: Path | None = None) -> tuple[str, ...]:
    """Return the ids of all services that have a spec folder, in alphabetical order."""
    root = root or specs_root()
    return tuple(sorted({path.parent.parent.name for path in root.glob("*/*/service.yaml")}))


def versions(service: str, root: Path | None = None) -> tuple[str, ...]:
    """Return a service's spec versions, oldest first."""
    found = [path.parent.name for path in (root or specs_root()).glob(f"{service}/*/service.yaml")]
    return tuple(sorted(found, key=lambda version: [int(part) for part in re.findall(r"\d+", version)]))


def describe(service: str, version: str | None = None, root: Path | None = None) -> Description:
    """Return what a service's service.yaml says, by default of its newest version; errors as for `load_spec`."""
    return _described(spec_folder(service, version, root), root or specs_root())


def load_spec(service: str, version: str | None = None, root: Path | None = None) -> Spec:
    """Return a service's spec, by default of its newest version.

    Raises SpecError, with one line per mistake, where a file breaks its format.
    """
    return _loaded(spec_folder(service, version, root), root or specs_root())


def spec_folder(service: str, version: str | None = None, root: Path | None = None) -> Path:
    """Return the folder of a service's spec, by default of its newest version; raises SpecError where there is none."""
    root = root or specs_root()
    known = versions(service, root)
    if not known:
        raise SpecError(f"there is no service {service!r}; known are: {', '.join(service_ids(root))}")
    if version is not None and version not in known:
        raise SpecError(f"{service} has no spec version {version!r}; known are: {', '.join(known)}")
    return root / service / (version or known[-1])


@functools.cache
def _described(folder: Path, root: Path) -> Description:
    return _description(_read_valid(folder / "service.yaml", FORMATS["service.yaml"], root))


@functools.cache
def _loaded(folder: Path, root: Path) -> Spec:
    return read_spec(folder, root)


def read_spec(folder: Path, root: Path) -> Spec:
    """Return the spec that `folder` holds; errors as for `load_spec`."""
    files = _read_files(folder, root)
    contract = _contract(folder, files)
    own = [*_cases(contract.service, files["cases.yaml"]), *_matrix_cases(contract, files, root)]
    cases = {case.id: case for case in own}
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
            raise SpecError(f"{document.path}:{line}: fault {row['id']}: not a regular expression: {error}") from error


@functools.cache
def load_tracing(root: Path | None = None) -> TracingRules:
    """Return the rules for User-Agent and From that all cookbooks share."""
    root = root or specs_root()
    document = _read_valid(root / "common" / "tracing.yaml", "tracing", root)
    data = document.data
    return TracingRules(
        _expression(document, "user_agent"),
        data["user_agent"]["subsets"],
        _expression(document, "from"),
        data["user_agent"]["examples"][0],
        data["from"]["examples"][0],
    )


def _expression(document: Document, header: str) -> re.Pattern[str]:
    try:
        return re.compile(document.data[header]["reading"], re.ASCII)
    except re.error as error:
        line = document.line((header, "reading"))
        raise SpecError(f"{document.path}:{line}: {header}.reading: not a regular expression: {error}") from error


@functools.cache
def load_environments(root: Path | None = None) -> Mapping[str, Any]:
    """Return what specs/common/environments.yaml says of the platform's environments and their hosts."""
    root = root or specs_root()
    data: Mapping[str, Any] = _read_valid(root / "common" / "environments.yaml", "environments", root).data
    return data


def bundled_schemas(root: Path | None = None) -> Mapping[str, Path]:
    """Return the schema files of namespaces that a WSDL refers to on the network, by namespace."""
    return {_XML_NAMESPACE: (root or specs_root()) / "common" / "xsd" / "xml.xsd"}


@functools.cache
def load_format(name: str, root: Path | None = None) -> Mapping[str, Any]:
    """Return the JSON Schema specs/formats/NAME.schema.json."""
    schema: Mapping[str, Any] = documents.read((root or specs_root()) / "formats" / f"{name}.schema.json").data
    return schema


def format_problems(document: Document, schema: Mapping[str, Any]) -> Iterator[tuple[Pointer, str]]:
    """Yield, for each mistake in a data file, where it stands and what is wrong, as a user should read it."""
    if jsonschema_rs.validator_for(dict(schema)).is_valid(document.data):
        return  # many times faster than what tells mistakes in words
    import jsonschema  # noqa: PLC0415 - needed only where somebody has made a mistake

    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(document.data), key=lambda found: [str(part) for part in found.path]):
        yield from _readable(error)


def _readable(error: "ValidationError") -> Iterator[tuple[Pointer, str]]:
    path = tuple(error.absolute_path)
    if (
        error.validator == "additionalProperties"
        and isinstance(error.schema, dict)
        and isinstance(error.instance, dict)
    ):
        known = error.schema.get("properties", {})
        for key in error.instance.keys() - known.keys():
            yield (*path, key), f"unknown key {key!r}{suggestion(str(key), known)}"
        return
    where = ".".join(str(part) for part in path)
    if SECRET_KEYS & {*path}:
        yield path, f"{where}: not a secret's reference; write {{env: NAME}}, {{file: PATH}} or {{command: [...]}}"
        return
    yield path, f"{where}: {error.message}" if where else error.message


def suggestion(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return `; did you mean 'x'?`, or the list of what is known where nothing is near."""
    import difflib  # noqa: PLC0415 - needed only where a user has made a mistake

    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are: {', '.join(names)}" if names else ""


def _read_files(folder: Path, root: Path) -> Mapping[str, Document]:
    problems: list[str] = []
    files: dict[str, Document] = {}
    for name, form in FORMATS.items():
        if name in _OPTIONAL and not (folder / name).exists():
            files[name] = Document(folder / name, {}, {})
            continue
        try:
            files[name] = _read_valid(folder / name, form, root)
        except UsageError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return files


def _read_valid(path: Path, form: str, root: Path) -> Document:
    document = documents.read(path)
    schema = load_format(form, root)
    problems = [f"{path}:{document.line(at)}: {text}" for at, text in format_problems(document, schema)]
    if problems:
        raise SpecError(problems)
    return document


def _contract(folder: Path, files: Mapping[str, Document]) -> Contract:
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
        errors={row["code"]: ErrorCode(**row) for row in files["errors.yaml"].data.get("errors", ())},
        errata={
            row["id"]: Erratum(**row | {"accepted": tuple(row["accepted"])})
            for row in files["errata.yaml"].data["errata"]
        },
        soap=_soap(folder, files) if files["soap.yaml"].data else None,
    )


def _all_operations(files: Mapping[str, Document]) -> Iterator[Operation]:
    """Yield the operations of an OpenAPI description, or those that names.yaml names of a WSDL (always POST)."""
    yield from _operations(files["openapi.yaml"].data)
    for name in files["names.yaml"].data.get("operations", {}):
        yield Operation(name, "POST", "", (200, 500), {})


def _soap(folder: Path, files: Mapping[str, Document]) -> SoapRules:
    data = files["soap.yaml"].data
    same = data.get("same_person")
    return SoapRules(
        wsdl=folder / data["wsdl"],
        names=spellings(files["names.yaml"].data),
        outcomes=data["outcomes"],
        callers={kind: _caller_rule(row) for kind, row in data["callers"].items()},
        defaults=data.get("defaults", {}),
        same_person=SamePersonRule(
            same["requirement"], same["identifier"], tuple(same["decisive"]), tuple(same["disjoint"])
        )
        if same
        else None,
        checks=data["checks"],
        elements=data.get("elements", {}),
        details=tuple(_detail_rule(row) for row in data.get("details", ())),
        messages={name: MessageRule(**row) for name, row in data.get("messages", {}).items()},
        gates=frozenset(data["gates"]),
        unavailable=frozenset(data["unavailable"]),
    )


def spellings(names: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the content of a names file as tuples of spellings by section and role."""
    return {
        section: {role: (found,) if isinstance(found, str) else tuple(found) for role, found in roles.items()}
        for section, roles in names.items()
    }


def _caller_rule(row: Data) -> CallerRule:
    return CallerRule(
        row["identity"],
        row["role"],
        tuple(row.get("attributes", ())),
        tuple(row["asserted"]),
        tuple(row["certified"]),
    )


def _detail_rule(row: Data) -> DetailRule:
    members = {
        name: (tuple(member["values"]), member["requirement"]) for name, member in row.get("members", {}).items()
    }
    return DetailRule(row["element"], tuple(row["never_with"]["outcomes"]), row["never_with"]["requirement"], members)


def _operations(openapi: Data) -> Iterator[Operation]:
    for path, item in openapi.get("paths", {}).items():
        for method, operation in item.items():
            if method in _METHODS:
                responses = {str(status): answer for status, answer in operation["responses"].items()}
                schemas = {
                    int(status): _schema_name(answer) for status, answer in responses.items() if status.isdigit()
                }
                named = {status: name for status, name in schemas.items() if name}
                yield Operation(operation["operationId"], method.upper(), path, tuple(sorted(schemas)), named)


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


def _cases(service: str, document: Document) -> Iterator[Case]:
    """Yield the cases of a file; raises SpecError with each reference in it that leads nowhere."""
    data = document.data
    problems = []
    expectations = _expectations(data)
    requests = data.get("requests", {})
    for number, row in enumerate(data["cases"]):
        try:
            for one in _by_caller(row):
                yield _case(service, one, expectations, requests)
        except LookupError as error:
            problems.append(f"{document.path}:{document.line(('cases', number))}: case {row['id']}: {error.args[0]}")
    if problems:
        raise SpecError(problems)


def _by_caller(row: Data) -> Iterator[Data]:
    """Yield a case once for each kind of caller that plays it, with the kind at the end of its id and title."""
    if "callers" not in row:
        yield row
    for kind in row.get("callers", ()):
        name = kind.replace("_", "-")
        yield {
            **row,
            "id": f"{row['id']}-{name}",
            "title": f"{row['title']} ({kind.replace('_', ' ')})",
            "caller": kind,
        }


def _case(service: str, row: Data, expectations: Mapping[str, Expectation], requests: Mapping[str, Data]) -> Case:
    return Case(
        id=row["id"],
        service=service,
        title=row["title"],
        kind=Kind(row["kind"]),
        origin=row["origin"],
        requirements=tuple(row["requirements"]),
        request=_template(row["request"], requests),
        expectation=_named(expectations, row["expect"], "expectation"),
        twin=_step(row["twin"], requests) if "twin" in row else None,
        twin_after=row.get("twin_after", False),
        preamble=tuple(_step(step, requests) for step in row.get("preamble", ())),
        procedure=row.get("procedure", ""),
        only=tuple(row.get("only", ())),
        generate=row.get("generate", ""),
        unchanged=_unchanged(row["unchanged"]) if "unchanged" in row else None,
        claim=Claim(**row["claim"]) if "claim" in row else None,
        tls=row.get("tls", ""),
        intrusive=row.get("intrusive", False),
        options=row.get("options", {}),
        caller=row.get("caller", ""),
        words=row.get("words", ""),
        witness=_step(row["witness"], requests) if "witness" in row else None,
    )


def _matrix_cases(contract: Contract, files: Mapping[str, Document], root: Path) -> Iterator[Case]:
    """Yield a case for each row of the common matrix of broken messages, where a service takes part in it."""
    matrix = files["soap.yaml"].data.get("matrix")
    if matrix is None:
        return
    document = _read_valid(root / "common" / "matrix.yaml", "matrix", root)
    where = files["soap.yaml"].path
    requests = files["cases.yaml"].data.get("requests", {})
    expectations = _expectations(document.data)
    for row in document.data["rows"]:
        requirements = matrix["rules"].get(row["rule"])
        if requirements is None:
            continue
        section = requirements[0].split("/")[1]
        case = {
            "id": f"{contract.service}/{section}/{row['id']}",
            "title": row["title"],
            "kind": Kind.SECURITY.value,
            "origin": "beyond the cookbook",
            "requirements": requirements,
            "request": {"use": matrix["request"], "message": {"breach": row["breach"]}},
            "twin": matrix["request"],
            "intrusive": True,
            "expect": row["expect"],
        }
        try:
            yield _case(contract.service, case, expectations, requests)
        except LookupError as error:
            raise SpecError(f"{where}: matrix: {error.args[0]}") from None


def _expectations(data: Data) -> dict[str, Expectation]:
    return {
        name: Expectation(name, tuple(_clause(clause) for clause in clauses))
        for name, clauses in data["expectations"].items()
    }


Named = TypeVar("Named")


def _named(rows: Mapping[str, Named], name: str, what: str) -> Named:
    """Return what a name stands for; raises LookupError where it stands for nothing."""
    if name not in rows:
        raise LookupError(f"there is no {what} {name!r}{suggestion(name, rows)}")
    return rows[name]


def _clause(row: Data) -> Clause:
    return Clause(
        tuple(str(status) for status in row.get("status", ())),
        Effect(row.get("effect", "accept")),
        row.get("matches", ""),
        tuple(row.get("codes", ())),
        row.get("unclaimed", False),
        row.get("judge", False),
        row.get("note", ""),
        row.get("answer", ""),
        tuple(row.get("outcome", ())),
        row.get("detail", ""),
    )


def _step(row: Data, requests: Mapping[str, Data]) -> Step:
    if isinstance(row, dict) and "status" in row:
        return Step(
            _template({key: value for key, value in row.items() if key != "status"}, requests), tuple(row["status"])
        )
    return Step(_template(row, requests))


def _template(row: Data, requests: Mapping[str, Data]) -> Template:
    """Return a request: named, spelled out, or a named one with differences."""
    if isinstance(row, str):
        return _template(_named(requests, row, "request"), requests)
    if "use" in row:
        base = {key: value for key, value in row.items() if key not in _MERGED}
        named = _named(requests, row["use"], "request")
        parameters = {**named.get("parameters", {}), **row.get("parameters", {})}
        row = {
            **named,
            **base,
            "parameters": {name: value for name, value in parameters.items() if value is not None},
            "json": _edited(base.get("json", named.get("json")), row.get("set", {}), row.get("remove", ())),
            **_merged_message(named.get("message"), row.get("message")),
        }
    if "operation" not in row:
        raise LookupError(f"the request {row} names no operation")
    return Template(
        row["operation"],
        row.get("method", ""),
        row.get("path", ""),
        row.get("query", ""),
        row.get("headers", {}),
        row.get("body", "").encode(),
        row.get("parameters", {}),
        row.get("token", ""),
        row.get("json"),
        _message(row["message"]) if "message" in row else None,
    )


def _merged_message(named: Data, own: Data) -> dict[str, Data]:
    """Return the message of a request that differs from a named one: its values replace single values of that."""
    if named is None and own is None:
        return {}
    named, own = named or {}, own or {}
    return {"message": {**named, **own, "values": {**named.get("values", {}), **own.get("values", {})}}}


def _message(row: Data) -> Message:
    return Message(
        values=row.get("values", {}),
        remove=tuple(row.get("remove", ())),
        replace=row.get("replace", {}),
        breach=row.get("breach", ""),
    )


def _edited(body: Data, changes: Mapping[str, Data], removals: Sequence[str]) -> Data:
    """Return a copy of a JSON body with places such as `hcParty.identifier.0.value` set or removed."""
    body = copy.deepcopy(body)
    for place in (*changes, *removals):
        *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        parent = body
        try:
            for part in above:
                parent = parent[part]
            if place in changes:
                parent[last] = changes[place]
            else:
                del parent[last]
        except (LookupError, TypeError):
            raise LookupError(f"the request's body has no place {place!r}") from None
    return body


def _unchanged(row: Data) -> Unchanged:
    return Unchanged(row["operation"], tuple(row["at"]))
