"""Conformance harness for the web services of the Belgian eHealth platform."""

__version__ = "0.1.0"
