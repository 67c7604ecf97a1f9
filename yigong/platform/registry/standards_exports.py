"""Downloads of the standards centre: one table of columns and rows, written as CSV, XLSX, DDL or YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import xlsxwriter
import yaml
from django.utils.translation import gettext as _

from yigong.standards.api import DataSet, Document, ValueSet

COLUMNS = {
    "text": "text",
    "number": "numeric",
    "date": "date",
    "instant": "timestamptz",
    "time": "time",
    "flag": "boolean",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to be downloaded: its name, a line about it, head and rows."""

    name: str
    about: str
    head: list[str]
    rows: list[list[Any]]


def data_set_sheet(d: DataSet) -> Sheet:
    """The fields of a data set."""
    head = [
        _("序号"), _("内部标识符"), _("数据元标识符"), _("名称"), "English", _("列名"), _("类型"), _("格式"), _("值域"), _("表结构版本"), _("来源"), _("确信度"),
    ]  # fmt: skip
    rows = [
        [f.seq, f.inner_id, f.element_id, f.name_zh, f.name_en, f.identifier, f.type, f.format, f.value_set_id, f.since,
         f.sources, f.certainty]
        for f in d.fields
    ]  # fmt: skip
    return Sheet(d.identifier, f"{d.name_zh} {d.standard} {d.key}", head, rows)


def value_set_sheet(v: ValueSet) -> Sheet:
    """The codes of a value set."""
    head = [
        _("代码"),
        _("来源写法"),
        _("名称"),
        "English",
        _("其他写法"),
        _("启用日期"),
        _("停用日期"),
        _("来源"),
        _("确信度"),
    ]
    rows = [
        [c.code, c.as_found, c.name_zh, c.name_en, c.other_wordings, str(c.valid_from or ""), str(c.valid_to or ""), c.sources,
         c.certainty]
        for c in v.codes.values()
    ]  # fmt: skip
    return Sheet(v.id.replace("/", "-").replace(" ", "_"), f"{v.name_zh} {v.standard} {v.oid}", head, rows)


def document_sheet(d: Document) -> Sheet:
    """The places of a shared document."""
    head = [
        _("序号"), _("部位"), _("章节 LOINC"), _("章节"), _("数据元标识符"), _("内部标识符"), _("名称"), "English", "XPath", _("CDA 类型"), _("类型"), _("格式"),
        _("单位"), _("值域"), _("编码系统 OID"), _("约束"), _("条目约束"), _("来源"), _("确信度"),
    ]  # fmt: skip
    rows = [
        [p.seq, p.part, p.section_loinc, p.section_zh, p.element_id, p.inner_id, p.name_zh, p.name_en, p.xpath, p.cda_type,
         p.type, p.format, p.unit, p.value_set_id, p.code_system_oid, p.cardinality, p.group_cardinality, p.sources, p.certainty]
        for p in d.elements
    ]  # fmt: skip
    return Sheet(d.code, f"{d.name_zh} {d.standard} {d.template_oid}", head, rows)


def as_csv(sheet: Sheet) -> bytes:
    """The sheet as CSV that spreadsheet programs open with the right signs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(sheet.head)
    writer.writerows(sheet.rows)
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(sheet: Sheet) -> bytes:
    """The sheet as a workbook; codes stay text so that leading zeros survive."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False}
    ) as book:
        page = book.add_worksheet(sheet.name[:31])
        bold = book.add_format({"bold": True, "bg_color": "#e1f0f2"})
        page.write(0, 0, sheet.about)
        page.write_row(1, 0, sheet.head, bold)
        for at, row in enumerate(sheet.rows, 2):
            page.write_row(at, 0, row)
        page.freeze_panes(2, 0)
        page.autofilter(1, 0, 1 + len(sheet.rows), len(sheet.head) - 1)
        page.autofit()
    return target.getvalue()


def as_ddl(d: DataSet) -> bytes:
    """The data set's own columns as a table of PostgreSQL with comments: what a front-end database of an institution may look like."""
    lines = [f"-- {d.name_zh} {d.standard} {d.key}", f"create table {d.identifier} ("]
    lines += [f"    {f.identifier} {COLUMNS[f.kind]}," for f in d.fields]
    lines[-1] = lines[-1].rstrip(",")
    lines += [");", f"comment on table {d.identifier} is {_quoted(d.name_zh)};"]
    for f in d.fields:
        words = " ".join(filter(None, [f.element_id, f.name_zh, f.format, f.value_set_id]))
        lines.append(f"comment on column {d.identifier}.{f.identifier} is {_quoted(words)};")
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_yaml(d: DataSet) -> bytes:
    """The declaration of the data set."""
    facts = {k: v for k, v in asdict(d).items() if k != "fields" and v != ""}
    skip = ("data_set", "note")
    fields = [{k: v for k, v in asdict(f).items() if k not in skip and v not in ("", None)} for f in d.fields]
    return yaml.safe_dump({**facts, "fields": fields}, allow_unicode=True, sort_keys=False, width=160).encode()


#: form -> (media type, writer of a sheet)
TABLES: dict[str, tuple[str, Callable[[Sheet], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
}
#: form -> (media type, writer of a data set)
DECLARATIONS: dict[str, tuple[str, Callable[[DataSet], bytes]]] = {
    "sql": ("application/sql; charset=utf-8", as_ddl),
    "yaml": ("application/yaml; charset=utf-8", as_yaml),
}
