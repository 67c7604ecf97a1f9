"""``yigong document``: checks shared documents, writes them from facts, lists their kinds. Needs no database."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from yigong.kit.errors import Refused
from yigong.standards.api import load
from yigong.standards.cda.check import check_document
from yigong.standards.cda.checks import Report
from yigong.standards.cda.loss import carried, losses, placeless
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.write import write_document

COLORS = {"error": "red", "warning": "yellow", "info": "cyan"}
SAID = {
    "zh": {"score": "必填内容", "error": "错误", "warning": "警告", "info": "提示", "line": "行", "what": "问题", "where": "位置", "rule": "规则", "none": "标准事实未给出约束",
           "kind": "类型", "name": "名称", "fields": "数据集字段", "without": "标准没有位置", "unread": "有位置但读不回", "sum": "合计",
           "no_elements": "标准事实没有数据元位置：不能生成，只按文档头和章节校验", "no_sections": "标准事实没有章节", "no_data_set": "没有对应数据集", "no_cardinality": "标准事实没有约束：不判断是否必填"},
    "en": {"score": "required content", "error": "errors", "warning": "warnings", "info": "notes", "line": "line", "what": "finding", "where": "place", "rule": "rule", "none": "the facts give no cardinality",
           "kind": "kind", "name": "name", "fields": "fields", "without": "no place in the standard", "unread": "a place that does not give back", "sum": "all",
           "no_elements": "the facts have no places of elements: not written, judged by head and sections only", "no_sections": "the facts have no sections", "no_data_set": "no data set", "no_cardinality": "the facts have no cardinalities: not judged as required"},
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Runs ``check``, ``write``, ``loss`` or ``kinds``; 1 when a document has errors or a value is lost, 2 for what cannot be read."""
    said = _parser().parse_args(arguments)
    return int(said.act(said))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong document", description="shared documents / 共享文档")
    verbs = parser.add_subparsers(required=True, metavar="check | write | loss | kinds")
    check = verbs.add_parser("check", help="judge documents by the standard / 按标准校验文档")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files or folders of XML / XML 文件或目录")
    check.add_argument("--lang", choices=("zh", "en"), default="zh")
    check.add_argument("--json", type=Path, metavar="OUT", help="write all findings as JSON / 另存全部结果")
    check.set_defaults(act=_check)
    write = verbs.add_parser("write", help="write a document from facts / 由数据生成文档")
    write.add_argument("code", metavar="CODE", help="C0001 … C0053, HSDA00.01, HSDC00.01")
    write.add_argument("--facts", type=Path, required=True, metavar="JSON")
    write.add_argument("--out", type=Path, required=True, metavar="XML")
    write.set_defaults(act=_write)
    loss = verbs.add_parser("loss", help="what a kind of document cannot carry / 文档类型无处存放的内容")
    loss.add_argument("codes", nargs="*", metavar="CODE", help="C0001 …; all without one / 缺省为全部")
    loss.add_argument("--all", action="store_true", help="one table of all kinds with counts / 各类文档汇总表")
    loss.add_argument("--facts", type=Path, metavar="JSON", help="of these facts, for one CODE / 针对一份数据")
    loss.add_argument("--lang", choices=("zh", "en"), default="zh")
    loss.set_defaults(act=_loss)
    kinds = verbs.add_parser("kinds", help="list the kinds of documents / 列出文档类型")
    kinds.add_argument("--lang", choices=("zh", "en"), default="zh")
    kinds.set_defaults(act=_kinds)
    return parser


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.xml")) if path.is_dir() else [path]


def _check(said: argparse.Namespace) -> int:
    console, standards, reports, worst = Console(), load(), {}, 0
    for path in _files(said.files):
        try:
            report = check_document(path.read_bytes(), standards)
        except (Refused, OSError) as error:
            because = error.code if isinstance(error, Refused) else error.strerror
            print(f"{path}: 不能读取 / cannot be read: {because}", file=sys.stderr)
            reports[str(path)], worst = {"unreadable": because}, 2
            continue
        reports[str(path)] = report.as_json()
        worst = max(worst, int(report.count("error") > 0))
        _print(console, path, report, said.lang)
    if said.json:
        said.json.write_text(json.dumps(reports, ensure_ascii=False, indent=1), encoding="utf-8")
    return worst


