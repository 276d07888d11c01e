"""An identity that nobody has filled in: that of a template, of the cookbooks' examples, or of nobody's domain.

Must not judge the form of the headers.
"""

import re
from collections.abc import Iterator

from conformance.checks.tracing import TracingRules
from conformance.contracts.platform_rules import load_tracing
from conformance.target.target import Identity, Target
from conformance.target.writing import TEMPLATE_SENDER, TEMPLATE_USER_AGENT

_NOBODYS_DOMAIN = re.compile(
    r"[@.](example\.(com|org|net)|example|invalid|test|localhost)$", re.IGNORECASE
)  # RFC 2606


def unfilled_identity(target: Target) -> Iterator[tuple[str, str]]:
    """Yield what of a target's identity is an example's still, and what to do; a local target needs no identity."""
    if not target.local:
        yield from _placeholders(target.identity, load_tracing())


def _placeholders(identity: Identity, rules: TracingRules) -> Iterator[tuple[str, str]]:
    product = _product_of_example(identity.user_agent, rules)
    if identity.user_agent == rules.user_agent_example:
        yield (
            "identity.user_agent is the cookbooks' own example",
            "give name and version of your software and of its connector",
        )
    elif product:
        yield (
            f"identity.user_agent names {product!r}, which is a template's product",
            "give name and version of your software and of its connector",
        )
    if _is_of_nobody(identity.sender, rules):
        yield (
            "identity.from is an example address, which reaches no person",
            "give a mail address that is read in an emergency",
        )


def _product_of_example(user_agent: str, rules: TracingRules) -> str:
    """Return the first product of a User-Agent that is one of a template or of the cookbooks' example, "" for none."""
    software = rules.user_agent_example.split(" ")[0]
    examples = {_name(part) for part in (*TEMPLATE_USER_AGENT.split(" "), software)}
    parts = (part.partition("/")[0] for part in user_agent.split(" "))
    return next((part for part in parts if part.lower() in examples), "")


def _name(subset: str) -> str:
    return subset.partition("/")[0].lower()


def _is_of_nobody(sender: str, rules: TracingRules) -> bool:
    domain = sender.rpartition("@")[2].lower()
    examples = {
        address.rpartition("@")[2] for address in (rules.from_example, TEMPLATE_SENDER)
    }
    return domain in examples or _NOBODYS_DOMAIN.search(sender) is not None
