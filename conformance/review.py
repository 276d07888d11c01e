"""Reviews a target before any test traffic: what is wrong with the file, and what only the network shows.

What a service's tokens and test data are held against is data (review.yaml of its spec folder). Must not
verify signatures, judge a service's answers, change anything there, nor name a whole identifier or a secret.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import chain, combinations
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from conformance import documents
from conformance.case import Case, Template
from conformance.credentials.alterations import MALFORMED
from conformance.credentials.keystore import KeyStore, open_keystore
from conformance.credentials.secrets import resolve
from conformance.credentials.tokens import EXPIRED, AccessTokens, claims, expiry
from conformance.errors import ConformanceError, SecretError, SpecError
from conformance.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.identifiers import Kind, check, doubts, person_kind, seems_fictitious
from conformance.loading import Spec, format_problems, load_format, load_tracing, suggestion
from conformance.redaction import Redactor
from conformance.target import (
    PRODUCTION,
    ServiceTarget,
    Target,
    address_problem,
    environment_of,
    own_identity,
)
from conformance.transport import Transport, make_transport

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what keeps a run from starting to what is merely good to know."""

CLOCK_TOLERANCE = timedelta(minutes=5)
SOON = timedelta(days=30)
"""A certificate that ends within this time deserves a warning."""

RULES = "review.yaml"
_CORRECT = "correct the target file"
_EXAMPLES = 8
_STATEFUL_STEPS = 25
_LOCAL_SECONDS = 0.05
_LONG_RUN = timedelta(hours=1)
_SHOWN_CASES = 3
_NO_TIME = 10**15
"""A number of seconds beyond any calendar, that of a year written in milliseconds included."""
_NOBODYS_DOMAIN = re.compile(r"[@.](example\.(com|org|net)|example|invalid|test|localhost)$", re.IGNORECASE)  # RFC 2606
_REALM = re.compile(r"(?P<base>.*?)/realms/(?P<realm>[^/]+)/?")
_PERSON_NUMBER = re.compile(r"(?<![0-9])([0-9]{6})[0-9]{5}(?![0-9])")
_BUSY = frozenset({429, 502, 503, 504})
_REAL_PERSONS = "real persons' data are forbidden in tests: make sure that these are test identities"
_HANDSHAKE_REMEDIES = {  # X509_V_ERR_... of OpenSSL
    9: "its certificate is not valid yet: compare this machine's clock, else tell the operator",
    10: "its certificate has expired: tell the operator, who must renew it; compare this machine's clock too",
    18: "put the certificate that signs it into a file and name it as tls.ca_file, if you trust it",
    19: "put the authority's certificate into a file and name it as tls.ca_file, if you trust it",
    20: "name the authority's certificate as tls.ca_file, or tell the operator to send the intermediate certificates",
    21: "tell the operator to send the intermediate certificates, or name the authority's as tls.ca_file",
    62: "use the host name for which the certificate was issued",
    64: "use the host name for which the certificate was issued",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know about a target, and what to do; `network` tells that only the network shows it."""

    severity: Severity
    topic: str
    message: str
    remedy: str
    network: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """Something due before a release: `open`, `late` (its day has passed), `kept` or `broken`."""

    due: date
    state: Literal["open", "late", "kept", "broken"]
    what: str
    remedy: str


@dataclass(slots=True)
class _Subject:
    """One service under review: `cases` are those to be run, `seconds` the expected length of the run."""

    target: Target
    service: ServiceTarget
    rules: Mapping[str, Any]
    now: datetime
    redactor: Redactor
    cases: tuple[Case, ...]
    send: Callable[[Request], Response | TransportFailure]
    everything: bool = True
    seconds: float = 0.0
    network: bool = False
    tokens: AccessTokens | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        references = self.service.settings.get("tokens")
        if references:
            self.tokens = AccessTokens(
                references=references,
                folder=self.folder,
                where=f"{self.target.file or self.target.name}: services.{self.name}.tokens",
                environment=self.target.environment,
                send=self.send,
                headers=_identity_headers(self.target),
                clock=self.now.timestamp,
                redactor=self.redactor,
            )

    @property
    def name(self) -> str:
        return self.service.service

    @property
    def spec(self) -> Spec:
        return self.service.spec

    @property
    def folder(self) -> Path:
        return (self.target.file or Path()).parent

    @property
    def data(self) -> Mapping[str, Any]:
        return self.service.settings.get("data") or {}

    @property
    def firm(self) -> Severity:
        """Return how severe a breach of the platform's own customs is: a local service may have others."""
        return "warning" if self.target.local else "error"

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles under review: all that the file gives, or those that the chosen cases need."""
        given = self.tokens.roles if self.tokens is not None else frozenset()
        needed = given if self.everything else {role for case in self.cases for role in _roles(case)}
        return tuple(sorted(given & needed))

    def remark(self, severity: Severity, topic: str, message: str, remedy: str) -> Remark:
        return Remark(severity, topic, f"{self.name}: {message}", remedy, self.network)

    def identity(self, place: str) -> str:
        """Return the test identity at a place of `data`, "" where the file gives none."""
        return next((str(value) for _, value in _at(self.data, place)), "")


def review_offline(
    target: Target,
    services: tuple[ServiceTarget, ...],
    now: datetime,
    *,
    selected: Callable[[Case], bool] | None = None,
    examples: int = _EXAMPLES,
) -> tuple[Remark, ...]:
    """Return what can be said of a target without sending anything; secrets are resolved, and shown nowhere.

    With `selected`, only the tokens that the selected cases need are resolved. Raises SpecError where a
    spec folder's review.yaml breaks its format.
    """
    redactor = Redactor()
    subjects = [
        _Subject(
            target,
            service,
            load_rules(service.spec),
            now,
            redactor,
            tuple(case for case in service.spec.cases.values() if selected is None or selected(case)),
            _send_nothing,
            everything=selected is None,
        )
        for service in services
    ]
    requests = sum(_requests(case, examples) for subject in subjects for case in subject.cases)
    seconds = requests / target.limits.rate if target.limits.rate else requests * _LOCAL_SECONDS
    found = [*_identity_remarks(target), *_authority_remarks(target, now), *_limit_remarks(target, requests, seconds)]
    for subject in subjects:
        subject.seconds = seconds
        found += _service_remarks(subject)
    return _tidy(found, redactor)


def review_network(
    target: Target,
    services: tuple[ServiceTarget, ...],
    *,
    transport: Callable[[], Transport] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Remark, ...]:
    """Return what only the network shows of a target's services: reachability, TLS, clock, refused credentials.

    Sends a few GET requests with the target's own tokens, within its rate, and requests to the token
    endpoints it names. Raises SpecError as `review_offline` does.
    """
    redactor = Redactor()
    line = transport() if transport is not None else make_transport(target.limits.timeout, target.ca_file)
    found: list[Remark] = []
    handshakes: dict[str, tuple[Remark, ...]] = {}
    try:
        for service in services:
            subject = _Subject(target, service, load_rules(service.spec), clock(), redactor, (), line.send)
            subject.network = True
            found += _network_remarks(subject, line, handshakes, clock, pause)
    finally:
        line.close()
    return _tidy(found, redactor)


def release_steps(
    target: Target, services: tuple[ServiceTarget, ...], release: date, now: datetime
) -> tuple[ReleaseStep, ...]:
    """Return what a release on a day needs, in the order of the days on which it is due.

    Source: the cookbooks' sections "Business security" and "Release procedure". Certificates and tokens
    are held against the day itself.
    """
    today, month = now.date(), _month_before(release)
    steps = [
        (month, *row)
        for row in (
            ("tests in acceptance have begun", "run the suites against acceptance for a month at least"),
            (
                "the platform knows of every additional use case",
                "write to info@ehealth.fgov.be a month ahead, with a detailed estimate of the expected load",
            ),
        )
    ]
    steps += [
        (
            release - timedelta(days=1),
            "test and performance results are with the platform",
            "send them with a sample of an eHealth request and its answer to your point of contact (`evidence`)",
        ),
        (release, "the platform hears how the release went", "report on the test and performance results that day"),
    ]
    found = [ReleaseStep(due, "late" if due < today else "open", what, remedy) for due, what, remedy in steps]
    found += _validity_steps(target, services, release, now)
    redactor = Redactor()
    return tuple(
        replace(step, what=_clean(step.what, redactor), remedy=_clean(step.remedy, redactor))
        for step in sorted(found, key=lambda step: step.due)
    )


def load_rules(spec: Spec) -> Mapping[str, Any]:
    """Return what a spec folder's review.yaml says, nothing where there is none.

    Raises SpecError, with one line per mistake, where it breaks its format.
    """
    path = spec.folder / RULES
    if not path.exists():
        return {}
    document = documents.read(path)
    schema = load_format("review", spec.folder.parent.parent)
    problems = [f"{path}:{document.line(at)}: {text}" for at, text in format_problems(document, schema)]
    if problems:
        raise SpecError(problems)
    rules: Mapping[str, Any] = document.data
    return rules


def _service_remarks(subject: _Subject) -> Iterator[Remark]:
    yield from _address_remarks(subject)
    yield from _data_remarks(subject)  # first, since tokens are held against the data
    yield from _trust_remarks(subject)
    yield from _secret_remarks(subject)
    if subject.service.address is not None:
        yield from _missing_remarks(subject)


def _identity_headers(target: Target) -> tuple[tuple[str, str], ...]:
    sender = target.identity.sender
    return (("User-Agent", target.identity.user_agent), *((("From", sender),) if sender else ()))


def _send_nothing(request: Request) -> TransportFailure:
    return TransportFailure(ErrorKind.CONNECT, f"nothing is sent to {urlsplit(request.url).hostname} before a run")


# The file itself


def _identity_remarks(target: Target) -> Iterator[Remark]:
    """Yield doubts about who asks; what breaks the cookbooks' form was refused when the file was read."""
    if target.local:
        return
    rules, own, given = load_tracing(), own_identity(), target.identity
    if given.user_agent == own.user_agent:
        message = "identity.user_agent is not given: the platform sees the harness instead of your product"
        remedy = f"give your software and connector, like {rules.user_agent_example!r}"
        yield Remark("note", "identity", message, remedy)
    elif given.user_agent == rules.user_agent_example:
        message = "identity.user_agent is the cookbooks' own example"
        yield Remark("warning", "identity", message, "give name and version of your software and of its connector")
    if not given.sender:
        message = "identity.from is not given: the platform cannot reach anybody in an emergency"
        yield Remark("note", "identity", message, f"give a mail address that is read, like {rules.from_example!r}")
    elif given.sender == rules.from_example or _NOBODYS_DOMAIN.search(given.sender):
        message = "identity.from is an example address that nobody reads"
        yield Remark("warning", "identity", message, "give a mail address that is read in an emergency")


def _authority_remarks(target: Target, now: datetime) -> Iterator[Remark]:
    """Yield what is wrong with the time of the certificates in tls.ca_file."""
    for place, ends in _authorities(target):
        remedy = "replace it by the authority's present certificate"
        if ends <= now:
            yield Remark("error", "certificate", f"{place} expired on {ends:%Y-%m-%d}", remedy)
        elif ends - now < SOON and not target.local:
            yield Remark("warning", "certificate", f"{place} ends on {ends:%Y-%m-%d}", remedy)


def _authorities(target: Target) -> Iterator[tuple[str, datetime]]:
    if target.ca_file is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=target.ca_file)
    for certificate in context.get_ca_certs():
        yield (
            f"tls.ca_file: the certificate of {_subject_name(certificate.get('subject'))}",
            _certificate_end(certificate),
        )


