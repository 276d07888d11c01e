"""All strategies that a case can name, for requests over HTTP and for SOAP messages."""

from collections.abc import Mapping
from typing import Final

from conformance.strategies import http, soap

LISTED: Final = "listed"
"""Not drawn: each row of a case's options."""
OTHER_NUMBERS: Final = "other-numbers"
"""Not drawn: numbers of others in the place of the caller's own."""
GENERATORS: Mapping[str, http.Generator] = {**http.GENERATORS, **soap.GENERATORS}
EDGES: Mapping[str, http.Edges] = {**http.EDGES, **soap.EDGES}
"""What is tried before anything is drawn: both sides of each bound of what a strategy varies, smallest first."""
