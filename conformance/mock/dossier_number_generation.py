"""The DossierNumberGeneration service of the local platform, over HTTP, with an STS and callers beside it.

Source: CBSS DossierNumberGeneration cookbook 1.2, chapters 5 and 8. Must not know the suites, nor verify
what the gateway is there for.
"""

import functools
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from lxml import etree
from starlette.routing import Route

from conformance.checks import soap_request
from conformance.checks.request_problem import RequestProblem
from conformance.checks.secured_request import (
    CHECKS,
    TRUST_CHECKS,
    leaving_out,
    name_of,
)
from conformance.checks.soap_request import ExpectedRequest, Incoming
from conformance.contracts.loading import Spec
from conformance.contracts.platform_rules import bundled_schemas
from conformance.mock import gateway, sts
from conformance.mock.authority import CertificateOwner, make_authority
from conformance.mock.dossier.callers import lend_callers, private_folder
from conformance.mock.dossier.leniency import (
    ONE_SEQUENCE,
    CallerSequences,
    careful_checks,
    known_names,
    read_carelessly,
)
from conformance.mock.dossier.rules import (
    REQUESTER,
    RULES,
    Rule,
    caller_of,
    caller_problems,
    last_name,
)
from conformance.mock.gateway import Accepted, Endpoint, Gateway, SoapRefusalError
from conformance.mock.service import RequestContext, Served, demand_known
from conformance.mock.sts import TokenService
from conformance.model.errors import SpecError
from conformance.model.exchange import Request
from conformance.soap.markup import Element
from conformance.soap.security.wss import instant
from conformance.soap.xsd.contract import SoapContract
from conformance.soap.xsd.wsdl import read_contract

PATH: Final = "/DossierNumberGeneration/v1"
CORE: Final = "urn:be:fgov:ehealth:commons:core:v2"
SUCCESS: Final = "urn:be:fgov:ehealth:2.0:status:Success"

_PLATFORM: Final = CertificateOwner("CBE", "0809394427", "EHEALTH-PLATFORM LOCAL TEST")


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service with an STS, and callers whose keys lie in a private folder until it is closed.

    What may be left out are the RULES, and what `dossier.leniency` names.
    """
    demand_known(without, (*RULES, *known_names()))
    authority = make_authority()
    tokens = TokenService(authority, authority.issue_sts(_PLATFORM), gateway.utc_now)
    expected = _expected(spec, (tokens.credential.certificate,), sts.ISSUER)
    door = Gateway(expected, gateway.utc_now, careful_checks(without))
    rules = tuple(rule for name, rule in RULES.items() if name not in without)
    generate = functools.partial(
        generate_covid_id,
        rules=rules,
        read=functools.partial(read_carelessly, without=without),
        number=CallerSequences() if ONE_SEQUENCE in without else _new_identifier,
    )
    tell = functools.partial(gateway.error_fault, spec.contract.errors)
    endpoint = Endpoint(gateway.answering(door, generate, tell))
    folder, close = private_folder()
    try:
        lent = lend_callers(folder, authority, tokens, address)
    except BaseException:
        close()
        raise
    settings = {"endpoint": address + PATH, **lent}
    return Served([Route(PATH, endpoint), tokens.route()], settings, close)


def request_problems(
    request: Request, context: RequestContext
) -> Iterator[RequestProblem]:
    """Yield every problem of a request: of the message, of its security, then of what its caller may ask.

    Without trusted certificates nothing is said about who signed the assertion.
    """
    expected = _expected(context.spec, context.trusted, context.issuer)
    incoming = Incoming(request, expected, context.now)
    unknown = () if context.trusted else tuple(map(name_of, TRUST_CHECKS))
    checks = leaving_out(CHECKS, unknown)
    yield from soap_request.request_problems(incoming, checks)
    if incoming.operation is None or incoming.request is None:
        return
    # Where no assertion can be read, nothing that depends on the caller can be applied.
    rules = RULES.values() if incoming.assertion is not None else (last_name,)
    caller = caller_of(incoming.assertion)
    yield from caller_problems(caller, incoming.request, rules)


def _new_identifier(caller: str) -> str:
    """Return an identifier that nobody else has, whoever the caller is."""
    del caller
    return str(uuid.uuid4())


def generate_covid_id(
    accepted: Accepted,
    rules: Sequence[Rule] | None = None,
    read: Callable[[Element], Element] = lambda request: request,
    number: Callable[[str], str] = _new_identifier,
) -> bytes:
    """Return the answer to a request: a new identifier, or why there is none (sections 5.2.1.2 and 8).

    `read` returns a request as the service reads it, `number` the next identifier for a caller's number. Raises
    SoapRefusalError where the first problem is told by a fault.
    """
    caller = caller_of(accepted.assertion)
    own = RULES.values() if rules is None else rules
    problem = next(caller_problems(caller, read(accepted.request), own), None)
    if problem is None:
        return _response(accepted, SUCCESS, identifier=number(caller.number))
    if problem.code == REQUESTER:
        return _response(accepted, REQUESTER, message=problem.reason)
    raise SoapRefusalError(problem)


def _expected(
    spec: Spec, trusted: Sequence[x509.Certificate], issuer: str
) -> ExpectedRequest:
    """Return what requests are held against; raises SpecError where the spec has no WSDL."""
    rules = spec.contract.soap
    if rules is None:
        raise SpecError(f"{spec.folder}: has no soap.yaml")
    root = spec.folder.parent.parent
    contract = _contract(rules.wsdl, root, threading.get_ident())
    operations = tuple(contract.operations.values())
    return ExpectedRequest(operations, contract.problems, trusted, issuer)


@functools.lru_cache(maxsize=4)
def _contract(wsdl: Path, root: Path, thread: int) -> SoapContract:
    """Return the contract of a WSDL beside the bundled schemas of a folder of specs, read once a thread.

    A schema keeps the errors of its last validation, so that no two threads may share one.
    """
    del thread
    return read_contract(wsdl, bundled_schemas(root))


def _response(
    accepted: Accepted, status: str, *, message: str = "", identifier: str = ""
) -> bytes:
    """Return a GenerateCovidIdResponse in an envelope."""
    tag = etree.QName(accepted.operation.response)
    root = etree.Element(
        tag,
        {"Id": f"_{uuid.uuid4()}"},
        nsmap={"dng": tag.namespace or "", "core": CORE},
    )
    answered = accepted.request.get("Id")
    if answered is not None:
        root.set("InResponseTo", answered)
    root.set("IssueInstant", instant(gateway.utc_now()))
    told = etree.SubElement(root, f"{{{CORE}}}Status")
    etree.SubElement(told, f"{{{CORE}}}StatusCode", Value=status)
    if message:
        etree.SubElement(told, f"{{{CORE}}}StatusMessage").text = message
    if identifier:
        etree.SubElement(root, "CovidDossierIdentifier").text = identifier
    return gateway.envelope(root)