def _limit_remarks(target: Target, requests: int, seconds: float) -> Iterator[Remark]:
    limits = target.limits
    if limits.budget is not None and limits.budget < requests:
        message = f"limits.budget allows {limits.budget} requests, but the run needs about {requests}"
        remedy = "raise limits.budget, or run fewer services, cases or --examples; else cases will be not_run"
        yield Remark("warning", "limits", message, remedy)
    if limits.rate and timedelta(seconds=seconds) > _LONG_RUN:
        message = f"at limits.rate {limits.rate:g} a second, the run's {requests} requests take about {_span(seconds)}"
        yield Remark("warning", "limits", message, "raise limits.rate as far as was agreed, or run fewer cases")


def _requests(case: Case, examples: int) -> int:
    """Return roughly how many requests a case sends."""
    number = len(case.requests)
    if case.procedure:
        return number + examples * _STATEFUL_STEPS
    return number * examples if case.generate else number


def _address_remarks(subject: _Subject) -> Iterator[Remark]:
    address = subject.service.address
    if address is None or subject.target.local:
        return
    url, documented = urlsplit(address), subject.spec.contract.environments
    paths = {urlsplit(known).path.rstrip("/") for known in documented.values()}
    key = subject.spec.contract.address_key
    if paths and url.path.rstrip("/") not in paths:
        nearest = documented.get(subject.target.environment) or next(iter(documented.values()))
        message = f"{key} has the path {url.path or '/'!r}, the cookbook {', '.join(map(repr, sorted(paths)))}"
        yield subject.remark("warning", "address", message, f"compare it with the documented address {nearest}")
    if environment_of(str(url.hostname)) is None:
        message = f"{key} names the host {url.hostname}, which is none of the platform's"
        yield subject.remark("note", "address", message, "make sure that it is a gateway or a stand-in of your own")


