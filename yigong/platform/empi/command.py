"""``yigong empi``: links files of records, and says why two records are or are not one person. Needs no database."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from yigong.platform.empi.engine.explain import Explanation, compare
from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import Model, declared, load_model, with_weights
from yigong.platform.empi.engine.reading import Files, keep_little
from yigong.platform.empi.engine.standard import no_columns

#: how the weights of a run came about
LEARNT = {
    "labels": "权重：由身份证号自行标注的记录对学得 / weights: learnt from pairs that their identity numbers label",
    "em": "权重：由这些记录以 EM 学得 / weights: learnt from these records by EM",
    "model": "权重：用模型自带或给定的（未学习，或记录太少、学不可靠）/ weights: the model's own or those given (not learnt, or too little to learn from)",
}


class Trouble(Exception):  # noqa: N818  - said to the person at the terminal
    """Something in the command line or the files, told in one sentence."""


def main(arguments: list[str]) -> int:
    """Runs ``link``, ``explain`` or ``model``; the exit code."""
    said = _parser().parse_args(arguments)
    try:
        return int(said.act(said))
    except (Trouble, ValueError, OSError, pa.ArrowException) as error:
        print(f"yigong empi: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong empi", description="who is who / 患者主索引")
    verbs = parser.add_subparsers(required=True, metavar="link | explain | model")
    link = verbs.add_parser("link", help="cluster the records of files / 对文件中的记录聚类")
    link.add_argument("files", nargs="+", type=Path, metavar="IN", help="Parquet or CSV")
    link.add_argument("--out", type=Path, required=True, metavar="LINKS", help="Parquet or CSV to write")
    link.add_argument("--model", default="county", help="county, latin or a YAML file")
    link.add_argument("--id", metavar="COLUMN", help="column that names the records (default: the first usual name)")
    link.add_argument("--engine", default="local", choices=("local", "spark"), help="this process, or Spark")
    link.add_argument("--master", metavar="URL", help="Spark's master (default: spark-submit's, or this machine)")
    link.add_argument("--train", choices=("auto", "always", "never"), default="auto", help="learn from these records")
    link.add_argument("--weights", type=Path, metavar="JSON", help="weights to use, as --save-weights wrote them")
    link.add_argument("--save-weights", type=Path, metavar="JSON", help="write the weights that were used")
    link.add_argument("--quiet", action="store_true")
    link.set_defaults(act=_link)
    explain = verbs.add_parser("explain", help="why two records are or are not one person / 解释两条记录")
    explain.add_argument("records", nargs=2, metavar="RECORD", help="row numbers, or values of the id column")
    explain.add_argument("--in", dest="files", nargs="+", type=Path, required=True, metavar="FILE")
    explain.add_argument("--model", default="county")
    explain.add_argument("--weights", type=Path, metavar="JSON", help="weights as link --save-weights wrote them")
    explain.add_argument("--id", metavar="COLUMN", help="column that names the records (default: the first usual name)")
    explain.add_argument("--lang", choices=("zh", "en", "both"), default="both")
    explain.set_defaults(act=_explain)
    model = verbs.add_parser("model", help="print a model to write your columns into / 打印一份模型，改列名后自用")
    model.add_argument("name", nargs="?", default="county", help="county, latin")
    model.set_defaults(act=_print_model)
    return parser


def _link(said: argparse.Namespace) -> int:
    started, train = time.perf_counter(), {"auto": None, "always": True, "never": False}[said.train]
    _writable(said.out, said.files)
    files, model = Files(said.files), _model(said)
    progress, names = None if said.quiet else Progress(), _id_column(files.names, said.id)
    act = _on_spark if said.engine == "spark" else _here
    try:
        records, persons, used = act(said, files, model, train, progress, names)
    except BaseException:
        if progress:
            progress.cut()
        raise
    if said.save_weights:
        used.save(said.save_weights)
    if progress:
        progress.end()
        print(f"  {LEARNT[used.learnt_by]}", file=sys.stderr)
        seconds = time.perf_counter() - started
        print(f"{records} 条记录，{persons} 人 / records, persons; {seconds:.2f} s → {said.out}", file=sys.stderr)
    return 0


def _here(
    said: argparse.Namespace,
    files: Files,
    model: Model,
    train: bool | None,
    progress: Progress | None,
    names: str | None,
) -> tuple[int, int, Model]:
    keep_little()
    linked = run(files, model, train=train, progress=progress, names=names)
    if progress:
        progress("写出", "writing")
    _write(linked.table(), said.out)
    return linked.root.size, int((linked.root == np.arange(linked.root.size)).sum()), linked.model


def _on_spark(
    said: argparse.Namespace,
    files: Files,
    model: Model,
    train: bool | None,
    progress: Progress | None,
    names: str | None,
) -> tuple[int, int, Model]:
    try:
        from yigong.platform.empi.engine import spark
    except ModuleNotFoundError as error:
        raise Trouble(f"{error.name} is not installed: pip install 'yigong[spark]' / 没有安装 Spark 组件") from error
    session = spark.session(said.master)
    try:
        records, persons, used = spark.link_files(session, files, model, said.out, train, progress, names)
    finally:
        session.stop()
    return records, persons, used


def _model(said: argparse.Namespace) -> Model:
    """The model asked for, with the weights asked for."""
    model = load_model(said.model)
    if not said.weights:
        return model
    try:
        return with_weights(model, json.loads(said.weights.read_text("utf-8")))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise Trouble(f"{said.weights}: no weights that --save-weights wrote / 不是 --save-weights 写的权重") from error


def _print_model(said: argparse.Namespace) -> int:
    print(declared(said.name).read_text("utf-8"), end="")
    return 0


def _writable(out: Path, files: list[Path]) -> None:
    if any(out.resolve() == file.resolve() for file in files):
        raise Trouble(f"{out}: is read as well; name another file / 这是要读的文件，请另写一个文件名")
    if out.suffix.lower() not in (".parquet", ".csv"):
        raise Trouble(f"{out}: Parquet and CSV are written / 只写 Parquet 和 CSV 文件")


class Progress:
    """Says on standard error which step is at work and how long each took."""

    def __init__(self) -> None:
        self.since: float | None = None

    def __call__(self, zh: str, en: str) -> None:
        self.end()
        print(f"  {zh} / {en} …", end="", file=sys.stderr, flush=True)
        self.since = time.perf_counter()

    def cut(self) -> None:
        """Ends the line of a step that failed."""
        if self.since is not None:
            print(file=sys.stderr)
        self.since = None

    def end(self) -> None:
        """Closes the line of the step at work."""
        if self.since is not None:
            print(f" {time.perf_counter() - self.since:.2f} s", file=sys.stderr)
        self.since = None


def _id_column(columns: list[str], wanted: str | None = None) -> str | None:
    """The column that names records: the one asked for, or the first of the usual names."""
    if wanted:
        if wanted not in columns:
            raise Trouble(f"no column {wanted}; there are: {', '.join(columns)} / 没有列 {wanted}")
        return wanted
    return next((c for c in ("rec_id", "record_id", "unique_id", "id", "编号", "登记号") if c in columns), None)


def _write(table: pa.Table, out: Path) -> None:
    """Writes the whole file or nothing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    if out.suffix.lower() == ".csv":
        from pyarrow import csv

        csv.write_csv(table.set_column(3, "reason", table.column("reason").cast(pa.string())), part)
    else:
        from pyarrow import parquet

        # numbers as they are: compressing them and noting their bounds would take five times as long as writing them
        quick = {"compression": "none", "write_statistics": False, "store_schema": False, "row_group_size": 1 << 17}
        parquet.write_table(table, part, use_dictionary=["reason"], **quick)
    part.replace(out)


