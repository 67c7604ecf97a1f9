"""Who is who, Yigong and Splink 5 side by side: ``make bench-empi`` (``SIZES=100000,1000000``, ``COUNTY=FILE``).

Each measurement is a new process from raw strings to clusters written, standardising counted. Our kernels are compiled
and kept once, at set-up, and that time is not counted; Splink's saved model is made by the run before it. Synthetic
persons only. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.judging import judge

ROOT = Path(__file__).resolve().parents[1]
RUNS = int(os.environ.get("RUNS", "3"))
ROWS = (
    ("seconds", "从原始文本到聚类 / raw strings to clusters, s", "{:.2f}"),
    ("seconds_trained", "同上，权重已训练 / weights already trained, s", "{:.2f}"),
    ("cpu_seconds", "处理器时间 / processor seconds", "{:.2f}"),
    ("cpu_seconds_trained", "处理器时间，权重已训练 / processor seconds, weights trained", "{:.2f}"),
    ("pair_error", "记录对错误率 / pair errors 1-F1", "{:.3%}"),
    ("pair_error_trained", "同上，权重已训练 / the same, weights already trained", "{:.3%}"),
    ("exact_cluster_f1", "完全正确的聚类 / exact-cluster F1", "{:.4f}"),
    ("over_merged_per_100k", "每十万人误合并 / over-merged per 100,000 persons", "{:.1f}"),
    ("twins_merged", "双胞胎误合并 / twins wrongly merged", "{:.1%}"),
    ("newborns_linked", "新生儿暂名关联 / newborns fully linked", "{:.1%}"),
    ("bytes_per_record", "每条记录内存 / memory per record above an idle process, B", "{:.0f}"),
)


def main() -> int:
    """Measures every size and prints the tables and the JSON line."""
    ratios: dict[str, float] = {}
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()} {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as folder:
        _warm(Path(folder))
        for label, file in _counties(Path(folder)):
            made = measure(file, Path(folder))
            figures[label] = made
            for kind in ("seconds", "seconds_trained", "cpu_seconds", "cpu_seconds_trained"):
                ratios[f"splink_{kind}_{label}"] = round(made["splink"][kind] / made["yigong"][kind], 2)
            ratios["splink"] = ratios[f"splink_seconds_{label}"]
            _print(label, made)
    print(json.dumps({"name": "empi", "ratios": ratios, "figures": figures}, ensure_ascii=False))
    return 0


def _counties(folder: Path) -> list[tuple[str, Path]]:
    if os.environ.get("COUNTY"):
        return [(Path(os.environ["COUNTY"]).stem, Path(os.environ["COUNTY"]))]
    sizes = [int(s) for s in os.environ.get("SIZES", "100000,1000000").split(",")]
    return [(str(size), _county(size, folder / f"county-{size}.parquet")) for size in sizes]


def _county(size: int, file: Path) -> Path:
    """A synthetic county: of the generator beside the project where there is one, else of our own demonstration."""
    beside = Path(os.environ.get("YIGONG_SHARED", ROOT.parent / "shared")) / "tools" / "county.py"
    if beside.exists():
        subprocess.run([sys.executable, str(beside), str(size), "7", str(file)], check=True, stdout=subprocess.DEVNULL)
        return file
    _own_county(size).write_parquet(file)
    return file


def _own_county(size: int) -> pl.DataFrame:
    from yigong.demo.county import county

    made = county(max(2000, size // 2), 7, date(2025, 6, 30)).registrations
    made = made.head(size)
    text = {
        "name": "name", "dob": "born_on", "idno": "id_no", "phone": "phone", "address": "address",
        "ins_no": "health_card_no", "contact": "contact_name",
    }  # fmt: skip
    held = {k: v for k, v in text.items() if v in made.columns}
    empty = [pl.lit("").alias(k) for k in text if k not in held]
    return made.select(
        pl.int_range(pl.len()).alias("rec_id"), person_id="person", sex=pl.col("sex").replace_strict({1: "男", 2: "女"}, default=""),
        **{k: pl.col(v).cast(pl.String).fill_null("") for k, v in held.items()},
    ).with_columns(empty)  # fmt: skip


def measure(file: Path, folder: Path) -> dict[str, Any]:
    """Times, quality and memory of both programs on one file."""
    truth = pl.read_parquet(file)
    yigong = str(Path(sys.executable).with_name("yigong"))
    idle = _run([sys.executable, "-c", "import polars, numpy; import time; time.sleep(0.2)"])["kb"]
    made = {}
    for name in ("splink", "yigong"):
        sides = {}
        for kind in ("full", "trained"):
            out = folder / f"{name}-{kind}.parquet"
            if name == "yigong":
                train = {"full": "always", "trained": "never"}[kind]
                command = [yigong, "empi", "link", str(file), "--out", str(out), "--quiet", "--train", train]
            else:
                weights = {"full": "--save", "trained": "--weights"}[kind]
                command = [sys.executable, "-m", "benchmarks.splink_peer", str(file), str(out)]
                command += [weights, str(folder / "splink.json")]
            runs = _median(command) if name == "yigong" else _run(command)
            sides[kind] = {**runs, **_judged(truth, out)}
        made[name] = _figures(sides["full"], sides["trained"], idle, truth.height)
    return {"records": truth.height, "persons": truth["person_id"].n_unique(), **made}


def _figures(full: dict[str, float], trained: dict[str, float], idle: float, rows: int) -> dict[str, float]:
    quality = {k: v for k, v in full.items() if k not in ("kb", "cpu", "seconds")}
    return {
        "seconds": full["seconds"], "seconds_trained": trained["seconds"], "cpu_seconds": full["cpu"],
        "cpu_seconds_trained": trained["cpu"], "pair_error": 1 - full["pair_f1"], **quality,
        "pair_error_trained": 1 - trained["pair_f1"], "bytes_per_record": max(0, full["kb"] - idle) * 1024 / rows,
    }  # fmt: skip


def _judged(truth: pl.DataFrame, file: Path) -> dict[str, float]:
    """The figures of a result; where it has several thresholds, those of the best."""
    result = pl.read_parquet(file)
    ids = truth.select("rec_id").join(result, left_on="rec_id", right_on=result.columns[0], how="left")
    columns = [c for c in result.columns if c.startswith("cluster")]
    return max((judge(truth, ids[c]) for c in columns), key=lambda f: f["pair_f1"])


def _run(command: list[str]) -> dict[str, float]:
    """One process: its seconds by the clock and of the processor, and its peak memory."""
    started, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said) as process:
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, _peak(process.pid))
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode()[-2000:])
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": time.perf_counter() - started, "cpu": cpu, "kb": peak or used.ru_maxrss}


def _peak(process: int) -> int:
    """Most kilobytes the process has held; what it held before it became this program is not counted."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _median(command: list[str]) -> dict[str, float]:
    runs = [_run(command) for _ in range(RUNS)]
    return {k: statistics.median(r[k] for r in runs) for k in ("seconds", "cpu", "kb")}


def _warm(folder: Path) -> None:
    """Compiles kernels and tables where this installation has not yet."""
    from yigong.platform.empi.engine import api

    frame = pl.DataFrame({"name": ["王秀兰", "王秀蓝"], "dob": ["1950-03-08"] * 2})
    api.link(frame, api.load_model("county"), train=False)


def _print(label: str, made: dict[str, Any]) -> None:
    print(f"\n{label}: {made['records']:,} records of {made['persons']:,} persons (synthetic)")
    print(f"{'':<58}{'Yigong':>12}{'Splink 5':>12}")
    for key, words, form in ROWS:
        if key in made["yigong"]:
            wide = 58 - sum(1 for c in words if ord(c) > 0x2E80)
            print(f"{words:<{wide}}{form.format(made['yigong'][key]):>12}{form.format(made['splink'][key]):>12}")


if __name__ == "__main__":
    sys.exit(main())
