"""``yigong standards``: look at a standard, check a file against a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from yigong.platform.registry import standards_catalog as catalog
from yigong.standards.api import DataSet, check_batch, load

SHOWN = 50


def main(arguments: list[str]) -> int:
    """Run ``show`` or ``check``; 0 when nothing is wrong, 1 with findings of grade error, 2 when it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="yigong standards", description="国家标准的查看与核查 / look at standards, check files"
    )
    parts = parser.add_subparsers(dest="verb", required=True)
    show = parts.add_parser("show", help="编号、名称或拼音首字母 / number, name or initials")
    show.add_argument("words", nargs="+")
    check = parts.add_parser("check", help="按数据集核查 CSV 或 XLSX / check a file against a data set")
    check.add_argument("file", type=Path)
    check.add_argument("--data-set", required=True, metavar="ID", help="laboratory_test_record, HDSD00.05.01 …")
    check.add_argument("--csv", type=Path, help="结果写入 CSV / write the findings to this file")
    options = parser.parse_args(arguments)
    if options.verb == "show":
        return _show(" ".join(options.words))
    return _check(options.file, options.data_set, options.csv)


# ---- show ----


def _show(words: str) -> int:
    console = Console()
    try:
        console.print(_fields(load().data_set(words)))
        return 0
    except KeyError:
        pass
    if words in load().value_sets:
        console.print(_codes(words))
        return 0
    found = catalog.look(words)
    if not found:
        console.print(f"没有查到“{words}” / nothing found for “{words}”", markup=False)
        return 2
    console.print(_hits(found[:SHOWN]))
    if len(found) > SHOWN:
        console.print(f"共 {len(found)} 项，只列出 {SHOWN} 项 / {SHOWN} of {len(found)}")
    return 0


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _hits(found: list[catalog.Entry]) -> Table:
    table = _table("标准 / standards", "类别 kind", "编号 id", "名称 name", "English", "确信度 certainty")
    for e in found:
        table.add_row(e.kind, e.id, e.name_zh, e.name_en, e.certainty)
    return table


def _fields(d: DataSet) -> Table:
    table = _table(f"{d.key} {d.name_zh} / {d.name_en} · {d.standard}", "列 column", "名称 name", "数据元 element", "类型 type", "值域 value set")  # fmt: skip
    for f in d.fields:
        table.add_row(f.identifier, f.name_zh, f.element_id, f"{f.type} {f.format}", f.value_set_id)
    return table


def _codes(id: str) -> Table:
    v = load().value_sets[id]
    table = _table(
        f"{v.id} {v.name_zh} / {v.name_en} · {v.standard}", "代码 code", "名称 name", "English", "确信度 certainty"
    )
    for c in v.codes.values():
        table.add_row(c.code, c.name_zh, c.name_en, c.certainty)
    return table


# ---- check ----


def read(file: Path, data_set: DataSet) -> pl.DataFrame:
    """The file's rows as text, with columns named by identifier, Chinese name or element turned into identifiers."""
    frame = (
        pl.read_excel(file, infer_schema_length=0) if file.suffix == ".xlsx" else pl.read_csv(file, infer_schema=False)
    )
    known = {name: f.identifier for f in data_set.fields for name in (f.inner_id, f.name_zh, f.identifier) if name}
    wanted = {column: known.get(column.strip(), column) for column in frame.columns}
    taken = list(wanted.values())
    return frame.rename({old: new for old, new in wanted.items() if taken.count(new) == 1})


def _check(file: Path, name: str, target: Path | None) -> int:
    console = Console()
    try:
        data_set = load().data_set(name)
        frame = read(file, data_set)
    except KeyError:
        console.print(
            f"没有数据集“{name}”；用 yigong standards show 查 / no data set {name}; see yigong standards show"
        )
        return 2
    except (OSError, pl.exceptions.PolarsError) as error:
        console.print(f"读不了 {file}：{error} / cannot read {file}", markup=False)
        return 2
    known = {f.identifier for f in data_set.fields}
    strange = [c for c in frame.columns if c not in known]
    findings = check_batch(data_set, frame)
    if target:
        findings.with_columns(pl.col("row") + 2).write_csv(target, include_bom=True)
    _tell(console, findings, frame.height, len(known & set(frame.columns)), strange)
    return int((findings["severity"] == "error").any())


def _tell(console: Console, findings: pl.DataFrame, rows: int, columns: int, strange: list[str]) -> None:
    for found in findings.head(SHOWN).iter_rows(named=True):
        line = found["row"] + 2  # the head is line 1
        console.print(f"第 {line} 行 {found['severity']} {found['rule']}：{found['zh']}", markup=False, highlight=False)
        console.print(f"    line {line}: {found['en']}", markup=False, highlight=False)
    if findings.height > SHOWN:
        console.print(f"… 另有 {findings.height - SHOWN} 条 / {findings.height - SHOWN} more")
    errors = int((findings["severity"] == "error").sum())
    console.print(
        f"{rows} 行，核查 {columns} 列：错误 {errors}，警告 {findings.height - errors} / "
        f"{rows} rows, {columns} columns checked: {errors} errors, {findings.height - errors} warnings"
    )
    if strange:
        words = ", ".join(strange)
        console.print(f"标准里没有的列，未核查：{words} / columns outside the standard, not checked", markup=False)
