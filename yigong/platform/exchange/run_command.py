"""The command ``yigong exchange``: run feeds, list them."""

from __future__ import annotations

import argparse
import sys

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.exchange import selectors, services
from yigong.platform.exchange.models import FeedState, Job
from yigong.platform.exchange.sentences import sentence


def main(arguments: list[str]) -> int:
    """``yigong exchange list`` and ``yigong exchange run [FEED …] [--all] [--processes 2]``."""
    parser = argparse.ArgumentParser(prog="yigong exchange", description="数据采集交换 / data exchange")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="列出任务 / list the feeds")
    running = verbs.add_parser("run", help="运行任务 / run feeds")
    running.add_argument("feeds", nargs="*", metavar="FEED")
    running.add_argument("--all", action="store_true", help="全部在用任务 / all active feeds")
    running.add_argument("--processes", type=int, default=1, choices=(1, 2), help="同时运行的进程数 / at a time")
    options = parser.parse_args(arguments)
    return _list() if options.verb == "list" else _run(options)


def _list() -> int:
    jobs = Job.objects.in_bulk([f.last_job_id for f in selectors.feeds(system()) if f.last_job_id])  # type: ignore[attr-defined]
    for feed in selectors.feeds(system()):
        job = jobs.get(feed.last_job_id)  # type: ignore[attr-defined]
        counted = f"读取 {job.read} 入库 {job.loaded} 拒收 {job.rejected}" if job else "—"
        print(f"{feed.state:10} {feed.org_code:10} {feed.name}  {feed.reader} {feed.data_set}  {counted}")
    return 0


def _run(options: argparse.Namespace) -> int:
    names = options.feeds or [f.name for f in selectors.feeds(system()) if options.all and f.active]
    if not names:
        print("没有指定任务；用 --all 运行全部 / name feeds, or say --all", file=sys.stderr)
        return 2
    if len(names) > 1 and options.processes > 1:
        return 1 if services.run_many(names, processes=options.processes) else 0
    return max(_one(name) for name in names)


def _one(name: str) -> int:
    try:
        job = services.run(system(), name)
    except Refused as refused:
        print(" / ".join(sentence(refused.code, refused.facts)), file=sys.stderr)
        return 2
    balance = "账平" if job.balances else "账不平"
    print(
        f"{name}: {job.get_state_display()} 读取 {job.read} = 过滤 {job.filtered} + 拒收 {job.rejected} + 入库 {job.loaded}"
        f"（新增 {job.inserted} 更新 {job.updated} 未变 {job.unchanged}）{balance}"
    )
    if job.error:
        print(job.error["zh"], job.error["en"], sep="\n", file=sys.stderr)
    return 1 if job.state == FeedState.FAILED else 0
