"""Takes a SAML 1.1 assertion out of what it stands in: the very bytes, with the namespaces in whose scope they were.

Source: WS-Trust 1.3, section 4.4, and Namespaces in XML. Must not look at what the assertion says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from conformance.model.errors import ConformanceError
from conformance.soap.markup import (
    Element,
    XmlError,
    canonical,
    children,
    local,
    parse,
    serialise,
    slice_element,
)
from conformance.soap.names import (
    DS,
    EXCLUSIVE,
    SAML,
    SAML2,
    SOAP,
    SOAP12,
    XML,
)

_ASIDE: Final = frozenset(
    f"{{{space}}}{name}" for space in (SOAP, SOAP12) for name in ("Header", "Fault")
)
"""What has no token for the caller: what an answer is secured by, and what is said of a request that is refused."""
ASSERTION: Final = f"{{{SAML}}}Assertion"
REQUESTED: Final = "RequestedSecurityToken"
"""What an STS's answer has the token in, in the namespace of whatever version of WS-Trust (1.3, section 4.4.2)."""
_MARKS: Final = re.compile(rb"[\s<>\"'/=()\[\]|,;&@*]+")
"""What stands around a name, in markup and in what content may be: QNames, paths, lists."""
_ENCRYPTED: Final = frozenset({"EncryptedAssertion", "EncryptedData"})
_TRANSFORM: Final = f"{{{DS}}}Transform"
_METHOD: Final = f"{{{DS}}}CanonicalizationMethod"
_CANONICALISATION: Final = "c14n"
"""Stands in the names of all of them, and of nothing else."""
_NAME_ENDS: Final = re.compile(rb"[\s/>]")
_MISSING: Final = "there is no SAML 1.1 assertion in it"
_IN_VALUES: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class TakingError(ConformanceError):
    """There is no SAML 1.1 assertion that could be taken out."""


class UnsupportedTokenError(TakingError):
    """There is an assertion, but of another version, or an encrypted one."""


def taken_out(root: Element, data: bytes) -> bytes:
    """Return the assertion in a document, as the document of its own that it is where it stands.

    `root` is what `data` holds. Raises TakingError where there is none, XmlError where it cannot stand alone.
    """
    element = _wanted(root)
    number = list(root.iter(ASSERTION)).index(element)
    exact = slice_element(data, "Assertion", SAML, number)
    if exact is None:
        raise TakingError(_MISSING)
    _demand_ascii_or_utf8(root, exact)
    own = _own_attributes(exact)
    whole = _with_more(exact, _declarations(element, exact, own))
    if not _is_the_same(parse(whole), element):
        raise XmlError("the assertion in it cannot stand alone")
    return _with_more(whole, _inherited(element, own))


def taken_or_rewritten(root: Element, data: bytes) -> bytes:
    """Return the assertion in a document, written anew where it is encoded otherwise than in UTF-8."""
    try:
        return taken_out(root, data)
    except UnsupportedTokenError:
        raise
    except (TakingError, XmlError):
        return serialise(_wanted(root))


def bare(root: Element, data: bytes) -> bytes:
    """Return an assertion without byte order mark, declaration and what stands around it; `root` is what it holds."""
    exact = slice_element(data, "Assertion", SAML)
    if exact is None:
        raise TakingError(_MISSING)
    _demand_ascii_or_utf8(root, exact)
    return exact


def _wanted(root: Element) -> Element:
    """Return the assertion that is asked for: that of the answer, not one by which the answer itself is secured."""
    requested = [one for one in _spoken(root) if local(one) == REQUESTED]
    for token in requested:
        found = next((one for one in children(token) if one.tag == ASSERTION), None)
        if found is not None:
            return found
    for element in _spoken(root):
        if element.tag == ASSERTION:
            return element
        if local(element) in _ENCRYPTED:
            other = " that can be read, but one that is encrypted"
            raise UnsupportedTokenError(f"{_MISSING}{other}, which is not supported")
        if element.tag == f"{{{SAML2}}}Assertion":
            other = ", but one of SAML 2.0"
            raise UnsupportedTokenError(f"{_MISSING}{other}, which is not supported")
    raise TakingError(_MISSING)


