"""What is not as the standard has it: rule, place, line, and a plain sentence in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from lxml import etree

from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.standards.cda.header import Header
from yigong.standards.cda.names import core
from yigong.standards.cda.places import Kind
from yigong.standards.cda.reading import Read

#: rule -> severity, Chinese, English; {name} is the field's name, {value} what was found
SENTENCES = {
    "xml_encoding_wrong": ("warning", "文件声明的字符编码不对，已按实际编码读取", "The declared character encoding is wrong; the file was read by its real one"),
    "xml_signs_lost": ("error", "部分字符无法识别", "Some characters cannot be read"),
    "xml_signs_forbidden": ("warning", "含有 XML 不允许的控制字符，已略去", "Control characters that XML forbids were left out"),
    "namespace_missing": ("warning", "根元素未使用命名空间 urn:hl7-org:v3", "The root element is not in the namespace urn:hl7-org:v3"),
    "code_padded": ("warning", "文档类型编码“{value}”写法不规范", "The document code “{value}” is not in its standard form"),
    "code_undeclared": ("warning", "文档类型编码“{value}”不在标准目录中：原件已保存，内容不入库", "The document code “{value}” is not in the catalogue: the original is kept, its content is not loaded"),
    "required_missing": ("warning", "缺少必填内容“{name}”", "Required content “{name}” is missing"),
    "date_impossible": ("warning", "“{name}”的日期“{value}”不存在", "“{name}”: there is no such date as “{value}”"),
    "number_unreadable": ("warning", "“{name}”的值“{value}”不是数字", "“{name}”: “{value}” is not a number"),
    "flag_unreadable": ("warning", "“{name}”的值“{value}”不是“是/否”", "“{name}”: “{value}” is neither yes nor no"),
    "code_unknown": ("warning", "“{name}”的代码“{value}”不在值域中", "“{name}”: the code “{value}” is not in its value set"),
    "code_named_only": ("warning", "“{name}”只给出名称，已按名称取代码", "“{name}” gives only a name; the code was taken from it"),
    "value_refused": ("warning", "“{name}”：{value}", "“{name}”: {value}"),
    "type_missing": ("info", "“{name}”未声明数据类型（xsi:type）", "“{name}” declares no data type (xsi:type)"),
    "identity_missing": ("warning", "没有患者身份证件号码", "There is no identity number of the patient"),
    "custodian_missing": ("warning", "没有保管机构代码", "There is no code of the custodian institution"),
    "id_missing": ("warning", "没有文档流水号，以内容指纹代替", "There is no document id; a fingerprint of the content stands in for it"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation, at its place."""

    rule: str
    severity: str
    xpath: str
    line: int
    field: str
    value: str
    zh: str
    en: str

    def as_json(self) -> dict[str, Any]:
        """The finding as it is kept with the document."""
        return asdict(self)


def finding(
    rule: str, node: etree._Element | None = None, *, name: tuple[str, str] = ("", ""), field: str = "", value: str = ""
) -> Finding:
    """The finding of a rule at a node."""
    severity, zh, en = SENTENCES[rule]
    xpath = str(node.getroottree().getpath(node)) if node is not None else "/"
    line: int = (node.sourceline or 0) if node is not None else 0  # type: ignore[assignment]
    value = value[:60]
    return Finding(
        rule,
        severity,
        xpath,
        line,
        field,
        value,
        zh.format(name=name[0], value=value),
        en.format(name=name[1], value=value),
    )


def of_document(root: etree._Element, header: Header, kind: Kind | None, notes: tuple[str, ...]) -> Iterator[Finding]:
    """What the file and its head break."""
    for note in notes:
        yield finding(note)
    code = root.find("code")
    if kind is None:
        yield finding("code_undeclared", code if code is not None else root, value=header.code_given)
    elif header.code != header.code_given:
        yield finding("code_padded", code, value=header.code_given)
    if not header.patient.id_no:
        yield finding("identity_missing", root.find("recordTarget"))
    if not header.org_code:
        yield finding("custodian_missing", root.find("custodian"))
    if not header.document_id:
        yield finding("id_missing", root.find("id"))


def of_values(root: etree._Element, reads: list[Read], kind: Kind | None) -> Iterator[Finding]:
    """Required places that are empty, times that no calendar has, values without a type."""
    for node in root.iter("effectiveTime", "time", "birthTime", "low", "high"):
        text = node.get("value", "")
        if text and not is_blank(text) and _looks_like_time(node) and not _exists(text):
            yield finding("date_impossible", node, name=(_called(node), str(node.tag)), value=text)
    if kind is None:
        return
    said = _said(reads)
    for place in kind.places:
        name = core(place.name_zh)
        if place.required and place.element_id and not name.isascii() and (place.element_id, name) not in said:
            said.add((place.element_id, name))
            parent = _nearest(root, place.xpath)
            yield finding("required_missing", parent, name=(place.name_zh, place.name_en), field=place.element_id)
    for read in reads:
        if read.node.tag == "value" and read.value.kind == "value":
            yield finding("type_missing", read.node, name=(read.label, read.label))


def _said(reads: list[Read]) -> set[tuple[str, str]]:
    """What the document says: data elements with every name they go by."""
    said = set()
    for read in reads:
        names = [read.label, *(p.name_zh for p in read.places), *(f.name_zh for f in read.fields.values())]
        elements = {
            read.element_id,
            *(p.element_id for p in read.places),
            *(f.element_id for f in read.fields.values()),
        }
        said |= {(element, core(name)) for element in elements for name in names}
    return said


def _looks_like_time(node: etree._Element) -> bool:
    """An interval of numbers has low and high too."""
    parent = node.getparent()
    return node.tag not in ("low", "high") or (parent is not None and parent.tag == "effectiveTime")


def _called(node: etree._Element) -> str:
    return {"birthTime": "出生日期", "time": "签名时间"}.get(str(node.tag), "时间")


def _exists(text: str) -> bool:
    try:
        moment(text)
    except NotAMoment:
        return False
    return True


def _nearest(root: etree._Element, xpath: str) -> etree._Element:
    """The deepest element of a simple path's beginning that the document has."""
    here = root
    for step in xpath.split("/")[2:]:
        found = here.find(step.split("[", 1)[0]) if step else None
        if found is None or "[" in step:
            break
        here = found
    return here
