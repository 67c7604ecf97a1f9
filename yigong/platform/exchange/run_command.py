"""The command ``yigong exchange``: run feeds, list them."""

from __future__ import annotations

import argparse
import sys

from django.utils import translation

from yigong.edge.extract.api import open_source
from yigong.kit.ctx import system
from yigong.kit.errors import Fault, Refused
from yigong.kit.said import Said
from yigong.platform.exchange import running, selectors, services, worker
from yigong.platform.exchange.models import FeedState, Job
from yigong.platform.exchange.sentences import sentence
from yigong.platform.exchange.terminal import add_language, english


def main(arguments: list[str]) -> int:
    """``yigong exchange list`` and ``yigong exchange run [FEED …] [--all] [--processes 2]``."""
    parser = argparse.ArgumentParser(prog="yigong exchange", description="数据采集交换 / data exchange")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="列出任务 / list the feeds")
    runs = verbs.add_parser("run", help="运行任务 / run feeds")
    runs.add_argument("feeds", nargs="*", metavar="FEED")
    runs.add_argument("--all", action="store_true", help="全部在用任务 / all active feeds")
    runs.add_argument("--processes", type=int, default=1, choices=(1, 2), help="同时运行的进程数 / at a time")
    runs.add_argument("--from", dest="start", help="按时间列重采：起（含） / read a range again: from")
    runs.add_argument("--to", dest="end", help="止（不含） / to, excluded")
    runs.add_argument("--whole", action="store_true", help="从头整体重读 / read the whole from the beginning")
    runs.add_argument(
        "--buffered", type=int, metavar="JOB", help="用某次运行的缓冲重新处理 / process a run's buffer again"
    )
    for verb, said in (("prepare", "建立变化捕获 / make change capture"), ("unprepare", "撤除变化捕获 / take it away")):
        changing = verbs.add_parser(verb, help=said)
        changing.add_argument("feed", metavar="FEED")
        changing.add_argument(
            "--yes", action="store_true", help="执行；否则只显示语句 / run it; else the SQL is only shown"
        )
    verbs.add_parser("due", help="运行到期任务，一轮 / run what is due, once")
    add_language(parser)
    options = parser.parse_args(arguments)
    try:
        return _carried(options)
    except (Refused, Fault) as error:
        return _refused(options, error)


def _carried(options: argparse.Namespace) -> int:
    match options.verb:
        case "list":
            return _list(options)
        case "due":
            return worker.until_done(system())
        case "prepare" | "unprepare":
            return _capture(options)
    return _run(options)


def _say(options: argparse.Namespace, words: Said) -> str:
    return words.en if english(options.lang) else words.zh


def _refused(options: argparse.Namespace, error: Refused | Fault) -> int:
    print(_say(options, Said(*sentence(error.code, error.facts))), file=sys.stderr)
    return 2


def _capture(options: argparse.Namespace) -> int:
    """Show the statements that a hospital's administrator must see first; run them only when told so."""
    feed = services.named(options.feed)
    with open_source({**running.config_of(feed), "kind": feed.reader}) as source:
        statements = source.preparation() if options.verb == "prepare" else source.removal()
        print(";\n".join(statements) + ";" if statements else _say(options, NOTHING))
        for said in source.warnings() if options.verb == "prepare" else ():
            print(_say(options, Said(*sentence(*said))), file=sys.stderr)
        if options.yes and statements:
            source.prepare() if options.verb == "prepare" else source.remove()
            print(_say(options, DONE), file=sys.stderr)
    return 0


def _list(options: argparse.Namespace) -> int:
    jobs = Job.objects.in_bulk([f.last_job_id for f in selectors.feeds(system()) if f.last_job_id])  # type: ignore[attr-defined]
    for feed in selectors.feeds(system()):
        job = jobs.get(feed.last_job_id)  # type: ignore[attr-defined]
        counted = _say(options, COUNTED).format(job=job) if job else "—"
        print(f"{feed.state:10} {feed.org_code:10} {feed.name}  {feed.reader} {feed.data_set}  {counted}")
    return 0


def _run(options: argparse.Namespace) -> int:
    names = options.feeds or [f.name for f in selectors.feeds(system()) if options.all and f.active]
    if not names:
        print(_say(options, NO_FEED), file=sys.stderr)
        return 2
    if len(names) > 1 and options.processes > 1:
        return 1 if services.run_many(names, processes=options.processes) else 0
    return max(_one(name, options) for name in names)


def _one(name: str, options: argparse.Namespace) -> int:
    try:
        if options.buffered:
            job = services.run_buffered(system(), options.buffered)
        elif options.start or options.end:
            job = services.run_range(system(), name, options.start or "", options.end or "")
        else:
            job = services.run(system(), services.reread(system(), name) if options.whole else name)
    except Refused as refused:
        return _refused(options, refused)
    with translation.override("en" if english(options.lang) else "zh-hans"):
        state = job.get_state_display()
    even = _say(options, EVEN if job.balances else UNEVEN)
    print(_say(options, TOLD).format(name=name, state=state, job=job, even=even))
    if job.error:
        print(_say(options, Said(job.error["zh"], job.error["en"])), file=sys.stderr)
    return 1 if job.state == FeedState.FAILED else 0


NOTHING, DONE = Said("无需准备", "nothing to prepare"), Said("已执行", "done")
COUNTED = Said(
    "读取 {job.read} 入库 {job.loaded} 拒收 {job.rejected}",
    "read {job.read} loaded {job.loaded} rejected {job.rejected}",
)
NO_FEED = Said("没有指定任务；用 --all 运行全部", "no feed was named; --all runs all of them")
EVEN, UNEVEN = Said("账平", "balances"), Said("账不平", "does not balance")
TOLD = Said(
    "{name}: {state} 读取 {job.read} = 过滤 {job.filtered} + 拒收 {job.rejected} + 入库 {job.loaded}"
    "（新增 {job.inserted} 更新 {job.updated} 未变 {job.unchanged}）+ 撤回 {job.deleted} {even}",
    "{name}: {state} read {job.read} = filtered {job.filtered} + rejected {job.rejected} + loaded {job.loaded}"
    " ({job.inserted} new, {job.updated} changed, {job.unchanged} as before) + withdrawn {job.deleted}; {even}",
)