def _print(console: Console, path: Path, report: Report, lang: str) -> None:
    words = SAID[lang]
    score = f"{report.satisfied}/{report.required}" if report.required else words["none"]
    counts = "  ".join(f"{words[s]} {report.count(s)}" for s in COLORS)
    console.print(
        f"{path.name}  {report.document_code}  {words['score']} {score}  {counts}", markup=False, highlight=False
    )
    table = Table(words["line"], words["rule"], words["what"], words["where"], expand=True)
    for entry in sorted(report.findings, key=lambda f: (list(COLORS).index(f.severity), f.line)):
        color = COLORS[entry.severity]
        sentence = (entry.zh if lang == "zh" else entry.en).replace("[", "\\[")
        table.add_row(str(entry.line), f"[{color}]{entry.rule}[/]", sentence, entry.xpath.replace("[", "\\["))
    console.print(table)


def _write(said: argparse.Namespace) -> int:
    try:
        facts = json.loads(said.facts.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise Refused("cda_facts_wrong", document=said.code)
        said.out.write_bytes(write_document(said.code, facts, load()))
    except (Refused, OSError, ValueError) as error:
        because = error.code if isinstance(error, Refused) else error
        print(f"yigong document: 不能生成 / cannot be written: {because}", file=sys.stderr)
        return 2
    lost = losses(said.code, facts, load())
    for loss in lost:
        print(f"未写入 / not carried: {loss.data_set}[{loss.row}].{loss.field} ({loss.because})", file=sys.stderr)
    return int(bool(lost))


def _loss(said: argparse.Namespace) -> int:
    """The fields of the data sets that a kind's declared places do not give back, or what is lost of given facts."""
    standards = load()
    made = [document.code for document in made_kinds(standards)]
    if unknown := [code for code in said.codes if code not in made]:
        print(
            f"yigong document: 没有这种文档，或标准事实没有其内容 / no such kind, or its elements are not in the facts: {' '.join(unknown)}",
            file=sys.stderr,
        )
        return 2
    codes = said.codes or made
    if said.all:
        return _lost_in_all(codes, said.lang)
    if said.facts and len(codes) != 1:
        print("yigong document: --facts 须指定一个 CODE / --facts needs one CODE", file=sys.stderr)
        return 2
    if said.facts:
        return _lost_of(codes[0], said.facts)
    for code in codes:
        fields = placeless(code, standards)
        name = standards.documents[code].name_zh if said.lang == "zh" else standards.documents[code].name_en
        for data_set, field in fields:
            print(
                code, name, data_set, field.identifier, field.name_zh if said.lang == "zh" else field.name_en, sep="\t"
            )
    return 0


def _lost_in_all(codes: list[str], lang: str) -> int:
    """One line for each kind and one for all: fields, without a place, with one that does not give them back."""
    standards, said = load(), SAID[lang]
    rows = [carried(code, standards) for code in codes]
    print(said["kind"], said["name"], said["fields"], said["without"], said["unread"], sep="\t")
    for row in rows:
        name = row.document.name_zh if lang == "zh" else row.document.name_en
        print(row.document.code, name, row.fields, row.without_place, row.not_given_back, sep="\t")
    fields, lost = sum(r.fields for r in rows), sum(r.without_place + r.not_given_back for r in rows)
    print(
        "",
        said["sum"],
        fields,
        *(sum(getattr(r, part) for r in rows) for part in ("without_place", "not_given_back")),
        f"{lost / fields:.1%}",
        sep="\t",
    )
    return 0


def _lost_of(code: str, path: Path) -> int:
    try:
        lost = losses(code, json.loads(path.read_text(encoding="utf-8")), load())
    except (Refused, OSError, ValueError, AttributeError) as error:
        because = error.code if isinstance(error, Refused) else error
        print(f"yigong document: 不能读取 / cannot be read: {because}", file=sys.stderr)
        return 2
    for loss in lost:
        print(loss.data_set, loss.row, loss.field, loss.value, loss.because, sep="\t")
    return int(bool(lost))


def _kinds(said: argparse.Namespace) -> int:
    """Every kind with its data sets, and what the facts lack of it."""
    words = SAID[said.lang]
    for document in load().documents.values():
        sets = " ".join(d.identifier for d in load().data_sets.values() if d.key in document.data_sets)
        lacks = [] if document.elements else [words["no_elements"]]
        lacks += [] if document.sections else [words["no_sections"]]
        lacks += [] if sets else [words["no_data_set"]]
        if document.elements and not any(place.cardinality for place in document.elements):
            lacks.append(words["no_cardinality"])
        name = document.name_zh if said.lang == "zh" else document.name_en
        print(document.code, name, sets, "；".join(lacks) if said.lang == "zh" else "; ".join(lacks), sep="\t")
    return 0
