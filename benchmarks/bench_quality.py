"""Rules of data quality, Yigong beside pandera and Great Expectations: 30 rules over the same rows of 20 columns.

``make bench-quality`` (``ROWS=1000000``, ``ROUNDS=3``). Each side lists every failing row of every rule; the violations
must be the same rows under the same rules, or the benchmark fails. pandera runs with its Polars backend on the very
frame that we read; Great Expectations with its pandas engine (``GX_ENGINE=sqlite`` for the other one that needs no
server), its frame made before the clock starts, and once only: of
1,000,000 rows it took 27 s of processor time and 1.4 GB on two busy cores (``GX=off`` leaves it out while developing). Rounds
count once the machine code is loaded, which a process does when it has judged two million rows (ADR 27). Made-up rows only. The last line is JSON.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from benchmarks import quality_peers as peers
from benchmarks.quality_rows import RULES, frame

ROWS = int(os.environ.get("ROWS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
Found = Mapping[str, frozenset[int]]


def main() -> None:
    """Measure the three sides in turn and say the best round of each."""
    rows = frame(ROWS)
    print(f"{ROWS:,} rows x {rows.width} columns, {len(RULES)} rules, best of {ROUNDS}")
    sides: dict[str, tuple[Callable[[], Any], Callable[[Any], Found]]] = {
        "yigong": peers.ours(rows),
        "pandera": peers.pandera(rows),
    }
    if os.environ.get("GX") != "off":  # for development only: it takes minutes
        sides["great_expectations"] = peers.great_expectations(rows)
    best, told = {}, {}
    for name, (run, read) in sides.items():
        best[name], told[name] = _measured(name, run, read, 1 if name == "great_expectations" else ROUNDS)
    _same(told)
    seconds = {k: round(v, 3) for k, v in best.items()}
    ratios = {k: round(best[k] / best["yigong"], 2) for k in best if k != "yigong"}
    violations = sum(len(rows) for rows in told["yigong"].values())
    figures = {"rows": ROWS, "columns": rows.width, "rules": len(RULES), "violations": violations, "seconds": seconds}
    print(json.dumps({"name": "quality", "ratios": ratios, "figures": figures}))


def _measured(name: str, run: Callable[[], Any], read: Callable[[Any], Found], rounds: int) -> tuple[float, Found]:
    """The best round of a side, and the rows it found under each rule (not on the clock)."""
    best, result = float("inf"), None
    for _ in range(rounds):
        result = None
        gc.collect()
        started = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - started)
    found = read(result)
    print(f"{name:20} {best:8.3f} s   {sum(map(len, found.values())):,} failing rows listed")
    return best, found


def _same(told: Mapping[str, Found]) -> None:
    """All sides found the same rows under the same rules."""
    ours = told["yigong"]
    assert set(ours) == {r.code for r in RULES}, "a rule found nothing: the rows do not try it"
    for name, found in told.items():
        assert set(found) == set(ours), (name, set(found) ^ set(ours))
        for code, rows in found.items():
            assert rows == ours[code], (name, code, len(rows), len(ours[code]))


if __name__ == "__main__":
    pl.Config.set_tbl_rows(40)
    main()
