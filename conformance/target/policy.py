"""The one policy on what may be sent where; every sender asks it before each request.

Source: interface, section 4. Must not send anything. No other module names production.
"""

from collections.abc import Mapping
from enum import Enum

LOCAL = "local"
_PRODUCTION = "production"
BUILT_IN: Mapping[str, str] = {
    "local": LOCAL,
    "status-sim": "simulation",
    "acceptance": "acceptance",
    "production": _PRODUCTION,
}
"""The targets that need no file, and the environment of each."""

RULE = "nothing but GET on the public status services"
"""What may be sent to production, in words for messages."""


class Sender(Enum):
    """Who is about to send a request."""

    RUN = "run"
    REPLAY = "replay"
    OWN = "a request of one's own"
    REVIEW = "review"
    CREDENTIALS = "a request for a token or an assertion"
    UPSTREAM = "observe, to its upstream"
    LOAD = "load"


_NEVER_IN_PRODUCTION = frozenset({Sender.CREDENTIALS, Sender.LOAD})
"""Who sends nothing to production, whatever the method."""


def may_send(sender: Sender, environment: str, *, public: bool, method: str) -> bool:
    """Tell whether a sender may send a request of a method to a service of an environment.

    `public` tells that the service is one of the platform's public status services.
    """
    if not is_production(environment):
        return True
    if sender in _NEVER_IN_PRODUCTION:
        return False
    return public and method == "GET"


def may_be_target(environment: str, *, public: bool) -> bool:
    """Tell whether a service of an environment may be tested at all."""
    return may_send(Sender.RUN, environment, public=public, method="GET")


def is_production(environment: str | None) -> bool:
    """Tell whether an environment is the one that patients are treated with."""
    return environment == _PRODUCTION
