"""All strategies that a case can name, for requests over HTTP and for SOAP messages."""

from collections.abc import Mapping

from conformance.strategies import http, soap

GENERATORS: Mapping[str, http.Generator] = {**http.GENERATORS, **soap.GENERATORS}
