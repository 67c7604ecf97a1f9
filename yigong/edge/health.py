"""How a node is: what it tells the centre with each beat, and its user on the screen. No personal data."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from yigong.edge import logbook, ranges
from yigong.edge.buffer import Buffer, FeedState
from yigong.edge.configuration import Configuration

_STARTED = time.monotonic()
ASIDE = 20  # files that are told of with a beat
_PROCESS = secrets.token_hex(8)  # told with each beat, so that the centre knows two machines with one key apart


def facts(
    buffer: Buffer, orders: Configuration | None, *, stop_code: str = "", drift_ms: int | None = None
) -> dict[str, Any]:
    """Everything the centre is told of a node."""
    queue = buffer.queue()
    return {
        "versions": versions(),
        "machine": machine(buffer.folder),
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "uptime_s": int(time.monotonic() - _STARTED),
        "process": _PROCESS,
        "drift_ms": drift_ms,
        "stopped": stop_code,
        "queue": {
            "bundles": queue.bundles, "rows": queue.rows, "bytes": queue.bytes, "eldest_at": queue.eldest_at,
            "limit_bytes": buffer.limit_bytes,
        },
        "configuration": orders.version if orders else 0,
        "configuration_refused": json.loads(buffer.fact("configuration_refused") or "{}"),
        "feeds": feeds(buffer, orders),
        "log": [asdict(line) for line in buffer.lines(logbook.SENT)],
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of this node's programs."""
    found = {"python": platform.python_version()}
    for name in ("yigong-edge", "yigong", "polars"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine(folder: Path) -> dict[str, Any]:
    """Disk, memory and load."""
    disk = shutil.disk_usage(folder)
    return {
        "system": f"{platform.system()} {platform.release()}"[:60], "processor": platform.machine(),
        "disk_free": disk.free, "disk_total": disk.total, "memory": memory_bytes(), "memory_free": _available_bytes(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }  # fmt: skip


def memory_bytes() -> int:
    """Memory that this process holds."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _available_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


def feeds(buffer: Buffer, orders: Configuration | None) -> list[dict[str, Any]]:
    """Each feed: when it was read, how much, what waits, what is wrong."""
    known = {f.name: f for f in buffer.feeds()}
    waiting = buffer.waiting()
    names = [f.name for f in orders.feeds] if orders else []
    return [
        _feed(name, known.get(name), waiting.get(name, (0, 0, "", "")), ranges.told(buffer, name))
        for name in dict.fromkeys([*names, *waiting])
    ]


def _aside(position: dict[str, Any]) -> dict[str, Any]:
    """Files that wait to be mended, as many as a beat may tell: why each, since when."""
    told = list((position.get("aside") or {}).items())[:ASIDE]
    return {name: {k: why[k] for k in ("code", "facts", "at")} for name, why in told}


def _feed(
    name: str, state: FeedState | None, waiting: tuple[int, int, str, str], again: dict[str, Any]
) -> dict[str, Any]:
    bundles, rows, eldest_at, refused = waiting
    return {
        "name": name, "started_at": state.started_at if state else "", "ended_at": state.ended_at if state else "",
        "rows": state.rows if state else 0, "aside": _aside(state.position if state else {}), "again": again, "error": state.error if state else None,
        "waiting": {"bundles": bundles, "rows": rows, "eldest_at": eldest_at, "refused": refused},
    }  # fmt: skip
