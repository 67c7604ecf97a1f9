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


IN_CHINESE = "姓名,性别,出生日期,身份证号,电话\n王秀兰,女,1950-03-08,{0},13912345678\n王秀蓝,女,1950-03-08,{0},\n赵大山,男,1961-05-06,,\n"


@pytest.mark.feature("A23")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_headings_and_files_of_other_headings_meet(tmp_path: Path, encoding: str) -> None:
    """A file with Chinese headings is read as it is, and meets one that calls the same columns otherwise."""
    (tmp_path / "one.csv").write_text(IN_CHINESE.format(RESIDENT), encoding)
    PEOPLE.head(2).drop("rec_id").write_parquet(tmp_path / "two.parquet")
    out = tmp_path / "links.csv"
    assert main(["link", str(tmp_path / "one.csv"), str(tmp_path / "two.parquet"), "--out", str(out), "--quiet"]) == 0
    assert pl.read_csv(out)["cluster"].to_list() == [0, 0, 2, 0, 0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["link", "in.csv", "--out", "in.csv"], "is read as well"),
        (["link", "semicolon.csv", "--out", "o.csv"], "separated by commas"),
        (["link", "other.csv", "--out", "o.csv"], "yigong empi model"),
        (["explain", "0", "1", "--in", "other.csv"], "yigong empi model"),
        (["explain", "a", "b", "--in", "in.csv", "--weights", "other.csv"], "no weights"),
        (["model", "none"], "there are: county, latin"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """The input is never written over, records without any column of the model are never explained, and no traceback."""
    monkeypatch.chdir(tmp_path)
    PEOPLE.write_csv("in.csv")
    Path("semicolon.csv").write_text("name;dob\n王芳;1990-01-01\n")
    Path("other.csv").write_text("a,b\n1,2\n3,4\n")
    before = Path("in.csv").read_bytes()
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert Path("in.csv").read_bytes() == before
    assert not Path("o.csv").exists()


def test_a_printed_model_with_columns_of_ones_own_links(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``model`` prints is a model; with one's own column written into it, and the weights of a run, a file is linked
    and explained."""
    assert main(["model", "county"]) == 0
    mine, source, weights = tmp_path / "mine.yaml", tmp_path / "in.csv", tmp_path / "w.json"
    mine.write_text(capsys.readouterr().out.replace("[full_name, name,", "[XM, full_name, name,"), "utf-8")
    PEOPLE.rename({"name": "XM"}).write_csv(source)
    PEOPLE.write_csv(tmp_path / "named.csv")
    out = str(tmp_path / "o.csv")
    assert main(["link", str(tmp_path / "named.csv"), "--out", out, "--quiet", "--save-weights", str(weights)]) == 0
    asked = ["--model", str(mine), "--weights", str(weights)]
    assert main(["link", str(source), "--out", out, "--quiet", *asked]) == 0
    assert pl.read_csv(out)["cluster"].to_list() == ["a", "a", "c"]
    assert main(["explain", "a", "b", "--in", str(source), *asked, "--lang", "en"]) == 0
    assert f"{pl.read_csv(out)['score'][0]:+.3f} bit" in capsys.readouterr().out


def test_too_few_pairs_teach_nothing(tmp_path: Path) -> None:
    """Two records alike are linked by the model's own weights, and the link says why."""
    (tmp_path / "in.csv").write_text(
        "given_name,surname,date_of_birth,postcode,soc_sec_id\njohn,smith,19810803,6000,1234567\njon,smith,19810803,6000,1234567\n"
    )
    assert (
        main(["link", str(tmp_path / "in.csv"), "--out", str(tmp_path / "o.csv"), "--model", "latin", "--quiet"]) == 0
    )
    links = pl.read_csv(tmp_path / "o.csv")
    assert links["cluster"].to_list() == [0, 0]
    assert "number same" in links["reason"][1]
