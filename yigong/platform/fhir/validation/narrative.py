"""The narrative of a resource: XHTML that shows and does nothing else (FHIR R4, Narrative: txt-1, txt-2). Pure."""

from __future__ import annotations

import re
from html import escape

from lxml import etree

XHTML = "{http://www.w3.org/1999/xhtml}"
#: the basic formatting of HTML 4.0, chapters 7-11 (but section 4 of chapter 9) and 15, with a and img
ELEMENTS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    ]
)
ATTRIBUTES = frozenset(
    [
        "abbr",
        "accesskey",
        "align",
        "alt",
        "axis",
        "bgcolor",
        "border",
        "cellhalign",
        "cellpadding",
        "cellspacing",
        "cellvalign",
        "char",
        "charoff",
        "charset",
        "cite",
        "class",
        "colspan",
        "compact",
        "coords",
        "dir",
        "frame",
        "headers",
        "height",
        "href",
        "hreflang",
        "hspace",
        "id",
        "lang",
        "longdesc",
        "name",
        "nowrap",
        "rel",
        "rev",
        "rowspan",
        "rules",
        "scope",
        "shape",
        "span",
        "src",
        "start",
        "style",
        "summary",
        "tabindex",
        "title",
        "type",
        "valign",
        "value",
        "vspace",
        "width",
    ]
)
_BLOCKS = ("p", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "div", "pre", "dt", "dd", "caption", "hr")
_CONTROLS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML cannot hold
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
#: addresses that a reader's browser would run
_RUNS = re.compile(r"[\x00-\x20]*(javascript|vbscript|data:text)", re.IGNORECASE)

Why = tuple[str, str]


def trouble(text: str) -> Why | None:
    """Why a text is no narrative, in Chinese and English; None when it is one."""
    try:
        root = etree.fromstring(text.encode(), _parser())
    except (etree.XMLSyntaxError, ValueError):
        return "不是格式良好的 XHTML", "it is no well-formed XHTML"
    if getattr(root.getroottree().docinfo, "doctype", ""):
        return "不得含有文档类型声明", "it has a document type"
    if root.tag != f"{XHTML}div":
        return "应为 XHTML 命名空间中的一个 div", "it is no div in the namespace of XHTML"
    shown = False
    for one in root.iter(etree.Element):
        if why := _of(one):
            return why
        image = one.tag == f"{XHTML}img" and one.get("src")
        shown = shown or bool(image or (one.text or "").strip() or (one.tail or "").strip())
    return None if shown else ("没有可显示的内容", "it shows nothing")


def _of(one: etree._Element) -> Why | None:
    tag = str(one.tag)
    if tag.removeprefix(XHTML) not in ELEMENTS or not tag.startswith(XHTML):
        name = tag.rpartition("}")[2][:40]
        return f"不得含有 {name} 元素", f"it has the element {name}"
    for key, value in one.attrib.items():
        name = str(key)
        if name not in ATTRIBUTES and name != _LANGUAGE:
            return f"不得含有 {name[:40]} 属性", f"it has the attribute {name[:40]}"
        if name in ("href", "src") and _RUNS.match(str(value)):
            return f"{name} 不得指向程序", f"its {name} leads to a program"
    return None


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def made(text: str) -> str:
    """A text as a narrative, its lines as paragraphs; empty where there is nothing to show."""
    lines = [escape(line.strip()) for line in _CONTROLS.sub(" ", text).splitlines() if line.strip()]
    return f'<div xmlns="{XHTML[1:-1]}">{"".join(f"<p>{line}</p>" for line in lines)}</div>' if lines else ""


def plain(narrative: str) -> str:
    """The words of a narrative, a line for each of its blocks; nothing where it is none."""
    try:
        root = etree.fromstring(narrative.encode(), _parser())
    except (etree.XMLSyntaxError, ValueError):
        return ""
    for one in root.iter(*(f"{XHTML}{name}" for name in _BLOCKS)):
        one.tail = f"\n{one.tail or ''!s}"
    lines = "".join(str(t) for t in root.itertext()).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())
