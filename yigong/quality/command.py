"""The command ``yigong quality``: run the rules over stored rows, check the files of rules, list the rules."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date, datetime
from datetime import time as clock_time
from pathlib import Path

from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import system
from yigong.standards.quality import api as quality
from yigong.standards.tables import Misdeclared


def main(arguments: list[str]) -> int:
    """``yigong quality run|rules|close|check``."""
    parser = argparse.ArgumentParser(prog="yigong quality", description="数据质量 / data quality")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="对已入库的数据运行规则 / run the rules over stored rows")
    run.add_argument("--data-set", action="append", default=[], metavar="NAME")
    run.add_argument("--org", action="append", default=[], metavar="CODE")
    run.add_argument("--rule", action="append", default=[], metavar="CODE")
    run.add_argument(
        "--since",
        type=date.fromisoformat,
        metavar="DAY",
        help="只看这天以后有新数据的机构 / institutions with newer rows",
    )
    verbs.add_parser("rules", help="列出规则 / list the rules")
    month = verbs.add_parser("close", help="月报封账，数字不再变动 / close a month, its report stands")
    month.add_argument("month", metavar="2026-10", type=lambda text: date.fromisoformat(f"{text}-01"))
    month.add_argument("--reopen", metavar="REASON", help="取消封账，写明原因 / take the closing back, with a reason")
    check = verbs.add_parser("check", help="检查规则文件及其例子 / check files of rules with their cases")
    check.add_argument("files", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    match options.verb:
        case "run":
            return _run(options)
        case "close":
            return _close(options)
        case "check":
            return max(_check(Path(name)) for name in options.files)
    return _list()


def _run(options: argparse.Namespace) -> int:
    from yigong.quality import issues, running

    since = datetime.combine(options.since, clock_time(), COUNTY_ZONE) if options.since else None
    started = time.perf_counter()
    try:
        done = running.run(system(), data_sets=options.data_set, since=since, orgs=options.org, codes=options.rule)
    except KeyError as unknown:
        print(f"没有 {unknown} / there is no {unknown}", file=sys.stderr)
        return 2
    expired = issues.expire_waivers(system())
    seconds = round(time.perf_counter() - started, 1)
    facts = {"run": done.pk, "rule_set": done.rule_set, "rules": done.rules, "rows": done.rows, "failing": done.failing}
    print(json.dumps({**facts, "waivers_expired": expired, "seconds": seconds}, ensure_ascii=False))
    return 0


def _close(options: argparse.Namespace) -> int:
    from yigong.kit.errors import Refused
    from yigong.quality import closing

    try:
        if options.reopen:
            done = {"reopened": closing.reopen(system(), options.month, options.reopen)}
        else:
            done = {"closed": closing.close(system(), options.month)}
    except Refused as refused:
        zh, en = {
            "month_closed": ("已经封账", "is closed already"),
            "month_not_over": ("还没有结束", "is not over yet"),
        }[refused.code]
        print(f"{options.month:%Y-%m} {zh} / {en}", file=sys.stderr)
        return 2
    print(json.dumps(done))
    return 0


def _list() -> int:
    for rule in quality.rules():
        print(
            f"{rule.code}  {rule.dimension.value:13} {rule.severity.value:8} {rule.name.zh}  {', '.join(rule.data_sets)}"
        )
    return 0


def _check(path: Path) -> int:
    """Whether a file of a rule can be used and its cases come out as written."""
    try:
        rule = quality.read(path)
    except (Misdeclared, OSError) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    broken = 0
    for case in rule.cases:
        for data_set in rule.data_sets if not case.data_set else (case.data_set,):
            said = quality.holds(rule, data_set, case.given)
            for at, (wanted, got) in enumerate(zip(case.holds, said, strict=True), start=1):
                if wanted != got:
                    broken = 1
                    print(_otherwise(path, case, data_set, at, wanted, got), file=sys.stderr)
                    break
    if not broken:
        print(f"{path.name}: {len(rule.cases)} 个例子全部相符 / all {len(rule.cases)} cases hold")
    return broken


_HELD = {True: ("合规", "holds"), False: ("不合规", "fails"), None: ("不判", "is not judged")}


def _otherwise(
    path: Path, case: quality.Case, data_set: str, at: int, wanted: bool | None, got: bool | None
) -> str:  # fmt: skip
    """The first row of a case that comes out otherwise than written."""
    zh, en = zip(_HELD[wanted], _HELD[got], strict=True)
    return (
        f"{path.name} 第 {case.line} 行：例子“{case.name.zh}”第 {at} 条（{data_set}）写的是{zh[0]}，规则判为{zh[1]}"
        f" / {path.name} line {case.line}: case {case.name.en!r}, row {at} ({data_set}): written as {en[0]}, the rule says {en[1]}"
    )
