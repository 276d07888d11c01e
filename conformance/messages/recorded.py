"""Exchanges of a record that are to be sent again: where each goes, what it stands for, what it needs.

Must not send anything, nor judge.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from conformance.credentials.alterations import MALFORMED
from conformance.evidence.recorded_run import Recorded
from conformance.evidence.redaction import UNKNOWN, pieces
from conformance.formats.schemas import suggestion
from conformance.messages.templates import as_caller
from conformance.model.case import Case, Step, Template
from conformance.model.errors import UsageError
from conformance.model.exchange import Purpose
from conformance.soap.markup import XmlError, children, parse, serialise
from conformance.soap.xsd.contract import body_of
from conformance.target.target import ServiceTarget, Target

Reference = Mapping[str, str]
"""What stands in a record in the place of a credential: `{"token": "citizen"}`."""

OF_THE_CONNECTION = frozenset(
    {
        "host",
        "content-length",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
    }
    | {"transfer-encoding", "upgrade"}
)
"""Headers that belong to one connection (RFC 9110, 7.6.1) or are written anew for each (Host, Content-Length)."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_HEADER = re.compile(r"[\0\n\v\f\r]|[^\0-\xff]|^\s|\s$")
_IN_A_URL = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class ReplayItem:
    """One exchange that is to be sent again.

    `place` is what follows the service's address. `step` is which request of its case it was, where it was not the
    probe. Of SOAP, `caller` is who sent it; the message is rebuilt from the request `element`, or (`mutated`) from the
    case, which says what is wrong with the message's security, or else sent as it was.
    """

    one: Recorded
    place: str
    step: Step | None = None
    caller: str = ""
    element: str = ""
    mutated: bool = False

    @property
    def rebuilt(self) -> bool:
        """Tell whether the message is made anew."""
        return bool(self.element) or self.mutated

    @property
    def references(self) -> list[Reference]:
        """Return the references to credentials that have to be filled in."""
        request = self.one.record["request"]
        found = _references(self.place)
        for name, value in request["headers"]:
            if name.lower() not in OF_THE_CONNECTION:
                found += (
                    _references(value) if isinstance(value, str) else [of_header(value)]
                )
        return found if self.rebuilt else [*found, *body_references(self.one)]

    @property
    def callers(self) -> set[str]:
        """Return the callers whose assertions it takes."""
        named = {
            reference["assertion"]
            for reference in self.references
            if "assertion" in reference
        }
        return named | ({self.caller} if self.rebuilt else set())

    @property
    def roles(self) -> set[str]:
        """Return the roles whose tokens it takes."""
        return {
            reference["token"] for reference in self.references if "token" in reference
        }


def rest_item(
    case: Case | None, service: ServiceTarget, one: Recorded, base: str
) -> ReplayItem:
    """Return how to send an exchange of a REST service again, recorded with a `base` address ("" for unknown).

    Raises UsageError where that cannot be told.
    """
    place = place_of(service, one, base)
    step = None
    if case is not None and one.purpose is Purpose.CONTROL:
        steps = [case.control, *case.preamble, case.availability_probe]
        step = next(
            (
                step
                for step in steps
                if step is not None and fits(step.request, service, one, place)
            ),
            None,
        )
    return ReplayItem(
        one if case is None else _with_malformed_token(case, one), place, step
    )


def soap_item(  # noqa: PLR0913 - all that is known of an exchange
    case: Case | None,
    service: ServiceTarget,
    one: Recorded,
    base: str,
    earlier: Sequence[Recorded],
    *,
    exact: bool,
) -> ReplayItem:
    """Return how to send an exchange of a SOAP service again; `earlier` are those before it, else as `rest_item`."""
    place = place_of(service, one, base)
    mutated = _is_mutated(case, one)
    caller = _caller(one, earlier if mutated else ())
    if not caller and not mutated and not exact:
        raise UsageError(
            f"the record of the exchange {one.id} does not say by an assertion which caller sent it"
        )
    caller = caller or next(iter(service.settings.get("callers") or ()), "")
    step = None
    if case is not None and one.purpose is Purpose.CONTROL:
        step = next(_steps(as_caller(case, caller)), None)
    if exact or mutated:
        return ReplayItem(one, place, step, caller, mutated=not exact)
    return ReplayItem(one, place, step, caller, _element(one))


def _is_mutated(case: Case | None, one: Recorded) -> bool:
    """Tell whether an exchange is a probe whose message has something wrong with its security."""
    message = case.request.message if case is not None else None
    probe = one.purpose is Purpose.PROBE
    return probe and message is not None and bool(message.mutation)


def _steps(case: Case) -> Iterator[Step]:
    """Yield the requests of a case that must succeed."""
    steps = (case.control, *case.preamble, case.availability_probe)
    return (step for step in steps if step is not None)


def place_of(service: ServiceTarget, one: Recorded, base: str) -> str:
    """Return what follows the service's address in an exchange's URL; `base` is the address recorded, "" for none."""
    url, address = one.exchange.request.url, str(service.address)
    for start in filter(None, (base, address)):
        rest = url.removeprefix(start.rstrip("/"))
        if rest != url and rest[:1] in ("", "/", "?"):
            return rest
    parts, path = urlsplit(url), urlsplit(address).path.rstrip("/")
    rest = parts.path.removeprefix(path)
    if parts.path.startswith(path) and rest[:1] in ("", "/"):
        _, mark, query = url.partition("#")[0].partition("?")
        return rest + mark + query
    raise UsageError(
        f"the exchange {one.id} went to {url}, and the run does not say which part of it is the service's address; "
        "name a target whose address ends in the same way"
    )


