"""Tests of reading XML from anybody: what is refused, what is kept byte for byte, what text and place are."""

import time
from collections.abc import Callable

import pytest
from lxml import etree

from conformance.soap import markup
from conformance.soap.markup import (
    LARGEST,
    TooMuchXmlError,
    XmlError,
    below,
    canonical,
    children,
    local,
    namespace,
    parse,
    path,
    serialise,
    slice_element,
    text,
    without_prefixes,
)

LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))
DOCTYPES = {
    "name only": "<!DOCTYPE a>",
    "internal entity": '<!DOCTYPE a [<!ENTITY e11 "text">]>',
    "billion laughs": f"<!DOCTYPE a [{LAUGHS}]>",
    "quadratic": f'<!DOCTYPE a [<!ENTITY e11 "{"x" * 50_000}">]>',
    "external entity": '<!DOCTYPE a [<!ENTITY e11 SYSTEM "file:///etc/passwd">]>',
    "external subset": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    "public identifier": '<!DOCTYPE a PUBLIC "-//x" "http://127.0.0.1:9/a.dtd">',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "default attribute": '<!DOCTYPE a [<!ATTLIST a id CDATA "x">]>',
    "behind a comment": "<!-- <a/> --><?p i?>\n<!DOCTYPE a>",
}


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing get as far as libxml2."""

    def reached(*_: object, **__: object) -> None:
        pytest.fail("libxml2 was reached")

    monkeypatch.setattr("lxml.etree.fromstring", reached)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"])
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
@pytest.mark.usefixtures("no_parser")
def test_document_type_never_reaches_the_parser(doctype: str, encoding: str) -> None:
    """Whatever a DTD declares, and in whatever encoding, it is refused while the prolog is read."""
    document = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}<a>&e11;</a>'.encode(encoding)
    with pytest.raises(XmlError, match=r"^a document type declaration is not accepted$"):
        parse(document)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.usefixtures("no_parser")
def test_document_type_without_xml_declaration_is_refused(codec: str) -> None:
    """A byte order mark, or the very bytes of UTF-16, are enough to find a DTD."""
    with pytest.raises(XmlError, match="document type declaration"):
        parse(f"<!DOCTYPE a [{LAUGHS}]><a>&e11;</a>".encode(codec))


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-7", "gbk", "shift_jis", "euc-jp", "big5", "cp037"])
@pytest.mark.parametrize("doctype", ["", "<!DOCTYPE a>"], ids=["plain", "DTD"])
@pytest.mark.usefixtures("no_parser")
def test_encoding_in_which_a_document_type_could_hide_is_refused(codec: str, doctype: str) -> None:
    """What the reader of prologs cannot decode is not left to a parser that may."""
    name = codec.removesuffix("-le")
    with pytest.raises(XmlError, match="not well-formed XML: "):
        parse(f'<?xml version="1.0" encoding="{name}"?>{doctype}<a/>'.encode(codec))


def test_document_type_is_refused_even_where_only_the_parser_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree is looked at too, should the reading of the prolog ever miss a DTD."""
    monkeypatch.setattr(markup, "demand_readable", lambda _: None)
    with pytest.raises(XmlError, match="document type declaration"):
        parse(b"<!DOCTYPE a><a/>")


def test_too_large_document_is_refused() -> None:
    """One byte more than the limit is too much, as much as the limit is read."""
    frame = len(b"<a></a>")
    assert len(text(parse(b"<a>" + b"x" * (LARGEST - frame) + b"</a>"))) == LARGEST - frame
    with pytest.raises(XmlError, match=f"larger than {LARGEST} bytes"):
        parse(b"<a>" + b"x" * (LARGEST - frame + 1) + b"</a>")


def _attributes(number: int, form: str = 'a{0}="1"') -> str:
    return " ".join(map(form.format, range(number)))


