"""Files of watched folders that were set aside unread: which they are, why, and what the log of a run says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from yigong.kit.clock import now
from yigong.platform.exchange.models import Feed, Job, LogLine
from yigong.platform.exchange.sentences import sentence


@dataclass(frozen=True, slots=True)
class Aside:
    """A file that waits to be mended: its name, why, since when."""

    name: str
    zh: str
    en: str
    since: datetime


def of(feed: Feed) -> list[Aside]:
    """The files of a feed that are set aside, by name; those of a feed at a node as the node tells."""
    if feed.reader == "edge":
        node = feed.edge.node if hasattr(feed, "edge") else None
        told: Mapping[str, Any] = {}
        for one in (node.facts.get("feeds") or ()) if node is not None else ():
            if one.get("name") == str(feed.pk):
                told = one.get("aside") or {}
        return _listed(told)
    if feed.mode == "incremental":
        return _listed(_held(feed.watermark))
    last = Job.objects.filter(feed=feed, kind="run").order_by("-id").values_list("watermark", flat=True).first()
    return _listed(_held(last or ""))


def _held(watermark: str) -> Mapping[str, Any]:
    found = json.loads(watermark) if watermark.startswith("{") else {}
    return found.get("aside") or {}


def _listed(told: Mapping[str, Any]) -> list[Aside]:
    return [_aside(name, told[name]) for name in sorted(told) if isinstance(told[name], Mapping)]


def _aside(name: str, record: Mapping[str, Any]) -> Aside:
    zh, en = sentence(str(record.get("code", "")), dict(record.get("facts") or {}))
    return Aside(name, zh, en, datetime.fromtimestamp(float(record.get("at") or 0), UTC))


def tell(job: Job) -> int:
    """Write into the log of a run which files it set aside, each once, and which are gone unread; how many it set aside."""
    mark = Job.objects.values_list("watermark", flat=True).get(pk=job.pk)
    if job.kind != "run" or not mark.startswith("{"):
        return 0
    before, after, read = _held(job.since), _held(mark), json.loads(mark).get("files") or {}
    new = [name for name in sorted(after) if _why(before.get(name)) != _why(after[name])]
    gone = [name for name in sorted(before) if name not in after and name not in read]
    lines = [(f"搁置 {a.name}：{a.zh}", f"set aside {a.name}: {a.en}") for a in (_aside(n, after[n]) for n in new)]
    lines += [(f"搁置的文件 {n} 已不在文件夹里，没有读过", f"{n}, which was set aside, is gone from the folder unread") for n in gone]  # fmt: skip
    LogLine.objects.bulk_create(LogLine(job=job, at=now(), level="error", zh=zh, en=en) for zh, en in lines)
    return len(new)


def _why(record: Mapping[str, Any] | None) -> Any:
    return record and (record.get("code"), record.get("facts"))