def fits(template: Template, service: ServiceTarget, one: Recorded, place: str) -> bool:
    """Tell whether an exchange may be that of a template, by method and path."""
    operation = service.spec.contract.operations[template.operation]
    if one.exchange.request.method != (template.method or operation.method):
        return False
    fixed = re.split(r"\{\w+\}", operation.path + template.path)
    return (
        re.fullmatch("[^/]*".join(map(re.escape, fixed)), place.partition("?")[0])
        is not None
    )


def item_problems(
    target: Target, service: ServiceTarget, item: ReplayItem
) -> Iterator[str]:
    """Yield why an exchange cannot be sent again: a credential that the target lacks, or that no record names."""
    yield from _credential_problems(target, service, item)
    yield from _secret_problems(service, item)
    if not _is_request(item):
        yield f"the exchange {item.one.id} is no request that HTTP can carry; its record was changed"


def _credential_problems(
    target: Target, service: ServiceTarget, item: ReplayItem
) -> Iterator[str]:
    where = f"{target.file or target.name}: services.{service.service}"
    number = item.one.id
    tokens = tuple(service.settings.get("tokens") or ())
    for role in sorted(item.roles - set(tokens)):
        hint = suggestion(role, tokens)
        yield f"{where}.tokens has no {role!r}, whose token the exchange {number} carries{hint}"
    callers = tuple(service.settings.get("callers") or ())
    for name in sorted(item.callers - set(callers)):
        who = f"has no {name!r}, who sent" if name else "names nobody who could send"
        hint = suggestion(name, callers)
        yield f"{where}.callers {who} the exchange {number}{hint}"


def _secret_problems(service: ServiceTarget, item: ReplayItem) -> Iterator[str]:
    """Yield the secrets of a record that it does not name, so that none can be filled in."""
    remedy = ""
    if service.spec.contract.soap is not None:
        remedy = " as it was; without --exact it is made anew"
    for reference in item.references:
        if not reference.keys() & {"token", "assertion"}:
            shown = json.dumps(dict(reference))
            yield (
                f"the exchange {item.one.id} carries a secret that its record does not name, "
                f"{shown}: not to be sent{remedy}"
            )


def _is_request(item: ReplayItem) -> bool:
    """Tell whether HTTP can carry a recorded request (RFC 9110, sections 5.1, 5.5 and 9.1)."""
    request = item.one.exchange.request
    tokens = (request.method, *(name for name, _ in request.headers))
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        return False
    if any(_NO_HEADER.search(value) for _, value in request.headers):
        return False
    return all(_IN_A_URL.fullmatch(piece) for piece in _texts(item.place))


def _with_malformed_token(case: Case, one: Recorded) -> Recorded:
    """Return an exchange with the token that is none, which no record names, where its case says that it has it."""
    if one.purpose is not Purpose.PROBE or case.request.token != MALFORMED:
        return one
    request = one.record["request"]
    unnamed = {"scheme": "Bearer", **UNKNOWN}
    headers = [
        [name, f"Bearer {MALFORMED}" if value == unnamed else value]
        for name, value in request["headers"]
    ]
    return replace(
        one, record={**one.record, "request": {**request, "headers": headers}}
    )


def _caller(one: Recorded, earlier: Sequence[Recorded]) -> str:
    """Return who sent a message, "" where no record says so.

    Where there are `earlier` ones, a plain one of them says so first: the assertion of a mutated one may be anybody's.
    """
    controls = [
        other for other in reversed(earlier) if other.purpose is Purpose.CONTROL
    ]
    for record in (*controls[:1], one):
        for reference in body_references(record):
            if "assertion" in reference:
                return reference["assertion"]
    return ""


def _element(one: Recorded) -> str:
    """Return the request element of a recorded message as XML text."""
    start = f"the message of the exchange {one.id} cannot be made anew"
    try:
        found = children(body_of(parse(one.exchange.request.body)))
    except (XmlError, ValueError) as error:
        raise UsageError(f"{start}: {error}; --exact sends it as it was") from None
    if len(found) != 1:
        raise UsageError(
            f"{start}: its Body holds {len(found)} elements; --exact sends it as it was"
        )
    return serialise(found[0]).decode()


def written_body(one: Recorded) -> tuple[str, str]:
    """Return the text in which a body's references stand, and the encoding that makes bytes of it."""
    encoding = "utf-8" if "text" in one.record["request"]["body"] else "latin-1"
    return one.exchange.request.body.decode(encoding), encoding


def body_references(one: Recorded) -> list[Reference]:
    """Return the references in a body; none where the record is the very text that was sent."""
    if (
        one.digest
        and hashlib.sha256(one.exchange.request.body).hexdigest() == one.digest
    ):
        return []
    return _references(written_body(one)[0])


def _references(written: str) -> list[Reference]:
    return [piece for piece in pieces(written) if not isinstance(piece, str)]


def _texts(written: str) -> list[str]:
    return [piece for piece in pieces(written) if isinstance(piece, str)]


def of_header(value: Mapping[str, str]) -> Reference:
    """Return the reference in a credential header's value, without its scheme."""
    return {key: told for key, told in value.items() if key != "scheme"}
