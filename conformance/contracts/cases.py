"""Reads cases.yaml, and the matrices that stand for many cases, into cases.

Must not send anything nor judge.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from conformance.formats.documents import Data, Document
from conformance.formats.schemas import read_valid, suggestion
from conformance.model.case import (
    NUMBER_FORMS,
    SWEEP_KINDS,
    WSDL_STRATEGIES,
    Body,
    Case,
    CaseKind,
    ClaimedResource,
    Clause,
    Effect,
    Expectation,
    Forgeries,
    Forgery,
    JsonBody,
    Listed,
    Message,
    OtherNumbers,
    Probe,
    Property,
    Scripted,
    Single,
    Step,
    Sweep,
    Template,
    Unchanged,
    WsdlProperty,
)
from conformance.model.contract import Contract
from conformance.model.errors import SpecError

_MERGED = frozenset({"use", "set", "remove", "parameters", "message"})


def read_cases(service: str, document: Document) -> Iterator[Case]:
    """Yield the cases of a file; raises SpecError with each reference in it that leads nowhere."""
    data = document.data
    problems = []
    expectations = _expectations(data)
    requests = data.get("requests", {})
    for number, row in enumerate(data["cases"]):
        try:
            for case in _by_caller(row):
                yield _case(service, case, expectations, requests)
        except LookupError as error:
            problems.append(
                f"{document.path}:{document.line(('cases', number))}: case {row['id']}: {error.args[0]}"
            )
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


def _case(
    service: str,
    row: Data,
    expectations: Mapping[str, Expectation],
    requests: Mapping[str, Data],
) -> Case:
    return Case(
        id=row["id"],
        service=service,
        title=row["title"],
        kind=CaseKind(row["kind"]),
        origin=row["origin"],
        requirements=tuple(row["requirements"]),
        request=_template(row["request"], requests),
        expectation=_named(expectations, row["expect"], "expectation"),
        control=_step(row["twin"], requests) if "twin" in row else None,
        control_after=row.get("twin_after", False),
        preamble=tuple(_step(step, requests) for step in row.get("preamble", ())),
        probe=_probe(row),
        only=tuple(row.get("only", ())),
        unchanged=_unchanged(row["unchanged"]) if "unchanged" in row else None,
        claim=ClaimedResource(**row["claim"]) if "claim" in row else None,
        tls=row.get("tls", ""),
        intrusive=row.get("intrusive", False),
        thorough=row.get("thorough", False),
        caller=row.get("caller", ""),
        other_callers=row.get("others", False),
        words=row.get("words", ""),
        availability_probe=_step(row["witness"], requests)
        if "witness" in row
        else None,
    )


def _probe(row: Data) -> Probe:
    """Return how a case probes the service: `procedure` or `generate` names it, one request else."""
    options = row.get("options", {})
    name = row.get("generate")
    if "procedure" in row:
        return Scripted(row["procedure"], options)
    if name is None:
        return Single()
    if name == "listed":
        return Listed(tuple(options["rows"]))
    if name in NUMBER_FORMS:
        return OtherNumbers(name)
    if name in WSDL_STRATEGIES:
        return WsdlProperty(name)
    return Sweep(name) if name in SWEEP_KINDS else Property(name)


def read_matrix_cases(
    contract: Contract, files: Mapping[str, Document], root: Path
) -> Iterator[Case]:
    """Yield a case for each row of the common matrix of broken messages, where a service takes part in it."""
    matrix = files["soap.yaml"].data.get("matrix")
    if matrix is None:
        return
    document = read_valid(root / "common" / "matrix.yaml", "matrix", root)
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
            "kind": CaseKind.SECURITY.value,
            "origin": "beyond the cookbook",
            "requirements": requirements,
            "request": {"use": matrix["request"], "message": {"breach": row["breach"]}},
            "twin": matrix["request"],
            "intrusive": True,
            "expect": row["expect"],
        }
        try:
            read = _case(contract.service, case, expectations, requests)
            probe = _forgeries(matrix, requests) if row.get("forges") else read.probe
            yield replace(read, probe=probe)
            if row["id"] in document.data.get("others", ()):
                again = _by_others(case)
                read = _case(contract.service, again, expectations, requests)
                yield replace(read, probe=_simplest(probe))
        except LookupError as error:
            raise SpecError(f"{where}: matrix: {error.args[0]}") from None


def _by_others(case: Data) -> Data:
    """Return a case that the other callers play which a service might treat in another way than the first one."""
    return {
        **case,
        "id": f"{case['id']}-by-others",
        "title": f"{case['title']}, whichever kind of caller and of key it comes from",
        "others": True,
    }


def _simplest(probe: Probe) -> Probe:
    """Return a probe that sends no more than it must: the first of several pairs."""
    return Forgeries(probe.pairs[:1]) if isinstance(probe, Forgeries) else probe


def _forgeries(matrix: Data, requests: Mapping[str, Data]) -> Forgeries:
    """Return what is signed and what is forged: the same request anew, another one, one for another that is refused.

    Of the same request only Id and time differ, which no check of content could mind.
    """
    usual = _template(matrix["request"], requests)
    pairs = [Forgery(usual, usual)]
    if "forged" in matrix:
        pairs.append(Forgery(usual, _template(matrix["forged"], requests)))
    if "refused" in matrix:
        signed = _template(matrix["refused"], requests)
        pairs.append(Forgery(signed, usual, refused=True))
    return Forgeries(tuple(pairs))


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
            _template(
                {key: value for key, value in row.items() if key != "status"}, requests
            ),
            tuple(row["status"]),
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
            "parameters": {
                name: value for name, value in parameters.items() if value is not None
            },
            "json": _edited(
                base.get("json", named.get("json")),
                row.get("set", {}),
                row.get("remove", ()),
            ),
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
        _body(row),
        row.get("parameters", {}),
        row.get("token", ""),
        row.get("instead", ""),
    )


def _body(row: Data) -> Body:
    if "message" in row:
        return _message(row["message"])
    if row.get("json") is not None:
        return JsonBody(row["json"])
    body: str = row.get("body", "")
    return body.encode()


def _merged_message(named: Data, own: Data) -> dict[str, Data]:
    """Return the message of a request that differs from a named one: its values replace single values of that."""
    if named is None and own is None:
        return {}
    named, own = named or {}, own or {}
    return {
        "message": {
            **named,
            **own,
            "values": {**named.get("values", {}), **own.get("values", {})},
        }
    }


def _message(row: Data) -> Message:
    return Message(
        values=row.get("values", {}),
        remove=tuple(row.get("remove", ())),
        replace=row.get("replace", {}),
        mutation=row.get("breach", ""),
    )


def _edited(body: Data, changes: Mapping[str, Data], removals: Sequence[str]) -> Data:
    """Return a copy of a JSON body with places such as `owner.identifier.0.value` set or removed."""
    body = copy.deepcopy(body)
    for place in (*changes, *removals):
        *above, last = [
            int(part) if part.isdigit() else part for part in place.split(".")
        ]
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