# Secrets: tokens and key stores


def _secret_remarks(subject: _Subject) -> Iterator[Remark]:
    yield from _credential_remarks(subject)
    for role, token in _held(subject):
        yield from _token_remarks(subject, role, token)
    yield from _same_token_remarks(subject)
    for place, settings in _keystores(subject):
        yield from _keystore_remarks(subject, place, settings)


def _credential_remarks(subject: _Subject) -> Iterator[Remark]:
    problems = subject.tokens.check_before_run(subject.roles) if subject.tokens is not None else []
    for problem in problems:
        yield subject.remark("error", "token", *_split(problem))


def _held(subject: _Subject) -> Iterator[tuple[str, str]]:
    """Yield role and token of those that need not be asked for and can be had."""
    for role in subject.roles:
        reference = subject.service.settings["tokens"][role]
        if subject.tokens is None or (isinstance(reference, Mapping) and "client_credentials" in reference):
            continue
        try:
            yield role, subject.tokens.get(role)
        except ConformanceError:
            continue  # told by the check of all credentials


def _token_remarks(subject: _Subject, role: str, token: str) -> Iterator[Remark]:
    rules = subject.rules.get("tokens")
    if rules is None:
        return
    said, own = claims(token), rules["by_role"].get(role, {})
    if said is None:
        message = f"tokens.{role} is not a JSON Web Token, so that nothing it says can be reviewed"
        remedy = "give the access token of I.AM Connect as it was issued: three parts with dots between them"
        yield subject.remark(subject.firm, "token", message, remedy)
        return
    yield from _type_remarks(subject, role, said)
    yield from _issuer_remarks(subject, role, said, own)
    yield from _audience_remarks(subject, role, said, rules["claims"])
    yield from _role_remarks(subject, role, said, own)
    yield from _holder_remarks(subject, role, said, own)
    yield from _power_remarks(subject, role, said, own)
    yield from _time_remarks(subject, role, token, said)


def _type_remarks(subject: _Subject, role: str, said: Mapping[str, Any]) -> Iterator[Remark]:
    kind = said.get("typ")
    if isinstance(kind, str) and kind.lower() != "bearer":
        message = f"tokens.{role} is a token of type {kind[:20]!r}, not an access token"
        yield subject.remark("error", "token", message, "give the member access_token of the token endpoint's answer")


def _issuer_remarks(subject: _Subject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Remark]:
    issuer = said.get("iss")
    if not isinstance(issuer, str):
        message = f"tokens.{role} does not say who issued it (iss)"
        yield subject.remark("warning", "token", message, "give a token that I.AM Connect issued")
        return
    shown = repr(issuer[:200])
    owner = _owner(issuer)
    environment = subject.target.environment
    if owner not in (None, environment):
        message = f"tokens.{role} was issued by {shown}, the platform's {owner} environment, not by {environment}"
        severity: Severity = "error" if owner == PRODUCTION else subject.firm
        yield subject.remark(severity, "token", message, f"get the token from I.AM Connect of {environment}")
    elif owner is None and not subject.target.local and not _trusted(subject, issuer):
        message = f"tokens.{role} was issued by {shown}, which is not the platform's I.AM Connect"
        yield subject.remark("warning", "token", message, f"get the token from I.AM Connect of {environment}")
    yield from _realm_remarks(subject, role, issuer, own.get("realms", ()))
    if not _trusted(subject, issuer, default=True):
        message = f"tokens.{role} was issued by {shown}, but trust.issuer names another"
        yield subject.remark(subject.firm, "token", message, "correct trust.issuer, or get the token from that issuer")


