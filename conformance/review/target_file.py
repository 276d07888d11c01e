"""Reviews what a target file says for all services: who asks, whom it trusts, how much, and where.

Must not send anything.
"""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from conformance.contracts.platform_rules import load_tracing
from conformance.model.wording import count_of
from conformance.review.amount import Amount
from conformance.review.remarks import SOON, Remark, certificate_end, name_of, span
from conformance.review.subject import ReviewSubject
from conformance.target.addresses import environment_of
from conformance.target.placeholders import unfilled_identity
from conformance.target.target import Target, own_identity

_LONG_RUN = timedelta(hours=1)


def identity_remarks(target: Target) -> Iterator[Remark]:
    """Yield doubts about who asks; what breaks the cookbooks' form was refused when the file was read."""
    if target.local:
        return
    rules, own, given = load_tracing(), own_identity(), target.identity
    if given.user_agent == own.user_agent:
        message = "identity.user_agent is not given: the platform sees the harness instead of your product"
        remedy = f"give your software and connector, like {rules.user_agent_example!r}"
        yield Remark("note", "identity", message, remedy)
    if not given.sender:
        message = "identity.from is not given: the platform can reach no person in an emergency"
        yield Remark(
            "note",
            "identity",
            message,
            f"give a mail address that is read, like {rules.from_example!r}",
        )
    for message, remedy in unfilled_identity(target):
        yield Remark("warning", "identity", message, remedy)


def authority_remarks(target: Target, now: datetime) -> Iterator[Remark]:
    """Yield what is wrong with the time of the certificates in tls.ca_file."""
    for place, ends in authorities(target):
        remedy = "replace it by the authority's present certificate"
        if ends <= now:
            yield Remark(
                "error", "certificate", f"{place} expired on {ends:%Y-%m-%d}", remedy
            )
        elif ends - now < SOON and not target.local:
            yield Remark(
                "warning", "certificate", f"{place} ends on {ends:%Y-%m-%d}", remedy
            )


def authorities(target: Target) -> Iterator[tuple[str, datetime]]:
    """Yield name and end of each certificate in tls.ca_file."""
    if target.ca_file is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=target.ca_file)
    for certificate in context.get_ca_certs():
        yield (
            f"tls.ca_file: the certificate of {name_of(certificate.get('subject'))}",
            certificate_end(certificate),
        )


def limit_remarks(target: Target, amount: Amount) -> Iterator[Remark]:
    """Yield where a run goes beyond the limits, or takes long within them."""
    limits, requests, seconds = target.limits, amount.total, amount.seconds
    if limits.budget is not None and limits.budget < requests:
        allowed = count_of(limits.budget, "request")
        message = f"limits.budget allows {allowed}, but the run needs about {requests}"
        remedy = "raise limits.budget, or run fewer services, cases or --examples; else cases will be not_run"
        yield Remark("warning", "limits", message, remedy)
    if limits.rate and timedelta(seconds=seconds) > _LONG_RUN:
        message = f"at limits.rate {limits.rate:g} a second, the run's {requests} requests take about {span(seconds)}"
        yield Remark(
            "warning",
            "limits",
            message,
            "raise limits.rate as far as was agreed, or run fewer cases",
        )


def address_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield where an address differs from the documented ones."""
    address = subject.service.address
    if address is None or subject.target.local:
        return
    url, documented = urlsplit(address), subject.spec.contract.environments
    paths = {urlsplit(known).path.rstrip("/") for known in documented.values()}
    key = subject.spec.contract.address_key
    if paths and url.path.rstrip("/") not in paths:
        nearest = documented.get(subject.target.environment) or next(
            iter(documented.values())
        )
        message = f"{key} has the path {url.path or '/'!r}, the cookbook {', '.join(map(repr, sorted(paths)))}"
        yield subject.remark(
            "warning",
            "address",
            message,
            f"compare it with the documented address {nearest}",
        )
    if environment_of(str(url.hostname)) is None:
        message = (
            f"{key} names the host {url.hostname}, which is none of the platform's"
        )
        yield subject.remark(
            "note",
            "address",
            message,
            "make sure that it is a gateway or a stand-in of your own",
        )
