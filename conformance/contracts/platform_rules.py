"""Reads specs/common: what holds for every service of the platform.

Must not know any service.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.checks.tracing import TracingRules
from conformance.formats.documents import Document
from conformance.formats.schemas import read_valid, specs_root
from conformance.model.errors import SpecError

_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


@functools.cache
def load_tracing(root: Path | None = None) -> TracingRules:
    """Return the rules for User-Agent and From that all cookbooks share."""
    root = root or specs_root()
    document = read_valid(root / "common" / "tracing.yaml", "tracing", root)
    data = document.data
    return TracingRules(
        _expression(document, "user_agent"),
        data["user_agent"]["subsets"],
        _expression(document, "from"),
        data["user_agent"]["examples"][0],
        data["from"]["examples"][0],
    )


def _expression(document: Document, header: str) -> re.Pattern[str]:
    try:
        return re.compile(document.data[header]["reading"], re.ASCII)
    except re.error as error:
        line = document.line((header, "reading"))
        raise SpecError(
            f"{document.path}:{line}: {header}.reading: not a regular expression: {error}"
        ) from error


@functools.cache
def load_environments(root: Path | None = None) -> Mapping[str, Any]:
    """Return what specs/common/environments.yaml says of the platform's environments and their hosts."""
    root = root or specs_root()
    data: Mapping[str, Any] = read_valid(
        root / "common" / "environments.yaml", "environments", root
    ).data
    return data


def bundled_schemas(root: Path | None = None) -> Mapping[str, Path]:
    """Return the schema files of namespaces that a WSDL refers to on the network, by namespace."""
    return {_XML_NAMESPACE: (root or specs_root()) / "common" / "xsd" / "xml.xsd"}