def _explain(said: argparse.Namespace) -> int:
    files = Files(said.files)
    column, model = _id_column(files.names, said.id), _model(said)
    if not any(name in f.columns for f in model.fields for name in files.names):
        raise Trouble(no_columns(model, files.names))
    rows = _rows(files, column, said.records)
    print(waterfall(model, compare(model, *rows), rows, said.lang))
    return 0


def _rows(files: Files, column: str | None, wanted: list[str]) -> list[dict[str, object]]:
    """The records called so, or of these row numbers where no column names them."""
    if column is None and not all(name.isdigit() for name in wanted):
        raise Trouble("without an id column records are called by row number, from 0 / 没有标识列，请用行号（从 0 起）")
    found: dict[str, dict[str, object]] = {}
    start = 0
    for batch in files.open(files.names)[1]:
        count = len(next(iter(batch.values())))
        names = [str(v) for v in batch[column].to_pylist()] if column else [str(start + i) for i in range(count)]
        start += count
        for name in set(wanted) & set(names) - set(found):
            found[name] = {c: a[names.index(name)].as_py() for c, a in batch.items()}
        if len(found) == len(set(wanted)):
            break
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Trouble(f"no record {', '.join(missing)} / 没有记录 {'、'.join(missing)}")
    return [found[name] for name in wanted]


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