def _spoken(root: Element) -> Iterator[Element]:
    """Yield an element and those below it in document order, without what stands aside."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag not in _ASIDE:
            yield element
            waiting += reversed(children(element))


def _demand_ascii_or_utf8(root: Element, exact: bytes) -> None:
    encoding = root.getroottree().docinfo.encoding or "UTF-8"
    if encoding.upper() not in ("UTF-8", "US-ASCII", "ASCII") and not exact.isascii():
        raise TakingError(
            f"it is encoded in {encoding}; save it as UTF-8, exactly as it was issued"
        )


def _with_more(exact: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return an element's bytes with more attributes in its start tag."""
    ends = _NAME_ENDS.search(exact)
    at = ends.start() if ends is not None else len(exact)
    added = "".join(
        f" {name}={quoteattr(value, _IN_VALUES)}" for name, value in attributes.items()
    )
    return exact[:at] + added.encode() + exact[at:]


def _own_attributes(exact: bytes) -> Mapping[str, str]:
    """Return the attributes of the start tag that some bytes begin with, declarations among them."""
    found: list[Mapping[str, str]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _, attributes: found.append(attributes)
    try:
        parser.Parse(exact, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        raise XmlError(f"not well-formed XML: {error}") from None
    return found[0]


def _declarations(
    element: Element, exact: bytes, own: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the declarations above an element that its content, or its own signature, may use."""
    above = element.getparent()
    scope = above.nsmap.items() if above is not None else ()
    used = _prefixes(element, exact)
    takes_all = any(map(takes_in_surroundings, _signatures(element)))
    rows = {
        ("xmlns" if prefix is None else f"xmlns:{prefix}"): str(space)
        for prefix, space in scope
        if takes_all or prefix is None or prefix in used
    }
    return {name: space for name, space in rows.items() if space and name not in own}


def _prefixes(element: Element, exact: bytes) -> set[str]:
    """Return the prefixes that an element may name: of elements, in QNames of its content, in lists of prefixes."""
    words = _MARKS.split(exact)
    qualified = {
        word.partition(b":")[0].decode("utf-8", "replace")
        for word in words
        if b":" in word
    }
    lists = element.iter(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    return qualified.union(*(one.get("PrefixList", "").split() for one in lists))


def _inherited(element: Element, own: Mapping[str, str]) -> Mapping[str, str]:
    """Return the xml: attributes that hold at an element where its digest takes them in, the nearest of each.

    Inclusive canonicalisation does; exclusive does not, and would take one that is added for the element's own.
    """
    forms = [
        form for one in _signatures(element) for form in _forms_of(one, (_TRANSFORM,))
    ]
    is_exclusive = any(form.startswith(EXCLUSIVE) for form in forms)
    if is_exclusive or not _signatures(element):
        return {}
    held: dict[str, str] = {}
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if str(name).startswith(f"{{{XML}}}"):
                held.setdefault(f"xml:{etree.QName(name).localname}", str(value))
    return {name: value for name, value in held.items() if name not in own}


def _signatures(element: Element) -> list[Element]:
    """Return an element's own signatures."""
    return element.findall(f"{{{DS}}}Signature")


def _forms_of(
    signature: Element, tags: Sequence[str] = (_TRANSFORM, _METHOD)
) -> list[str]:
    """Return the canonicalisations of what a signature covers, and of what it says of it, in document order."""
    found = (one.get("Algorithm", "") for one in signature.iter(*tags))
    return [algorithm for algorithm in found if _CANONICALISATION in algorithm]


def _is_the_same(exact: Element, element: Element) -> bool:
    """Tell whether an element cut out of a document is the one that stands there, with all namespaces that it uses.

    Where a namespace above it is no URI, nothing around it can be canonicalised, and what was cut out is believed.
    """
    try:
        return canonical(exact) == canonical(element)
    except etree.C14NError:
        return True


def takes_in_surroundings(signature: Element) -> bool:
    """Tell whether namespaces around a signed part go into a signature (Canonical XML 1.0, section 2.4).

    Where no transform says how a part is put into form, it is the inclusive one (XML Signature 1.1, section 4.4.3.2).
    """
    forms = _forms_of(signature)
    is_usual = len(forms) < 2  # noqa: PLR2004 - one of SignedInfo, one of the part
    return is_usual or any(not one.startswith(EXCLUSIVE) for one in forms)
