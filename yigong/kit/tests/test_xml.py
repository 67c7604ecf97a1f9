"""XML from outside: what is harmful or broken is refused at once, what is only careless is read."""

from __future__ import annotations

import time

import pytest

from yigong.kit import xml
from yigong.kit.errors import Refused

LOL = "".join(f'<!ENTITY l{i} "{(f"&l{i - 1};" if i else "ha") * 10}">' for i in range(12))
BOMB = f'<?xml version="1.0"?><!DOCTYPE a [{LOL}]><ClinicalDocument t="&l11;">&l11;</ClinicalDocument>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument>&x;</ClinicalDocument>'
REMOTE = '<!-- x -->\n<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><ClinicalDocument/>'


@pytest.mark.feature("A04")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB.encode(), "xml_doctype"),
        (BOMB.encode("utf-16"), "xml_doctype"),
        (EXTERNAL.encode(), "xml_doctype"),
        (REMOTE.encode(), "xml_doctype"),
        (b"<a><b></a>", "xml_broken"),
        (b"<a>&nothing;</a>", "xml_broken"),
        (b"<ClinicalDocument><title>cut of", "xml_broken"),
        (b"<a>" * 50_000 + b"</a>" * 50_000, "xml_broken"),
        (b"no xml at all", "xml_broken"),
        (b" \n", "xml_empty"),
        (b"<a>" + b"x" * xml.LIMIT + b"</a>", "xml_too_large"),
    ],
    ids=["bomb", "bomb16", "external", "remote", "unclosed", "entity", "truncated", "deep", "text", "empty", "large"],
)
def test_what_is_harmful_or_broken_is_refused_quickly(data: bytes, code: str) -> None:
    """Entities, external files, broken, endless and oversized documents are refused, none of them expanded or fetched."""
    started = time.process_time()
    with pytest.raises(Refused) as refusal:
        xml.parse(data)
    assert refusal.value.code == code
    assert time.process_time() - started < 20


def test_a_broken_document_names_its_place() -> None:
    """The refusal names the line and never the file's own words."""
    with pytest.raises(Refused) as refusal:
        xml.parse("<a>\n<b>王秀兰\n</c></a>".encode())
    assert refusal.value.facts["line"] == 3
    assert "王秀兰" not in str(refusal.value.facts)


@pytest.mark.parametrize(
    ("data", "encoding", "notes"),
    [
        ('<?xml version="1.0" encoding="UTF-8"?><a>王秀兰</a>'.encode(), "utf-8", ()),
        ('<?xml version="1.0" encoding="gb2312"?><a>王秀兰</a>'.encode("gb18030"), "gb18030", ()),
        ('<?xml version="1.0" encoding="UTF-8"?><a>王秀兰</a>'.encode("gb18030"), "gb18030", ("xml_encoding_wrong",)),
        ("<a>王秀兰</a>".encode("utf-16"), "utf-16-le", ()),
        ("\ufeff<a>王秀兰</a>".encode(), "utf-8", ()),
        ("<a>王\x0b秀&#x1;兰&#31;</a>".encode(), "utf-8", ("xml_signs_forbidden",)),
    ],
)
def test_careless_documents_are_read(data: bytes, encoding: str, notes: tuple[str, ...]) -> None:
    """Wrong declarations, other encodings and forbidden signs cost a note, not the document."""
    parsed = xml.parse(data)
    assert (parsed.root.text, parsed.encoding, parsed.notes) == ("王秀兰", encoding, notes)


@pytest.mark.parametrize(
    "text",
    [
        '<a xmlns="urn:x"><b xmlns="urn:y"/></a>',
        '<a xmlns="urn:x" t="2>1"><y:b xmlns:y="urn:y"/></a>',
        '<a xmlns:y="urn:y" xmlns="urn:x"><y:b/></a>',
        '<a\n xmlns="urn:x"\n><b/></a>',
        "<a><xml:b/></a>",
    ],
)
def test_every_namespace_is_taken_off(text: str) -> None:
    """Wherever it is declared; and lines keep their number."""
    root = xml.parse(text.encode()).root
    assert [element.tag for element in root.iter()] == ["a", "b"]
    assert root[0].sourceline == text.count("\n") + 1


def test_names_are_bare() -> None:
    """Any prefix or namespace is taken off, so that a path is written one way only."""
    root = xml.parse(b'<v:a xmlns:v="urn:x"><v:b xmlns:i="urn:i" i:type="v:CD"/></v:a>').root
    assert root.tag == "a" and xml.xsi_type(root.find("b")) == "CD"
