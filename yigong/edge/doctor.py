"""A node looks at itself: each line says whether it is well, and what to do if not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yigong.edge import identity, keys
from yigong.edge.buffer import Buffer
from yigong.edge.client import body_of
from yigong.edge.configuration import Configuration, Limits, read_document
from yigong.edge.extract.api import open_source
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at."""

    is_well: bool
    zh: str
    en: str


def look(folder: Path, *, timeout: float = 10.0) -> list[Line]:
    """Everything that can be looked at from here; a fault in one thing does not hide the others."""
    found = [_line(lambda: _key(folder))]
    try:
        buffer = Buffer(folder)
        stored = buffer.configuration()
        orders = read_document(stored[1]) if stored else None
    except (Refused, Fault, OSError) as error:
        return [*found, Line(False, f"缓存打不开：{error}", f"the buffer does not open: {error}")]
    found += [
        _line(lambda: _buffer(buffer)),
        _line(lambda: _disk(folder, orders)),
        _line(lambda: _centre(folder, timeout)),
    ]
    found += [_line(lambda f=f: _source(f.title, dict(f.source))) for f in (orders.feeds if orders else ()) if f.active]  # type: ignore[misc]
    return found


def _line(look_at: Callable[[], Line]) -> Line:
    try:
        return look_at()
    except (Refused, Fault) as error:
        return Line(False, *said_of(error.code, error.facts))
    except Exception as error:  # a driver's own kinds
        return Line(False, f"检查失败：{type(error).__name__}", f"could not look: {type(error).__name__}")


def _key(folder: Path) -> Line:
    who = identity.load(folder)
    keys.load_key(folder / keys.KEY)
    return Line(True, f"密钥和身份：{who.node} {who.name}", f"key and identity: {who.node}")


def _buffer(buffer: Buffer) -> Line:
    said, queue = buffer.check(), buffer.queue()
    return Line(said == "ok", f"缓存 {said}，待传 {queue.rows} 行", f"buffer {said}, {queue.rows} rows wait")


def _disk(folder: Path, orders: Configuration | None) -> Line:
    limit = (orders.limits if orders else Limits()).free_mb
    free = shutil.disk_usage(folder).free // 1024 // 1024
    return Line(
        free >= limit, f"磁盘剩余 {free} MB（下限 {limit}）", f"{free} MB of the disk are free (at least {limit})"
    )


def _centre(folder: Path, timeout: float) -> Line:
    who = identity.load(folder)
    centre = identity.client(folder, who, timeout=timeout)
    try:
        centre.call("POST", "time", body_of({}))
        drift = centre.drift.drift_ms
    finally:
        centre.close()
    well = abs(drift) < Limits().drift_seconds * 1000
    return Line(well, f"中心应答，本机时钟相差 {drift} 毫秒", f"the centre answers, this clock differs by {drift} ms")


def _source(title: str, config: dict[str, object]) -> Line:
    with open_source(config) as source:
        rows = source.sample(1).height
    return Line(True, f"数据源 {title} 可读（{rows} 行样本）", f"source {title} can be read ({rows} row)")
