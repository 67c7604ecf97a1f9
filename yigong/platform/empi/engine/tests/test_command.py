"""The command links files and explains pairs, without a database."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from yigong.platform.empi.command import main
from yigong.platform.empi.engine.tests.people import frame, number, record

RESIDENT = number("341222", date(1950, 3, 8), 22)
PEOPLE = frame(
    [
        record(name="王秀兰", sex="女", dob="1950-03-08", idno=RESIDENT),
        record(name="王秀蓝", sex="女", dob="1950-03-08", idno=RESIDENT),
        record(name="赵大山", sex="男", dob="1961-05-06"),
    ]
).with_columns(rec_id=pl.Series(["a", "b", "c"]))


@pytest.mark.feature("A23")
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_link_writes_record_cluster_score_and_reason(tmp_path: Path, kind: str) -> None:
    """Either kind of file, in and out; records are called by the file's own ids."""
    source, out = tmp_path / f"in.{kind}", tmp_path / f"links.{kind}"
    PEOPLE.write_csv(source) if kind == "csv" else PEOPLE.write_parquet(source)
    assert main(["link", str(source), "--out", str(out), "--quiet"]) == 0
    links = pl.read_csv(out) if kind == "csv" else pl.read_parquet(out)
    assert links.columns == ["record", "cluster", "score", "reason"]
    assert links["record"].to_list() == ["a", "b", "c"]
    assert links["cluster"].to_list() == ["a", "a", "c"]


@pytest.mark.feature("A23")
def test_several_files_are_linked_together(tmp_path: Path) -> None:
    """Registrations of two institutions meet."""
    PEOPLE.head(1).write_csv(tmp_path / "one.csv")
    PEOPLE.tail(2).write_parquet(tmp_path / "two.parquet")
    out = tmp_path / "links.csv"
    assert main(["link", str(tmp_path / "one.csv"), str(tmp_path / "two.parquet"), "--out", str(out), "--quiet"]) == 0
    assert pl.read_csv(out)["cluster"].to_list() == ["a", "a", "c"]


@pytest.mark.feature("A25")
def test_explain_shows_the_waterfall_in_both_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each step with its weight, and the sum and band at the end."""
    source = tmp_path / "in.csv"
    PEOPLE.write_csv(source)
    assert main(["explain", "a", "b", "--in", str(source)]) == 0
    said = capsys.readouterr().out
    assert "同音不同字" in said
    assert "same trusted identity number" in said
    assert "自动合并" in said


def test_a_missing_file_is_told_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, exit code 2."""
    assert main(["link", str(tmp_path / "none.csv"), "--out", str(tmp_path / "o.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.feature("A23")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_learning_from_records_that_nobody_shares_joins_nobody(tmp_path: Path, count: int) -> None:
    """Where no two records meet there is nothing to learn from; the model's own weights serve, and nothing fails."""
    strangers = frame([record(name=name, dob="1961-05-06") for name in ("赵大山", "钱二水", "孙三木")[:count]])
    strangers.write_parquet(tmp_path / "in.parquet")
    out = tmp_path / "links.parquet"
    assert main(["link", str(tmp_path / "in.parquet"), "--out", str(out), "--quiet", "--train", "always"]) == 0
    assert pl.read_parquet(out)["cluster"].n_unique() == count