def _realm_remarks(subject: _Subject, role: str, issuer: str, realms: tuple[str, ...]) -> Iterator[Remark]:
    found = _REALM.fullmatch(issuer)
    if not realms or (found is not None and found["realm"] in realms) or (found is None and subject.target.local):
        return
    name = f"the realm {found['realm'][:40]!r}" if found else "no realm"
    severity: Severity = "error" if _owner(issuer) == subject.target.environment else "warning"
    message = f"tokens.{role} was issued by {name} instead of {' or '.join(realms)}"
    yield subject.remark(severity, "token", message, f"get the token in the realm {realms[0]}")


def _owner(address: str) -> str | None:
    """Return the platform's environment that an address belongs to, or None."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    return environment_of(host.rstrip(".").lower()) if host else None


def _trusted(subject: _Subject, issuer: str, *, default: bool = False) -> bool:
    """Tell whether a token's issuer is the trusted one, or a sister realm; `default` where none is named."""
    trusted = _trust(subject, "issuer")
    return default if trusted is None else _base(issuer) == _base(trusted) and _same_realm(issuer, trusted)


def _base(issuer: str) -> str:
    found = _REALM.fullmatch(issuer)
    return found["base"] if found else issuer


def _same_realm(issuer: str, trusted: str) -> bool:
    """Tell whether two addresses agree to the letter, unless they name different realms."""
    one, other = _REALM.fullmatch(issuer), _REALM.fullmatch(trusted)
    return issuer == trusted or (one is not None and other is not None and one["realm"] != other["realm"])


def _audience_remarks(
    subject: _Subject, role: str, said: Mapping[str, Any], names: Mapping[str, Any]
) -> Iterator[Remark]:
    audience, wanted = said.get("aud"), names.get("audience")
    listed = audience if isinstance(audience, list) else [audience]
    if wanted and audience is not None and wanted not in listed:
        message = f"tokens.{role} is not for this service: its audience (aud) does not name {wanted}"
        yield subject.remark("warning", "token", message, f"exchange it for one whose audience is {wanted}")


def _role_remarks(subject: _Subject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Remark]:
    place = subject.rules["tokens"]["claims"]["roles"]
    root = place.partition(".")[0]
    listed = next((value for _, value in _at(said, place)), None)
    roles = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in own.get("has", ()):
        if name not in roles:
            message = f"tokens.{role} lacks the role {name} (claim {place})"
            severity = "error" if root in said else subject.firm
            yield subject.remark(severity, "token", message, f"get a token whose holder has the role {name}")
    for name in own.get("lacks", ()):
        if name in roles:
            message = f"tokens.{role} has the role {name}, which it must not have (claim {place})"
            yield subject.remark("error", "token", message, f"get a token of a client or person without {name}")


def _holder_remarks(subject: _Subject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Remark]:
    places = subject.rules["tokens"]["claims"]["holder"]
    holders = {str(value) for place in places for _, value in _at(said, place)}
    wanted, unwanted = own.get("holder"), own.get("not_holder")
    if wanted and subject.identity(wanted):
        expected = subject.identity(wanted)
        if not holders:
            message = f"tokens.{role} does not say whose it is (claim {' or '.join(places)})"
            yield subject.remark("warning", "token", message, f"make sure that it is that of data.{wanted}")
        elif expected not in holders:
            shown = ", ".join(sorted(map(_masked, holders)))
            message = f"tokens.{role} is that of {shown}, but data.{wanted} is {_masked(expected)}"
            yield subject.remark("error", "token", message, f"get a token of data.{wanted}, or correct data.{wanted}")
    if unwanted and subject.identity(unwanted) in holders:
        message = f"tokens.{role} is that of data.{unwanted}, on whose behalf somebody else should act"
        yield subject.remark("error", "token", message, f"get a token of somebody who acts for data.{unwanted}")


def _power_remarks(subject: _Subject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Remark]:
    """Yield where those for whom a token's holder may act are not those of the test data."""
    powers = list(_powers(subject, said))
    if "powerless_for" in own:
        place = own["powerless_for"]
        if subject.identity(place) and any(person == subject.identity(place) for _, person, _ in powers):
            message = f"tokens.{role} may act for data.{place}, whom its holder must have no power over"
            yield subject.remark("error", "token", message, f"get a token of somebody who cannot act for data.{place}")
    rule = own.get("power")
    if rule is None or not subject.identity(rule["for"]):
        return
    listed = [row for row in powers if row[0] == rule["list"]]
    services = [row[2] for row in listed if row[1] == subject.identity(rule["for"])]
    who = f"data.{rule['for']} ({_masked(subject.identity(rule['for']))})"
    if not services:
        fault = f"names no {rule['list']}" if not listed else f"does not name {who} among its {rule['list']}"
        message, remedy = (
            f"tokens.{role} {fault}",
            f"get it by a change to the profile that acts for data.{rule['for']}",
        )
        yield subject.remark("error" if listed else "warning", "token", message, remedy)
        return
    wanted, unwanted = rule.get("has"), rule.get("lacks")
    if wanted and not any(wanted in one for one in services):
        message = f"tokens.{role} has no mandate of {who} of the type {wanted}"
        yield subject.remark("error", "token", message, f"have a mandate of the type {wanted} given to its holder")
    if unwanted and any(unwanted in one for one in services):
        message = f"tokens.{role} has a mandate of {who} of the type {unwanted}, the one that it must not have"
        yield subject.remark("error", "token", message, f"get a token whose mandate is of another type than {unwanted}")


