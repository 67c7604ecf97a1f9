"""``yigong demo``: builds the county, loads it through the platform's own doors, and says what was loaded and who may log in."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from django.conf import settings
from rich.console import Console

from yigong.demo import arrival, busways, issuing, loading, past_referrals, referrals, report
from yigong.demo.county import county
from yigong.demo.sources import building, feeds
from yigong.demo.state import State
from yigong.kit import ctx as actors
from yigong.kit.clock import today
from yigong.outbox import api as outbox
from yigong.platform.bus import api as bus
from yigong.platform.warehouse import api as warehouse
from yigong.quality import api as quality

RESIDENTS, SEED = 20_000, 20_261_124
OTHER_COUNTY = (
    "本机已装载另一个演示县（{0:,} 位居民，种子 {1}）。要换一个，请先运行 make clean；要用它，请按原参数运行。\n"
    "Another county ({0:,} residents, seed {1}) is loaded here. Run `make clean` first, or start with its numbers."
)
console = Console(highlight=False)


def main(arguments: list[str]) -> int:
    """Run the command; its exit code."""
    options = _options(arguments)
    started = time.monotonic()
    folder = Path(settings.LOCAL) / "demo"
    state = State.read(folder)
    if state.residents and loading.is_loaded() and not state.is_for(options.residents, options.seed):
        console.print(OTHER_COUNTY.format(state.residents, state.seed))
        return 2
    arrival.put_map(Path(settings.COUNTY_MAP))
    bus.gather()
    if not state.residents or not loading.is_loaded():
        state = _load(folder, options.residents, options.seed)
    logins = arrival.make_users(folder)
    report.show(console, logins, serving=not options.once)
    if options.once:
        print(json.dumps(report.line(state, time.monotonic() - started), ensure_ascii=False))
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="yigong demo", description="the demonstration county / 演示县域")
    parser.add_argument(
        "--residents", type=_positive, default=RESIDENTS, help="how many people live in the county / 居民人数"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="the same seed makes the same county / 相同种子生成相同县域"
    )
    parser.add_argument("--once", action="store_true", help="load and end, without serving / 只装载，不启动服务")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number above 0 / 须为正整数")
    return int(text)


def _load(folder: Path, residents: int, seed: int) -> State:
    """Build the sources and carry them through every feed, step by step."""
    actor = actors.system()
    state = State(residents, seed, _day(folder, residents, seed))
    sources = folder / "sources"
    console.print(f"[bold]青禾县（虚构）[/]  {residents:,} 位居民，种子 {seed}，数据截至 {state.day}（不含当日）")
    with _step("登记机构、行政区划与人员"):
        arrival.register_world(actor)
        arrival.make_users(folder)
    with _step("生成居民与两年的诊疗经过"):
        made = county(residents, seed, state.day)
    with _step(f"写入各家机构自己的系统（{made.rows():,} 行）"):
        building.build(made, sources, state.day)
    with _step("采集、转换、校验、归并、入库"):
        state.counts = loading.run_all(actor, feeds.plans(sources), console)
    with _step("投递模块间事件"):
        while outbox.dispatch():
            pass
    with _step("双向转诊病例"):
        if referrals.make(made):
            past_referrals.make(made, residents, seed)
    with _step("服务总线：服务、订阅、路由、编排与近日消息"):
        busways.make(actor, made, sources)
    with _step("签发共享文档"):
        issuing.make(actor)
    with _step("刷新数据仓库"):
        warehouse.refresh()
    with _step("运行数据质量规则"):
        quality.run(actor)
    state.persons = loading.persons()
    state.write(folder)
    return state


def _day(folder: Path, residents: int, seed: int) -> date:
    """The day the county was first built for, so that an interrupted load goes on with the same people."""
    state = State.read(folder)
    return state.day if state.is_for(residents, seed) else today()


@contextmanager
def _step(words: str) -> Iterator[None]:
    started = time.monotonic()
    console.print(f"· {words} …")
    yield
    console.print(f"  [green]✓[/] {time.monotonic() - started:.1f} 秒")
