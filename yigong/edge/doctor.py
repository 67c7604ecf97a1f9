"""A node looks at itself: each line says whether it is well, and what to do if not."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yigong.edge import identity, keys
from yigong.edge.buffer import FILE, Buffer
from yigong.edge.client import body_of
from yigong.edge.configuration import Configuration, Limits, read_document
from yigong.edge.extract.api import open_source
from yigong.edge.node import is_running
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at."""

    is_well: bool
    zh: str
    en: str
    is_revoked: bool = False


def look(folder: Path, *, timeout: float = 10.0) -> list[Line]:
    """Everything that can be looked at from here; a fault in one thing does not hide the others."""
    found = [_line(lambda: _key(folder))]
    try:
        identity.load(folder)
    except (Refused, Fault):
        return found  # nothing is laid into a folder that is no node's
    try:
        buffer = Buffer(folder)
        stored = buffer.configuration()
        orders = read_document(stored[1]) if stored else None
    except (Refused, Fault) as error:
        return [*found, Line(False, *said_of(error.code, error.facts))]
    except sqlite3.Error as error:
        return [*found, Line(False, *said_of("edge.buffer_broken", {"path": folder / FILE, "reason": error}))]
    found += [
        _line(lambda: _process(folder)),
        _line(lambda: _buffer(buffer)),
        _line(lambda: _disk(folder, orders)),
        _line(lambda: _centre(folder, timeout)),
        _line(lambda: _orders(buffer, orders)),
    ]
    found += [_line(lambda f=f: _source(f.title, dict(f.source))) for f in (orders.feeds if orders else ()) if f.active]  # type: ignore[misc]
    return found


def _line(look_at: Callable[[], Line]) -> Line:
    try:
        return look_at()
    except (Refused, Fault) as error:
        return Line(False, *said_of(error.code, error.facts), is_revoked=error.code == "edge.revoked")
    except Exception as error:  # a driver's own kinds
        return Line(False, f"检查失败：{type(error).__name__}", f"could not look: {type(error).__name__}")


def _key(folder: Path) -> Line:
    who = identity.load(folder)
    keys.load_key(folder / keys.KEY)
    return Line(True, f"密钥和身份：{who.node} {who.name}", f"key and identity: {who.node}")


def _process(folder: Path) -> Line:
    if is_running(folder):
        return Line(True, "节点进程在运行", "the node's process is running")
    return Line(
        False, "节点进程没有运行：执行 run，或 systemctl start yigong-edge", "no process works as this node: run, or systemctl start yigong-edge"
    )  # fmt: skip


def _orders(buffer: Buffer, orders: Configuration | None) -> Line:
    """The orders in force, and those that could not be followed."""
    refused = json.loads(buffer.fact("configuration_refused") or "{}")
    if refused.get("version"):
        return Line(False, *said_of(str(refused["code"]), dict(refused.get("facts") or {})))
    if orders is None:
        return Line(False, *said_of("edge.no_configuration", {}))
    feeds = sum(f.active for f in orders.feeds)
    return Line(True, f"配置第 {orders.version} 版，{feeds} 个任务", f"orders {orders.version}, {feeds} feeds")


def _buffer(buffer: Buffer) -> Line:
    said, queue = buffer.check(), buffer.queue()
    if said != "ok":
        return Line(False, *said_of("edge.buffer_broken", {"path": buffer.folder / FILE, "reason": said[:100]}))
    held = next((w[3] for w in buffer.waiting().values() if w[3]), "")
    zh, en = said_of(held, {}) if held else ("", "")
    return Line(
        not held, f"缓存完好，待传 {queue.rows} 行 {zh}".rstrip(), f"the buffer is whole, {queue.rows} rows wait {en}".rstrip()
    )  # fmt: skip


def _disk(folder: Path, orders: Configuration | None) -> Line:
    limit = (orders.limits if orders else Limits()).free_mb
    free = shutil.disk_usage(folder).free // 1024 // 1024
    if free < limit:
        return Line(False, *said_of("edge.disk_low", {"free_mb": free, "limit_mb": limit}))
    return Line(True, f"磁盘剩余 {free} MB（下限 {limit}）", f"{free} MB of the disk are free (at least {limit})")


def _centre(folder: Path, timeout: float) -> Line:
    who = identity.load(folder)
    centre = identity.client(folder, who, timeout=timeout)
    try:
        centre.call("POST", "time", body_of({}))
        drift = centre.drift.drift_ms
    finally:
        centre.close()
    if abs(drift) >= Limits().drift_seconds * 1000:
        return Line(False, *said_of("log.clock", {"seconds": drift // 1000}))
    return Line(True, f"中心应答，本机时钟相差 {drift} 毫秒", f"the centre answers, this clock differs by {drift} ms")


def _source(title: str, config: dict[str, object]) -> Line:
    with open_source(config) as source:
        rows = source.sample(1).height
    return Line(True, f"数据源 {title} 可读（{rows} 行样本）", f"source {title} can be read ({rows} row)")
