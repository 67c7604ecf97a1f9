"""The same model on Spark gives the same links as one process, cluster by cluster and score by score."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from yigong.demo.county import county
from yigong.platform.empi.command import main
from yigong.platform.empi.engine.link import run
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.reading import Files

pyspark = pytest.importorskip("pyspark", reason="PySpark is the extra `spark`")
pytestmark = [
    pytest.mark.feature("A23"),
    pytest.mark.skipif(not (shutil.which("java") or os.environ.get("JAVA_HOME")), reason="Spark needs Java"),
]

RECORDS = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Registrations of a synthetic county in two files, one Parquet and one CSV."""
    folder = tmp_path_factory.mktemp("spark")
    made = county(RECORDS // 2, 5, date(2025, 6, 30)).registrations.head(RECORDS)
    text = [c for c in made.columns if c in {f for field in load_model("county").fields for f in field.columns}]
    frame = made.select(pl.col(c).cast(pl.String) for c in text).with_row_index("rec_id")
    frame.head(RECORDS // 2).write_parquet(folder / "one.parquet")
    frame.tail(frame.height - RECORDS // 2).write_csv(folder / "two.csv")
    return [folder / "one.parquet", folder / "two.csv"]


@pytest.fixture(scope="module")
def settings() -> Iterator[None]:
    """A local cluster of two workers that keeps to itself."""
    words = "--master local[2] --conf spark.sql.shuffle.partitions=2 --conf spark.ui.enabled=false --driver-memory 1g"
    before = os.environ.get("PYSPARK_SUBMIT_ARGS")
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{words} --conf spark.driver.bindAddress=127.0.0.1 pyspark-shell"
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    yield
    os.environ.pop("PYSPARK_SUBMIT_ARGS")
    if before:
        os.environ["PYSPARK_SUBMIT_ARGS"] = before


@pytest.mark.parametrize("train", ["never", "always"])
def test_spark_gives_the_same_links(files: list[Path], settings: None, tmp_path: Path, train: str) -> None:
    """Clusters, scores and reasons of tens of thousands of records agree exactly; so do weights that Spark learnt."""
    out, weights = tmp_path / "links.parquet", tmp_path / "weights.json"
    words = ["link", *map(str, files), "--out", str(out), "--engine", "spark", "--train", train, "--quiet"]
    assert main([*words, "--save-weights", str(weights)]) == 0
    here = run(Files(files), load_model("county"), train=train == "always", names="rec_id")
    assert by_record(pl.read_parquet(out / "*.parquet")) == by_record(here.frame())
    here.model.save(tmp_path / "here.json")
    assert weights.read_text("utf-8") == (tmp_path / "here.json").read_text("utf-8")


def by_record(links: pl.DataFrame) -> list[tuple[Any, ...]]:
    """The links in the order of their records."""
    texts = links.with_columns(pl.col("record", "cluster").cast(pl.String))
    return texts.select("record", "cluster", "score", "reason").sort("record").rows()
