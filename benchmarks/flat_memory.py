"""Whether memory stays flat as rows grow: the exchange and the rules over stored rows, each size in a process of its own.

``SIZES=1000000,10000000 .venv/bin/python -m benchmarks.flat_memory`` (about a minute for each million rows). Prints the peak resident memory of each part at each
size, and how many bytes more each further row takes between the smallest and the largest. Made-up rows only.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = [int(n) for n in os.environ.get("SIZES", "250000,1000000").split(",")]
PARTS = ("exchange", "quality")


def main() -> None:
    """Each part at each size; the last line is JSON."""
    peaks: dict[str, dict[int, float]] = {part: {} for part in PARTS}
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.flat_memory", str(size)], check=True, capture_output=True, text=True
        )
        for part, (peak, seconds) in json.loads(done.stdout.splitlines()[-1]).items():
            peaks[part][size] = peak
            print(f"{part:10} {size:>10,} rows  peak {peak:7,.0f} MB  {seconds:7.1f} s", flush=True)
    print(f"again: SIZES={','.join(map(str, SIZES))} .venv/bin/python -m benchmarks.flat_memory")
    ends = min(SIZES), max(SIZES)
    slope = {p: round((v[ends[1]] - v[ends[0]]) * 1e6 / max(1, ends[1] - ends[0]), 1) for p, v in peaks.items()}
    print(json.dumps({"name": "flat_memory", "ratios": {}, "figures": {"peak_mb": peaks, "bytes_per_row": slope}}))


def _one(size: int) -> None:
    """One size: loaded in a child that ends, then judged in another, so that each peak is its own."""
    from yigong.portal import postgres
    from yigong.portal.env import use_database

    postgres.ensure()
    url = postgres.create_database("yigong_flat_memory")
    use_database(url)
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "lis.csv"
            found = {part: _forked(part, url, file, size) for part in ("rows", *PARTS)}
    finally:
        _drop(url)
    print(json.dumps({part: found[part] for part in PARTS}))


def _forked(part: str, url: str, file: Path, size: int) -> tuple[float, float]:
    env = {**os.environ, "DATABASE_URL": url}
    command = [sys.executable, "-m", "benchmarks.flat_memory", part, str(file), str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    peak, seconds = json.loads(done.stdout.splitlines()[-1])
    return peak, seconds


def _part(part: str, file: Path, size: int) -> None:
    from benchmarks import bench_exchange as bench
    from yigong.portal.cli import setup

    setup()
    started = time.perf_counter()
    if part == "rows":
        bench._prepare(os.environ["DATABASE_URL"])
        bench._results(size).write_csv(file)
    elif part == "exchange":
        _seconds, job = bench._ours(file)
        assert job.inserted == size, job
    else:
        _judged(size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([peak, time.perf_counter() - started]))


def _judged(size: int) -> None:
    from yigong.kit.ctx import system
    from yigong.quality import api as quality

    record: Any = quality.run(system(), data_sets=["laboratory_test_record"])
    assert record.rows == size, record.rows


def _drop(url: str) -> None:
    import psycopg

    with psycopg.connect(url.replace("yigong_flat_memory", "postgres"), autocommit=True) as db:
        db.execute('drop database if exists "yigong_flat_memory" with (force)')


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _one(int(sys.argv[1]))
    elif len(sys.argv) == 4:
        _part(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