_NAMESPACES = _attributes(3000, 'xmlns:n{0}="u:{0}"')
_MANY, _OTHERS = _attributes(600, 'xmlns:n{0}="u:{0}"'), _attributes(600, 'xmlns:m{0}="u:{0}"')
_NESTED = f"<a {_MANY}><b {_OTHERS}/></a>"
TOO_MUCH = {
    "attributes": f"<a {_attributes(300_000)}/>",
    "attributes of several elements": f"<a>{f'<b {_attributes(1001)}/>' * 3}</a>",
    "attributes behind a slip": f"<a>&none;<b {_attributes(300_000)}/></a>",
    "namespaces": f"<a {_NAMESPACES}>{'<b/>' * 100_000}</a>",
    "namespaces over several levels": _NESTED,
    "elements": f"<a>{''.join(f'<b{number}/>' for number in range(300_000))}</a>",
    "elements without end": "<a>" * 1_000_000,
    "comments": f"<a>{'<!---->' * 300_000}</a>",
    "levels": "<a>" * 300 + "</a>" * 300,
    "name": f"<{'a' * 60_000}/>",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("document", TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_is_read_is_told_apart_from_what_is_not_well_formed(document: str, encoding: str) -> None:
    """Nothing is said against a document that is too much for libxml2, nor does it take more than a second."""
    data = document.encode(encoding)
    began = time.process_time()
    with pytest.raises(TooMuchXmlError):
        parse(data[:LARGEST])
    assert time.process_time() - began < 3


ENOUGH = {
    "attributes": f"<a {_attributes(900)}/>",
    "attributes in all": "<a>" + '<b c="1" d="2"/>' * 50_000 + "</a>",
    "declarations in all": "<a>" + '<b xmlns:c="u:c" xmlns:d="u:d"/>' * 20_000 + "</a>",
    "elements": f"<a>{'<b></b>' * 100_000}</a>",
    "equals signs": f"<a>{'=' * 1_000_000}</a>",
    "levels": "<a>" * 250 + "</a>" * 250,
}


@pytest.mark.parametrize("document", ENOUGH.values(), ids=ENOUGH)
def test_long_document_is_read(document: str) -> None:
    """What a service may well send is far below each limit, and is read in a moment."""
    began = time.process_time()
    assert local(parse(document.encode())) == "a"
    assert time.process_time() - began < 3


def test_what_the_parser_says_is_short() -> None:
    """A document of which the parser quotes a name is not repeated whole."""
    with pytest.raises(XmlError) as caught:
        parse(f"<{'a' * 40_000}><b></{'a' * 40_000}>".encode())
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"   ", id="white space"),
        pytest.param(b"text", id="text"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b"<a>", id="no end"),
        pytest.param(b"<a/><a/>", id="two roots"),
        pytest.param(b"<a></b>", id="another end"),
        pytest.param(b"<x:a/>", id="prefix without namespace"),
        pytest.param(b"<a>\0</a>", id="NUL"),
        pytest.param(b"<a>\xe9</a>", id="Latin-1 taken for UTF-8"),
        pytest.param(b"<a>&unknown;</a>", id="unknown entity"),
        pytest.param(b'<a b="1" b="2"/>', id="attribute twice"),
        pytest.param(b'\n<?xml version="1.0"?><a/>', id="declaration too late"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-16"?><a/>', id="encoding that is not so"),
        pytest.param(b'<?xml version="1.0" encoding="made-up"?><a/>', id="unknown encoding"),
    ],
)
def test_what_is_not_well_formed_is_said_so(document: bytes) -> None:
    """Whatever is wrong, the caller gets the same exception, with a reason."""
    with pytest.raises(XmlError, match=r"^not well-formed XML: ."):
        parse(document)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_usual_encodings_are_read(codec: str) -> None:
    """A document that says how it is encoded is read, with its accents."""
    name = codec.removesuffix("-sig")
    assert text(parse(f"<?xml version='1.0' encoding='{name}'?><a>Zoë</a>".encode(codec))) == "Zoë"


def test_character_references_are_characters() -> None:
    """The five entities of XML itself and numbers of characters need no DTD."""
    assert text(parse(b"<a>&lt;&gt;&amp;&apos;&quot;&#xEB;&#128512;</a>")) == "<>&'\"ë😀"


# The very bytes of an element

