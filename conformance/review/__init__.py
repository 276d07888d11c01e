"""Reviews a target before any test traffic: what is wrong with the file, and what only the network shows.

What a service's tokens and test data are held against is data (review.yaml of its spec folder). Must not
judge a service's answers, change anything there, nor name a whole identifier or a secret.
"""

from conformance.review.credentials.callers import caller_problems
from conformance.review.network import review_network
from conformance.review.offline import review_offline
from conformance.review.release import ReleaseStep, release_steps
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    SEVERITIES,
    SOON,
    Remark,
    Severity,
)
from conformance.review.subject import RULES, load_rules

__all__ = [
    "CLOCK_TOLERANCE",
    "RULES",
    "SEVERITIES",
    "SOON",
    "ReleaseStep",
    "Remark",
    "Severity",
    "caller_problems",
    "load_rules",
    "release_steps",
    "review_network",
    "review_offline",
]