def _powers(subject: _Subject, said: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield by which list, for whom and with which types of mandate a token's holder may act."""
    names = subject.rules["tokens"]["claims"]
    for place in names["powers"]:
        for _, profile in _at(said, place):
            for name, entries in profile.items() if isinstance(profile, Mapping) else ():
                for entry in entries if isinstance(entries, list) else ():
                    if isinstance(entry, Mapping):
                        types = entry.get(names["services"])
                        yield name, str(entry.get(names["person"])), types if isinstance(types, list) else []


def _time_remarks(subject: _Subject, role: str, token: str, said: Mapping[str, Any]) -> Iterator[Remark]:
    now, ends = subject.now.timestamp(), expiry(token)
    if role == EXPIRED:
        return
    if ends is None:
        message = f"tokens.{role} does not say when it expires (exp)"
        yield subject.remark("note", "token", message, "make sure that it holds until the end of the run")
    elif now < ends < now + subject.seconds:
        message = f"tokens.{role} expires in {_span(ends - now)}, but the run takes about {_span(subject.seconds)}"
        remedy = "get a longer one, give {command: [...]} or {client_credentials: ...} to renew it, or run fewer cases"
        yield subject.remark("warning", "token", message, remedy)
    yield from _start_remarks(subject, role, "nbf", "error", said.get("nbf"))
    yield from _start_remarks(subject, role, "iat", "warning", said.get("iat"))


def _start_remarks(subject: _Subject, role: str, name: str, severity: Severity, starts: object) -> Iterator[Remark]:
    if isinstance(starts, bool) or not isinstance(starts, int | float) or not abs(starts) < _NO_TIME:
        return
    ahead = starts - subject.now.timestamp()
    if ahead > CLOCK_TOLERANCE.total_seconds():
        message = f"tokens.{role} is valid only {_span(ahead)} from now ({name})"
        yield subject.remark(severity, "token", message, "set this machine's clock, or get another token")


def _same_token_remarks(subject: _Subject) -> Iterator[Remark]:
    for (one, first), (other, second) in combinations(_held(subject), 2):
        if first == second:
            message = f"tokens.{one} and tokens.{other} are one and the same token"
            yield subject.remark("warning", "token", message, "give each role a token of its own")


def _keystores(subject: _Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where the settings name key stores, as far as they are under review."""
    for place, settings in _keystore_settings(subject.service.settings):
        if place[:1] == ("tokens",):
            if place[1] in subject.roles:
                yield ".".join(place), settings
        elif subject.everything:
            yield ".".join(place), settings


def _keystore_settings(
    settings: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if "keystore" in settings and "password" in settings:
        yield path, settings
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _keystore_settings(value, (*path, name))


def _keystore_remarks(subject: _Subject, place: str, settings: Mapping[str, Any]) -> Iterator[Remark]:
    try:
        certificate = _opened(subject, place, settings).certificate
    except SecretError as error:
        if not place.startswith("tokens."):  # those are told by the check of all credentials
            yield from (subject.remark("error", "certificate", *_split(problem)) for problem in error.problems)
        return
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    remedy = "ask for a new certificate and put its key store here"
    if ends <= subject.now:
        message = f"{place}.keystore: the certificate expired on {ends:%Y-%m-%d}"
        yield subject.remark(subject.firm, "certificate", message, remedy)
    elif ends - subject.now < SOON and not subject.target.local:
        message = f"{place}.keystore: the certificate ends on {ends:%Y-%m-%d}, in {(ends - subject.now).days} days"
        yield subject.remark("warning", "certificate", message, remedy)
    if starts > subject.now + CLOCK_TOLERANCE:
        message = f"{place}.keystore: the certificate is valid only from {starts:%Y-%m-%d}"
        yield subject.remark(subject.firm, "certificate", message, "wait until then, or set this machine's clock")


def _opened(subject: _Subject, place: str, settings: Mapping[str, Any]) -> KeyStore:
    password = resolve(settings["password"], subject.folder, f"{place}.password")
    subject.redactor.learn(password, {"password": place})
    return open_keystore(subject.folder / settings["keystore"], password, settings.get("alias"))


def _trust_remarks(subject: _Subject) -> Iterator[Remark]:
    issuer, keys = _trust(subject, "issuer"), _trust(subject, "keys")
    owner, environment = _owner(issuer or ""), subject.target.environment
    if owner not in (None, environment):
        message = f"trust.issuer belongs to the platform's {owner} environment, not to {environment}"
        yield subject.remark(subject.firm, "trust", message, f"name the realm of {environment}")
    problem = _keys_problem(subject, keys) if keys is not None else None
    if problem is not None:
        yield subject.remark(
            "error", "trust", f"trust.jwks: {problem}", "name the address or a file of the public keys"
        )


def _keys_problem(subject: _Subject, keys: str) -> str | None:
    if "://" in keys:
        return address_problem(keys, subject.target.environment)
    try:
        data = json.loads((subject.folder / keys).read_bytes())
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return "the file is not JSON"
    return None if isinstance(data, dict) and data.get("keys") else "the file is no JSON Web Key Set"


def _trust(subject: _Subject, name: str) -> str | None:
    place = subject.rules.get("tokens", {}).get("trust", {}).get(name)
    return next((str(value) for _, value in _at(subject.service.settings, place)), None) if place else None


# Test data


def _data_remarks(subject: _Subject) -> Iterator[Remark]:
    rules = subject.rules.get("data", {})
    untold: list[str] = []
    for row in rules.get("identifiers", ()):
        for place, value in _at(subject.data, row["at"]):
            yield from _identifier_remarks(subject, place, _kind(row["kind"], str(value)), str(value), untold)
    if untold and not subject.target.local:
        message = f"it cannot be told that {', '.join(f'data.{place}' for place in untold)} are made up"
        yield subject.remark("note", "data", message, _REAL_PERSONS)
    for row in rules.get("different", ()):
        yield from _difference_remarks(subject, row)
    for row in rules.get("codes", ()):
        yield from _code_remarks(subject, row)


def _kind(name: str, text: str) -> Kind:
    return person_kind(text) if name == "person" else Kind[name.upper()]


def _identifier_remarks(subject: _Subject, place: str, kind: Kind, text: str, untold: list[str]) -> Iterator[Remark]:
    """Yield what is wrong with an identifier; a person's that may be somebody's is added to `untold`."""
    problems = check(kind, text)
    if problems:
        message = f"data.{place} is no valid {kind.value}: {'; '.join(problem.value for problem in problems)}"
        remedy = f"give a test identity of the platform: {kind.length} digits, nothing between them"
        yield subject.remark("error", "data", message, remedy)
        return
    for doubt in doubts(kind, text):
        remedy = "compare it with its source; a service may refuse it"
        yield subject.remark("warning", "data", f"data.{place}: {doubt.value}", remedy)
    if kind in (Kind.SSIN, Kind.BIS) and not seems_fictitious(kind, text):
        untold.append(place)


def _difference_remarks(subject: _Subject, row: Mapping[str, Any]) -> Iterator[Remark]:
    values = [found for place in row["at"] for found in _at(subject.data, place)]
    for (one, first), (other, second) in combinations(values, 2):
        if first == second:
            message = f"data.{one} and data.{other} are the same identity"
            yield subject.remark(row["severity"], "data", message, "give two different test identities")


def _code_remarks(subject: _Subject, row: Mapping[str, Any]) -> Iterator[Remark]:
    listed = documents.read(subject.spec.folder / row["file"]).data[row["list"]]
    where = row.get("where", {})
    fitting = {entry[row["key"]]: entry for entry in listed if where.items() <= entry.items()}
    for place, value in _at(subject.data, row["at"]):
        if value in fitting:
            continue
        known = any(entry[row["key"]] == value for entry in listed)
        quality = ", ".join(f"{name} {wanted}" for name, wanted in where.items())
        fault = f"is not one for {quality}" if known else f"is not in the list {row['file']}"
        remedy = f"take one of the list{'' if known else suggestion(str(value), fitting)}"
        yield subject.remark("error", "data", f"data.{place}: the code {str(value)[:40]!r} {fault}", remedy)


def _missing_remarks(subject: _Subject) -> Iterator[Remark]:
    """Yield which cases will not apply because the file leaves out a token or test data."""
    given = subject.tokens.roles if subject.tokens is not None else frozenset()
    needs: dict[tuple[str, str], list[str]] = {}
    for case in subject.cases:
        for role in _roles(case) - given:
            needs.setdefault(("token", f"tokens.{role}"), []).append(case.id)
        for place in _places(case):
            if not subject.identity(place):
                needs.setdefault(("data", f"data.{place}"), []).append(case.id)
    for (topic, place), cases in sorted(needs.items()):
        severity: Severity = "warning" if 2 * len(cases) > len(subject.cases) else "note"
        shown = ", ".join(cases[:_SHOWN_CASES]) + (", ..." if len(cases) > _SHOWN_CASES else "")
        message = f"{place} is not given: {len(cases)} of {len(subject.cases)} cases will be not_applicable ({shown})"
        yield subject.remark(severity, topic, message, f"add {place} to the target file, if you have it")


def _roles(case: Case) -> set[str]:
    return {request.token.partition("!")[0] for request in case.requests} - {"", MALFORMED}


def _places(case: Case) -> set[str]:
    """Return the places of test data that a case's requests name."""
    return {place for request in case.requests for place in _named(request)}


def _named(request: Template) -> Iterator[str]:
    for text in chain(request.parameters.values(), _texts(request.json)):
        if text.startswith("$"):
            yield text[1:].partition("!")[0]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


# The network


def _network_remarks(
    subject: _Subject,
    line: Transport,
    handshakes: dict[str, tuple[Remark, ...]],
    clock: Callable[[], datetime],
    pause: Callable[[float], None],
) -> Iterator[Remark]:
    address = subject.service.address
    if address is None:
        message = "the embedded local platform plays the service: there is nothing to reach"
        yield subject.remark("note", "reachability", message, "nothing to do")
        return
    if subject.target.environment == PRODUCTION and not subject.spec.contract.public:
        return
    url = urlsplit(address)
    origin = f"{url.scheme}://{url.netloc}"
    if origin not in handshakes:
        handshakes[origin] = tuple(_connection_remarks(subject, address, line.tls))
        yield from handshakes[origin]
    elif any(remark.severity == "error" for remark in handshakes[origin]):
        message = f"nor can {origin} be used here, as said above of another service"
        yield subject.remark("error", "reachability", message, "do what is said there")
    if any(remark.severity == "error" for remark in handshakes[origin]):
        return
    wait = 1 / subject.target.limits.rate if subject.target.limits.rate else 0.0
    yield from _issued_token_remarks(subject)
    for number, (probe, request) in enumerate(_probes(subject, address)):
        pause(wait)
        before = clock()
        outcome = line.send(request)
        yield from _answer_remarks(subject, probe, request, outcome)
        if number == 0 and isinstance(outcome, Response):
            yield from _clock_remarks(subject, outcome, before, clock())


def _connection_remarks(subject: _Subject, address: str, tls: ssl.SSLContext) -> Iterator[Remark]:
    """Yield whether a host can be reached, and over TLS what it shows of itself."""
    url = urlsplit(address)
    host, port = str(url.hostname), url.port or (443 if url.scheme == "https" else 80)
    place = f"{host}:{port}"
    try:
        with closing(socket.create_connection((host, port), subject.target.limits.timeout)) as bare:
            if url.scheme == "https":
                with closing(tls.wrap_socket(bare, server_hostname=host)) as sock:
                    yield from _certificate_remarks(subject, place, sock)
    except ssl.SSLCertVerificationError as error:
        remedy = _HANDSHAKE_REMEDIES.get(error.verify_code, "tell the operator, or name its authority as tls.ca_file")
        yield subject.remark(
            "error", "tls", f"the certificate of {place} does not hold: {error.verify_message}", remedy
        )
    except ssl.SSLError as error:
        message = f"no TLS with {place}: {error.reason or 'the handshake failed'}"
        yield subject.remark("error", "tls", message, "check scheme and port; TLS 1.2 or 1.3 is needed on both sides")
    except socket.gaierror:
        message = f"the name {host} cannot be resolved"
        yield subject.remark("error", "reachability", message, "correct the address, or this machine's name service")
    except TimeoutError:
        message = f"no connection to {place} within {subject.target.limits.timeout:g} seconds"
        yield subject.remark("error", "reachability", message, "open the firewall for it, or raise limits.timeout")
    except OSError as error:
        message = f"no connection to {place}: {error.strerror or error}"
        yield subject.remark("error", "reachability", message, "check host and port, and that the service is up")


def _certificate_remarks(subject: _Subject, place: str, sock: ssl.SSLSocket) -> Iterator[Remark]:
    certificate: Mapping[str, Any] = sock.getpeercert() or {}
    ends = _certificate_end(certificate)
    left = ends - subject.now
    message = (
        f"{place} speaks {sock.version()}; its certificate by {_subject_name(certificate.get('issuer'))} "
        f"ends on {ends:%Y-%m-%d}, in {left.days} days"
    )
    if left < SOON:
        yield subject.remark("warning", "tls", message, "tell the operator to renew it in time")
    else:
        yield subject.remark("note", "tls", message, "nothing to do")


def _issued_token_remarks(subject: _Subject) -> Iterator[Remark]:
    """Yield what is wrong with the tokens that a token endpoint issues, or that it issues none."""
    for role, reference in subject.service.settings.get("tokens", {}).items():
        if subject.tokens is None or not isinstance(reference, Mapping) or "client_credentials" not in reference:
            continue
        try:
            token = subject.tokens.get(role)
        except SecretError:
            continue  # told offline
        except ConformanceError as error:
            yield subject.remark("error", "credential", *_split(str(error)))
        else:
            yield from _token_remarks(subject, role, token)


def _probes(subject: _Subject, address: str) -> Iterator[tuple[Mapping[str, Any], Request]]:
    """Yield each first question with its GET request; at least one, be it without a token."""
    asked = False
    for probe in subject.rules.get("probes", ()):
        request = _probe(subject, address, probe)
        if request is not None:
            asked = True
            yield probe, request
    if asked:
        return
    operations = subject.spec.contract.operations.values() if subject.spec.contract.public else ()
    paths = (one.path for one in operations if one.method == "GET" and "{" not in one.path)
    url = address.rstrip("/") + next(paths, "")
    yield {}, Request("GET", url, (*_identity_headers(subject.target), ("Accept", "application/json")))


def _probe(subject: _Subject, address: str, row: Mapping[str, Any]) -> Request | None:
    """Return a first question with a token, or None where the file lacks what it needs."""
    role, path = row.get("token", ""), subject.spec.contract.operations[row["operation"]].path
    for name, place in row.get("parameters", {}).items():
        if not subject.identity(place):
            return None
        path = path.replace(f"{{{name}}}", quote(subject.identity(place), safe=""))
    headers = (*_identity_headers(subject.target), ("Accept", "application/json"))
    if role:
        try:
            token = subject.tokens.get(role) if subject.tokens is not None else ""
        except ConformanceError:
            token = ""
        if not token:
            return None
        headers += (("Authorization", f"Bearer {token}"),)
    return Request("GET", address.rstrip("/") + path, headers)


def _answer_remarks(
    subject: _Subject, probe: Mapping[str, Any], request: Request, outcome: Response | TransportFailure
) -> Iterator[Remark]:
    role = probe.get("token", "")
    asked = f"GET {urlsplit(request.url).path}" + (f" with tokens.{role}" if role else "")
    if isinstance(outcome, TransportFailure):
        remedy = "check the address and that the service is up"
        yield subject.remark("error", "reachability", f"no answer to {asked}: {outcome.message}", remedy)
    elif outcome.status in _BUSY:
        message = f"the answer to {asked} is {outcome.status}: the service is not available now"
        yield subject.remark("error", "reachability", message, "try again later, or ask the contact centre")
    elif not role and not subject.spec.contract.public:
        return  # whatever is said to somebody without a token, the service is there
    elif outcome.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        who = f"tokens.{role}" if role else "the request"
        remedy = "get a new token, and ask the platform whether client and role are admitted to this service"
        message = f"{who} is refused: the answer to {asked} is {outcome.status}"
        yield subject.remark("error", "credential", message, remedy)
    elif outcome.status >= HTTPStatus.MULTIPLE_CHOICES and not _tells_of_nothing(probe, outcome):
        remedy = "compare the address with the cookbook's, and token and test data with each other"
        yield subject.remark("warning", "reachability", f"the answer to {asked} is {outcome.status}", remedy)


def _tells_of_nothing(probe: Mapping[str, Any], answer: Response) -> bool:
    """Tell whether a 404 says that there is nothing yet, in the service's own words: none, or a list of errors."""
    absent = probe.get("may_be_absent", False) and answer.status == HTTPStatus.NOT_FOUND
    return absent and answer.body.strip()[:1] in (b"", b"[")


def _clock_remarks(subject: _Subject, answer: Response, before: datetime, after: datetime) -> Iterator[Remark]:
    """Yield by how much this machine's clock is off the service's, in one direction or the other."""
    text = answer.header("Date")
    try:
        told = parsedate_to_datetime(text or "")
    except ValueError:
        message = "the answer has no Date header" if text is None else f"the Date header is no date: {text[:40]!r}"
        yield subject.remark("note", "clock", message, "compare this machine's clock with another source")
        return
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    off = before - told if told < before else told - after
    if off > CLOCK_TOLERANCE:
        direction = "ahead of" if told < before else "behind"
        message = f"this machine's clock is {_span(off.total_seconds())} {direction} the service's (Date header)"
        yield subject.remark("error", "clock", message, "set this machine's clock by NTP; else tell the operator")


# A release


def _validity_steps(
    target: Target, services: tuple[ServiceTarget, ...], release: date, now: datetime
) -> Iterator[ReleaseStep]:
    for name, ends in chain(_authorities(target), _certificates(target, services, now)):
        what, remedy = f"{name} is valid beyond the release (until {ends:%Y-%m-%d})", "renew it, from 90 days before"
        kept = ends.date() > release
        yield ReleaseStep(release, "kept" if kept else "broken", what, "nothing to do" if kept else remedy)
    for service in services:
        subject = _Subject(target, service, load_rules(service.spec), now, Redactor(), (), _send_nothing)
        for role, token in _held(subject):
            ends = _moment(expiry(token) or 0.0)
            if role != EXPIRED and ends.date() <= release:
                what = f"{service.service}: tokens.{role} is replaced (it ends on {ends:%Y-%m-%d})"
                yield ReleaseStep(release, "open", what, "get a new token on the day, or let the harness ask for it")


def _certificates(target: Target, services: tuple[ServiceTarget, ...], now: datetime) -> Iterator[tuple[str, datetime]]:
    for service in services:
        subject = _Subject(target, service, load_rules(service.spec), now, Redactor(), (), _send_nothing)
        for place, settings in _keystores(subject):
            with suppress(SecretError):  # told by the review itself
                certificate = _opened(subject, place, settings).certificate
                yield f"{service.service}: the certificate of {place}.keystore", certificate.not_valid_after_utc


def _month_before(day: date) -> date:
    """Return the same day of the month before, or that month's last day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


# Words


def _at(data: Any, place: str, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield place and value of what stands at `a.*.b` in some data; nothing where it does not go so deep."""
    first, _, rest = place.partition(".")
    found: list[tuple[str, Any]] = []
    if isinstance(data, Mapping) and first in data:
        found = [(first, data[first])]
    elif isinstance(data, list) and first == "*":
        found = [(str(number), value) for number, value in enumerate(data)]
    elif isinstance(data, list) and first.isdecimal() and int(first) < len(data):
        found = [(first, data[int(first)])]
    for name, value in found:
        here = f"{path}.{name}" if path else name
        if rest:
            yield from _at(value, rest, here)
        else:
            yield here, value


def _split(problem: str) -> tuple[str, str]:
    """Return message and remedy of a line that has its remedy behind the last semicolon."""
    message, _, remedy = problem.rpartition("; ")
    return (message, remedy) if message else (problem, _CORRECT)


def _tidy(remarks: list[Remark], redactor: Redactor) -> tuple[Remark, ...]:
    """Return the remarks once each, without secrets and whole identifiers."""
    cleaned = (
        replace(one, message=_clean(one.message, redactor), remedy=_clean(one.remedy, redactor)) for one in remarks
    )
    return tuple(dict.fromkeys(cleaned))


def _clean(text: str, redactor: Redactor) -> str:
    return _PERSON_NUMBER.sub(r"\1…", redactor.text(text))


def _masked(identity: str) -> str:
    """Return an identity's beginning, enough to tell test identities apart."""
    return f"{identity[:6]}…"


def _span(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _certificate_end(certificate: Mapping[str, Any]) -> datetime:
    return _moment(ssl.cert_time_to_seconds(certificate["notAfter"]))


def _subject_name(names: Any) -> str:  # noqa: ANN401 - as ssl has it: a tuple of tuples of pairs
    """Return the most telling name of a certificate's owner or issuer."""
    parts = {name: value for row in names or () for name, value in row}
    return str(parts.get("commonName") or parts.get("organizationName") or "an unnamed authority")