SPACE = "urn:wanted"
ELEMENTS = {
    "plain": '<p:Wanted xmlns:p="urn:wanted">text</p:Wanted>',
    "no prefix": '<Wanted xmlns="urn:wanted"><a/></Wanted>',
    "single quotes": "<p:Wanted xmlns:p='urn:wanted' a='\"'>x</p:Wanted>",
    "angle in an attribute": '<p:Wanted a="&lt;>" b=\'/>\' xmlns:p="urn:wanted">x</p:Wanted>',
    "end tag in an attribute": '<p:Wanted xmlns:p="urn:wanted" a="&lt;/p:Wanted>">x</p:Wanted>',
    "white space in tags": "<p:Wanted\n\t xmlns:p = 'urn:wanted'  ><p:a ></p:a ></p:Wanted\n >",
    "nested same name": '<p:Wanted xmlns:p="urn:wanted"><p:Wanted>a</p:Wanted><p:Wanted/>b</p:Wanted>',
    "empty": '<p:Wanted xmlns:p="urn:wanted"/>',
    "empty with angle": "<p:Wanted xmlns:p='urn:wanted' a='>' b=\">/\"  />",
    "empty by two tags": '<p:Wanted xmlns:p="urn:wanted"></p:Wanted>',
    "ends like an empty one": '<p:Wanted xmlns:p="urn:wanted">/></p:Wanted>',
    "comment": '<p:Wanted xmlns:p="urn:wanted"><!-- </p:Wanted> <p:Wanted> --></p:Wanted>',
    "CDATA": '<p:Wanted xmlns:p="urn:wanted"><![CDATA[</p:Wanted>]]></p:Wanted>',
    "instruction": '<p:Wanted xmlns:p="urn:wanted"><?p </p:Wanted>?></p:Wanted>',
    "accents": '<p:Wanted xmlns:p="urn:wanted" a="é">Zoë 😀 &#233;</p:Wanted>',
    "line ends": '<p:Wanted xmlns:p="urn:wanted">\r\n\ta\r</p:Wanted>',
}
AROUND: dict[str, tuple[str, str]] = {
    "alone": ("", ""),
    "declaration": ("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- é -->\n", "\n<?p i?>\n"),
    "byte order mark": ("\ufeff", ""),
    "mark and declaration": ('\ufeff<?xml version="1.0"?>', "\n\n"),
    "child": ("<r>é<Wanted/>", "</r>"),
    "child right before the end": ("<r><a><b/>", "</a></r>"),
    "child of an instruction": ("<r><?p <Wanted>?>", "<p:Wanted xmlns:p='urn:wanted'>second</p:Wanted></r>"),
}


@pytest.mark.parametrize("element", ELEMENTS.values(), ids=ELEMENTS)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_element_is_cut_out_byte_for_byte(element: str, around: tuple[str, str]) -> None:
    """However an element is written, and wherever it stands, its own bytes come out and no others."""
    before, after = around
    assert slice_element((before + element + after).encode(), "Wanted", SPACE) == element.encode()


def test_outer_of_two_of_a_name_is_found_with_namespaces_declared_above() -> None:
    """Prefixes count by what they stand for; the bytes may need declarations that stand above them."""
    document = b'<r xmlns:p="urn:wanted" xmlns:q="urn:other"><q:Wanted/><p:Wanted><p:Wanted/></p:Wanted></r>'
    assert slice_element(document, "Wanted", SPACE) == b"<p:Wanted><p:Wanted/></p:Wanted>"


def test_element_without_namespace_is_found() -> None:
    """An empty namespace asks for an element that is in none."""
    assert slice_element(b'<r xmlns="urn:wanted"><a/><a xmlns="">x</a></r>', "a", "") == b'<a xmlns="">x</a>'


@pytest.mark.parametrize(
    "document",
    [b"<Wanted/>", b'<Wanted xmlns="urn:other"/>', b'<wanted xmlns="urn:wanted"/>', b"<!-- Wanted --><r>Wanted</r>"],
)
def test_absent_element_is_none(document: bytes) -> None:
    """Another namespace, another case of letters, or a mere word are not the element."""
    assert slice_element(document, "Wanted", SPACE) is None


