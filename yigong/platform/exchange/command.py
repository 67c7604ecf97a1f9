"""The commands ``yigong ingest`` and ``yigong exchange``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from django.db import DatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from yigong.kit.ctx import system
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange.ingest import KINDS, FileReport, Report, Why
from yigong.platform.exchange.ingest import ingest as take_in
from yigong.platform.exchange.sentences import sentence
from yigong.platform.exchange.terminal import add_language, english

STATES = {
    "loaded": ("已入库", "loaded", "green"),
    "partly": ("部分入库", "partly loaded", "yellow"),
    "kept": ("原件已保存", "original kept", "cyan"),
    "waiting": ("隔离待处理", "in quarantine", "yellow"),
    "not_read": ("未读取", "not read", "red"),
    "unfinished": ("未完成", "unfinished", "red"),
    "pending": ("未完成", "unfinished", "red"),
}
WORDS: dict[str, tuple[Any, Any]] = {
    "title": ("采集结果", "Ingest"),
    "columns": (("文件", "类型", "文档", "结果", "入库", "未入库"), ("File", "Kind", "Document", "Result", "Loaded", "Not loaded")),
    "why": ("未入库的原因", "Why not loaded"),
    "findings": ("已入库内容中的问题", "Findings in what was loaded"),
    "sum": (
        "共 {files} 个文件：{complete} 个全部入库，{kept} 个保存原件，{rest} 个有未入库内容；入库 {loaded} 行（新增 {inserted}、更新 {updated}、未变 {unchanged}），撤回 {deleted} 行，隔离 {rejected} 行。",
        "{files} files: {complete} loaded in full, {kept} kept as originals, {rest} with something not loaded; {loaded} rows loaded ({inserted} new, {updated} changed, {unchanged} as before), {deleted} withdrawn, {rejected} in quarantine.",
    ),
}  # fmt: skip
SHOWN = 400  # lines of the table on a screen; the JSON report has all


def ingest(arguments: list[str]) -> int:
    """Take in files and folders; 0 when every file was handled, 1 when something ended the run, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    language = 1 if english(options.lang) else 0
    console = Console(width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "160")), highlight=False)
    try:
        with _bar(language) as step:
            report = take_in(system(), options.paths, org_code=options.org, mapping=options.mapping, progress=step)
    except (Refused, Fault) as error:
        console.print(sentence(error.code, error.facts)[language], style="red", markup=False)
        return 2
    except DatabaseError:
        console.print(sentence("exchange.database_away", {})[language], style="red", markup=False)
        return 1
    except OSError as error:
        console.print(f"{error.filename or ''}: {error.strerror or error}", style="red", markup=False)
        return 2
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1, default=str), "utf-8")
    _show(console, report, language)
    return 0 if report.complete else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong ingest", description="采集文件和文件夹 / take in files and folders")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="文件或文件夹 / file or folder")
    parser.add_argument(
        "--org", metavar="CODE", help="来源机构代码，缺省取自文档 / institution, else as the document says"
    )
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="表格的映射文件 / mapping of tables")
    parser.add_argument("--json", type=Path, metavar="FILE", help="把结果写成 JSON / write the report as JSON")
    add_language(parser)
    return parser


class _bar:  # noqa: N801 - used as a word of the with statement
    """A progress bar on the error stream, silent where nobody looks."""

    def __init__(self, language: int) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[file]}"),
        )
        self.progress = Progress(
            *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        )
        self.task = self.progress.add_task(("采集", "Reading")[language], total=None, file="")

    def __enter__(self) -> _bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def __call__(self, done: int, count: int, name: str) -> None:
        self.progress.update(self.task, completed=done, total=count, file=Path(name).name)


def _show(console: Console, report: Report, language: int) -> None:
    table = Table(title=WORDS["title"][language], title_justify="left")
    for number, name in enumerate(WORDS["columns"][language]):
        table.add_column(name, justify="right" if number >= 4 else "left", overflow="fold")
    for file in report.files[:SHOWN]:
        table.add_row(*_line(file, language), style=STATES[file.state][2] if file.state != "loaded" else None)
    console.print(table)
    for file in report.files:
        _explain(console, file, language)
    console.print(_sum(report, language), markup=False)
    if report.trouble:
        console.print((report.trouble.zh, report.trouble.en)[language], style="red", markup=False)


def _line(file: FileReport, language: int) -> tuple[str, ...]:
    kept = f"+{file.documents}" if file.documents else ""
    return (
        file.path,
        KINDS.get(file.kind, KINDS["none"])[language],
        file.title,
        STATES[file.state][language],
        f"{file.loaded}{kept}",
        str(file.waiting or (1 if file.state == "not_read" else 0)),
    )


def _explain(console: Console, file: FileReport, language: int) -> None:
    """The reasons and findings of one file, equal ones once with their number."""
    counted: dict[tuple[str, str], list[Why]] = {}
    for why in file.reasons:
        counted.setdefault((why.rule, (why.zh, why.en)[language]), []).append(why)
    for (rule, words), all_of_it in counted.items():
        times = f" ×{len(all_of_it)}" if len(all_of_it) > 1 else ""
        console.print(f"✗ {all_of_it[0].place} · {rule} · {words}{times}", style="yellow", markup=False)
    told = [f for f in file.findings if f.get("severity") in ("warning", "error") or f["rule"] == "hl7_type_unused"]
    for found in told[:5]:
        where = f" · {found['xpath']} ({found['line']})" if found.get("xpath") else f" · {found.get('field', '')}"
        console.print(
            f"  ! {file.path} · {found['rule']} · {found[('zh', 'en')[language]]}{where}", style="dim", markup=False
        )
    if len(told) > 5:
        console.print(f"  ! {file.path} · +{len(told) - 5}", style="dim", markup=False)


def _sum(report: Report, language: int) -> str:
    states = [f.state for f in report.files]
    totals = report.totals
    return WORDS["sum"][language].format(
        files=len(states),
        complete=states.count("loaded"),
        kept=states.count("kept"),
        rest=len(states) - states.count("loaded") - states.count("kept"),
        loaded=totals.loaded,
        inserted=totals.inserted,
        updated=totals.updated,
        unchanged=totals.unchanged,
        deleted=totals.deleted,
        rejected=totals.rejected,
    )
