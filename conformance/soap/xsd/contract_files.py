"""Reads the XML files of a contract: WSDLs and schemas of bounded size.

Must not follow what they refer to.
"""

import re
from pathlib import Path
from typing import Final

from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.soap.markup import Element, XmlError, parse
from conformance.soap.xsd.limits import demand_bounded
from conformance.soap.xsd.schemas import WsdlError

_NO_URI: Final = re.compile(
    rb"\sxmlns:[\w.-]+\s*=\s*(?:\"[^\"<>]*[{}][^\"<>]*\"|'[^'<>]*[{}][^'<>]*')"
)
"""A declaration of a namespace with a placeholder in it."""
_LARGEST = 4 * 2**20


def read_xml(file: Path) -> Element:
    """Return the root of an XML file of bounded size; raises WsdlError where it is none."""
    try:
        data = read_bounded(file, _LARGEST)
    except UnreadableFileError as error:
        raise WsdlError(error.about(file)) from None
    try:
        root = parse(_without_unused_namespaces(data))
    except XmlError as error:
        raise WsdlError(_not_read(file, data, error)) from None
    demand_bounded(root, file)
    return root


def _not_read(file: Path, data: bytes, error: XmlError) -> str:
    """Return why a file is not read, for a document type declaration with its line."""
    before, found, _ = data.partition(b"<!DOCTYPE")
    if not found:
        return f"{file}: {error}; correct it, or get it anew"
    line = before.count(b"\n") + 1
    return (
        f"{file}:{line}: {error}; take the <!DOCTYPE> out of the file, and write out what its entities stand for "
        "where they are used"
    )


def _without_unused_namespaces(data: bytes) -> bytes:
    """Leave out declarations of namespaces that are no URIs and that nothing uses: zeep would refuse them.

    Official schemas have placeholders such as `urn:be:...:v{version.major}`.
    """
    for declaration in _NO_URI.findall(data):
        prefix = declaration.partition(b"=")[0].partition(b":")[2].strip()
        rest = data.replace(declaration, b"")
        if prefix + b":" not in rest:
            data = rest
    return data
