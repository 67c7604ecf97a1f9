"""``yigong empi``: links files of records, and says why two records are or are not one person. Needs no database."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import polars as pl

from yigong.platform.empi.engine import api
from yigong.platform.empi.engine.explain import Explanation
from yigong.platform.empi.engine.model import Model


class Trouble(Exception):  # noqa: N818  - said to the person at the terminal
    """Something in the command line or the files, told in one sentence."""


def main(arguments: list[str]) -> int:
    """Runs ``link`` or ``explain``; the exit code."""
    said = _parser().parse_args(arguments)
    try:
        return int(said.act(said))
    except (Trouble, api.WrongModel, ValueError, OSError, pl.exceptions.PolarsError) as error:
        print(f"yigong empi: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong empi", description="who is who / 患者主索引")
    verbs = parser.add_subparsers(required=True, metavar="link | explain")
    link = verbs.add_parser("link", help="cluster the records of files / 对文件中的记录聚类")
    link.add_argument("files", nargs="+", type=Path, metavar="IN", help="Parquet or CSV")
    link.add_argument("--out", type=Path, required=True, metavar="LINKS", help="Parquet or CSV to write")
    link.add_argument("--model", default="county", help="county, latin or a YAML file")
    link.add_argument("--engine", default="local", choices=("local",), help="where it runs")
    link.add_argument("--train", choices=("auto", "always", "never"), default="auto", help="learn from these records")
    link.add_argument("--save-weights", type=Path, metavar="JSON", help="write the weights that were used")
    link.add_argument("--quiet", action="store_true")
    link.set_defaults(act=_link)
    explain = verbs.add_parser("explain", help="why two records are or are not one person / 解释两条记录")
    explain.add_argument("records", nargs=2, metavar="RECORD", help="row numbers, or values of the id column")
    explain.add_argument("--in", dest="files", nargs="+", type=Path, required=True, metavar="FILE")
    explain.add_argument("--model", default="county")
    explain.add_argument("--id", metavar="COLUMN", help="column that names the records (default: the first *_id)")
    explain.add_argument("--lang", choices=("zh", "en", "both"), default="both")
    explain.set_defaults(act=_explain)
    return parser


def _link(said: argparse.Namespace) -> int:
    from yigong.platform.empi.engine.link import run

    started, train = time.perf_counter(), {"auto": None, "always": True, "never": False}[said.train]
    progress = None if said.quiet else Progress()
    names = _names(said.files)
    linked = run(_scan(said.files), api.load_model(said.model), train=train, progress=progress)
    result = _named(linked.frame(), names)
    _write(result, said.out)
    if said.save_weights:
        linked.model.save(said.save_weights)
    if progress:
        progress.end()
        clusters = result["cluster"].n_unique()
        seconds = time.perf_counter() - started
        print(
            f"{result.height} 条记录，{clusters} 人 / records, persons; {seconds:.2f} s → {said.out}", file=sys.stderr
        )
    return 0


class Progress:
    """Says on standard error which step is at work and how long each took."""

    def __init__(self) -> None:
        self.since: float | None = None

    def __call__(self, zh: str, en: str) -> None:
        self.end()
        print(f"  {zh} / {en} …", end="", file=sys.stderr, flush=True)
        self.since = time.perf_counter()

    def end(self) -> None:
        """Closes the line of the step at work."""
        if self.since is not None:
            print(f" {time.perf_counter() - self.since:.2f} s", file=sys.stderr)
        self.since = None


def _scan(files: list[Path]) -> pl.LazyFrame:
    return (
        pl.concat([_scan_one(file) for file in files], how="diagonal_relaxed")
        if len(files) > 1
        else _scan_one(files[0])
    )


def _scan_one(file: Path) -> pl.LazyFrame:
    if not file.exists():
        raise Trouble(f"{file}: no such file / 没有这个文件")
    match file.suffix.lower():
        case ".parquet":
            return pl.scan_parquet(file)
        case ".csv":
            frame = pl.scan_csv(file, infer_schema=False)
            columns = frame.collect_schema().names()
            return frame.rename({c: c.strip() for c in columns}).with_columns(pl.all().str.strip_chars())
    raise Trouble(f"{file}: Parquet and CSV are read / 只读 Parquet 和 CSV 文件")


def _id_column(columns: list[str], wanted: str | None = None) -> str | None:
    """The column that names records: the one asked for, or the first of the usual names."""
    if wanted:
        if wanted not in columns:
            raise Trouble(f"no column {wanted}; there are: {', '.join(columns)} / 没有列 {wanted}")
        return wanted
    return next((c for c in ("rec_id", "record_id", "unique_id", "id") if c in columns), None)


def _names(files: list[Path]) -> pl.Series | None:
    frame = _scan(files)
    column = _id_column(frame.collect_schema().names())
    return None if column is None else frame.select(column).collect().to_series()


def _named(result: pl.DataFrame, names: pl.Series | None) -> pl.DataFrame:
    """Records and clusters called by the files' own record ids where there are any."""
    if names is None:
        return result
    return result.with_columns(record=names.gather(result["record"]), cluster=names.gather(result["cluster"]))


def _write(frame: pl.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    if out.suffix.lower() == ".csv":
        frame.write_csv(part)
    else:
        frame.write_parquet(part)
    part.replace(out)


def _explain(said: argparse.Namespace) -> int:
    frame = _scan(said.files)
    columns = frame.collect_schema().names()
    column = _id_column(columns, said.id)
    rows = [_row(frame, column, name) for name in said.records]
    model = api.load_model(said.model)
    print(waterfall(model, api.compare(model, *rows), rows, said.lang))
    return 0


def _row(frame: pl.LazyFrame, column: str | None, name: str) -> dict[str, object]:
    if column is None:
        if not name.isdigit():
            raise Trouble(f"{name}: without an id column records are called by row number, from 0 / 请用行号")
        found = frame.slice(int(name), 1).collect()
    else:
        found = frame.filter(pl.col(column).cast(pl.String) == name).head(1).collect()
    if found.is_empty():
        raise Trouble(f"no record {name} / 没有记录 {name}")
    return found.row(0, named=True)


def waterfall(model: Model, why: Explanation, rows: list[dict[str, object]], lang: str = "both") -> str:
    """The explanation as text: both records, then the steps from the prior to the score."""
    lines = []
    for f in model.fields:
        values = [next((str(r[c]) for c in f.columns if r.get(c) is not None), "") for r in rows]
        lines.append(f"  {f.name:<10} {values[0]:<28} {values[1]}")
    lines.append("")
    total = why.prior
    lines.append(_line(why.prior, total, "起点（候选对中同一人的先验）", "prior among candidate pairs", lang))
    for step in why.steps:
        total += step.weight
        lines.append(_line(step.weight, total, step.zh, step.en, lang))
    lines += [f"  ✗ {_words(g.zh, g.en, lang)}" for g in why.guards]
    bands = {
        "auto": ("自动合并", "same person"),
        "review": ("人工复核", "to be reviewed"),
        "none": ("不合并", "not joined"),
    }
    lines.append(f"\n  = {why.score:+.3f} bit  {_words(*bands[why.band], lang)}")
    return "\n".join(lines)


def _line(weight: float, total: float, zh: str, en: str, lang: str) -> str:
    bar = ("▇" if weight >= 0 else "░") * min(20, round(abs(weight)))
    return f"  {weight:+8.3f} {total:+9.3f}  {bar:<20} {_words(zh, en, lang)}"


def _words(zh: str, en: str, lang: str) -> str:
    return {"zh": zh, "en": en, "both": f"{zh} / {en}"}[lang]
