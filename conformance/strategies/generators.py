"""All strategies that a case can name, for requests over HTTP and for SOAP messages."""

from collections.abc import Mapping

from conformance.strategies import http, soap

GENERATORS: Mapping[str, http.Generator] = {**http.GENERATORS, **soap.GENERATORS}
EDGES: Mapping[str, http.Edges] = {**http.EDGES, **soap.EDGES}
"""What is tried before anything is drawn: both sides of each bound of what a strategy varies, smallest first."""