@pytest.mark.parametrize("document", [b"", b"<a>", b"<!DOCTYPE a><a/>", b'<?xml version="1.0" encoding="gbk"?><a/>'])
def test_nothing_is_cut_out_of_what_is_not_read(document: bytes) -> None:
    """What cannot be read raises the same exception as elsewhere."""
    with pytest.raises(XmlError):
        slice_element(document, "a", "")


# Trees

TREE = parse(
    b"""<?before?><!-- before --><r xmlns="urn:r" xmlns:q="urn:q"> a<!-- not -->b<?not this?>
    <q:c>d<![CDATA[<e>]]></q:c><!-- <q:c/> --><c xmlns=""/>f
</r><!-- behind -->"""
)


def test_text_is_character_data_only() -> None:
    """Comments and processing instructions are no text and do not cut it; what stands around it is white space."""
    assert " ".join(text(TREE).split()) == "ab d<e>f"
    assert text(TREE) == text(TREE).strip()
    assert text(parse(b"<a> <!-- only --> </a>")) == ""


def test_children_are_elements_only() -> None:
    """Comments and processing instructions are no children."""
    assert [(namespace(child), local(child)) for child in children(TREE)] == [("urn:q", "c"), ("", "c")]


def test_comment_has_neither_name_nor_namespace() -> None:
    """A comment between elements is passed over without harm."""
    comment = next(TREE.iterchildren(etree.Comment))
    assert (local(comment), namespace(comment)) == ("", "")


def test_path_is_of_local_names() -> None:
    """A place is said without prefixes."""
    assert [path(child) for child in children(TREE)] == ["/r/c", "/r/c"]
    assert path(TREE) == "/r"


def test_descendants_are_found_whatever_their_namespace() -> None:
    """A local name leads to elements at any depth, in document order."""
    root = parse(b'<a><b x="1"><c><b x="2" xmlns="urn:b"/></c></b><!--<b/>--><b x="3"/></a>')
    assert [found.get("x") for found in below(root, "b")] == ["1", "2", "3"]


@pytest.mark.parametrize("form", [serialise, canonical], ids=["serialised", "canonical"])
def test_element_is_written_without_what_follows(form: Callable[[etree._Element], bytes]) -> None:
    """Neither declaration nor tail is written; what is written can be read again."""
    root = parse("<r><a b='1'>Zoë &amp; co\r</a>tail</r>".encode())
    written = form(children(root)[0])
    assert written == '<a b="1">Zoë &amp; co\n</a>'.encode()
    assert text(parse(written)) == "Zoë & co"


def test_canonical_form_has_no_comments_and_only_used_namespaces() -> None:
    """Two ways of writing the same element come out alike."""
    one = parse(b"<r xmlns:u='urn:unused' xmlns:p='urn:p'><p:a  c='2' b='1'><!-- x --></p:a></r>")
    other = parse(b'<p:a xmlns:p="urn:p" b="1" c="2"/>')
    assert canonical(children(one)[0]) == canonical(other)


@pytest.mark.parametrize(
    "document",
    [
        b'<a:r xmlns:a="urn:a" xmlns:b="urn:b" b:x="1" y="2"><b:c/><d>t</d>tail<a:e/></a:r>',
        b'<r xmlns="urn:a"><d xmlns="">&lt;&amp;&#13; <e xmlns="urn:b" z="&quot;&#10;\'"/></d></r>',
        b'<a:r xmlns:a="urn:a" xml:lang="nl"><!-- not kept --><a:c a:y=""/></a:r>',
    ],
)
def test_element_without_prefixes_is_the_same_element(document: bytes) -> None:
    """Names, attributes and texts are what they were, and no element has a prefix."""
    before = parse(document)
    written = without_prefixes(before)
    after = parse(written)
    assert [one.prefix for one in after.iter(etree.Element)] == [None] * len(list(before.iter(etree.Element)))
    read = [
        [
            (one.tag, dict(one.attrib), one.text or "", (one.tail or "") if one is not root else "")
            for one in root.iter(etree.Element)
        ]
        for root in (before, after)
    ]
    assert read[0] == read[1]
