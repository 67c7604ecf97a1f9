"""Files in, and what is said of files that are none; look-up in memory; pairs made once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from yigong.platform.empi.command import main
from yigong.platform.empi.engine import memory, pairs, standard
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.reading import Files
from yigong.platform.empi.engine.tests.people import frame, number, record, villages

MODEL = load_model("county")
PEOPLE = frame(
    [
        record(
            name="王秀兰", sex="女", dob="1950-03-08", idno=number("341222", date(1950, 3, 8), 22), address="石桥镇"
        ),
        record(name="陈麗華", sex="女", dob="1961-04-19", phone="13912345678", reg_date="2024-05-08"),
        record(name="𬱖国强", sex="男", dob="", ins_no="M1000000001"),
    ]
)


@pytest.mark.feature("A23")
@pytest.mark.parametrize("kind", ["csv", "parquet", "gbk", "dates", "nulls", "categories"])
def test_a_file_is_read_as_the_frame_it_holds(tmp_path: Path, kind: str) -> None:
    """CSV in UTF-8 or GB 18030, Parquet with texts, dates, nulls or categories: the standard rows are the same."""
    file = tmp_path / f"in.{'csv' if kind in ('csv', 'gbk') else 'parquet'}"
    if kind == "csv":
        PEOPLE.write_csv(file)
    elif kind == "gbk":
        file.write_bytes(PEOPLE.write_csv().encode("gb18030"))
    else:
        made = {
            "parquet": PEOPLE,
            "dates": PEOPLE.with_columns(pl.col("dob", "reg_date").str.to_date(strict=False)),
            "nulls": PEOPLE.with_columns(pl.when(pl.all() != "").then(pl.all())),
            "categories": PEOPLE.with_columns(pl.col("sex").cast(pl.Categorical)),
        }
        made[kind].write_parquet(file)
    assert (standard.rows_of(Files([file]), MODEL) == standard.rows_of(PEOPLE, MODEL)).all()


def test_many_batches_are_one_table(tmp_path: Path) -> None:
    """A file larger than a batch, and a second one that lacks columns, give their rows in order."""
    from yigong.platform.empi.engine import reading

    many = pl.concat([PEOPLE] * 30_000)
    many.write_parquet(tmp_path / "one.parquet", row_group_size=20_000)
    PEOPLE.select("name", "dob").write_csv(tmp_path / "two.csv")
    assert many.height > reading.BATCH
    whole = pl.concat([many, PEOPLE.select("name", "dob")], how="diagonal")
    files = Files([tmp_path / "one.parquet", tmp_path / "two.csv"])
    assert (standard.rows_of(files, MODEL) == standard.rows_of(whole, MODEL)).all()


WRONG = [
    ("missing.csv", None, "没有这个文件"),
    ("empty.csv", b"", "文件是空的"),
    ("letters.txt", b"name\n", "Parquet"),
    ("broken.parquet", b"PAR1 no more", "无法读取"),
    ("ragged.csv", "name,dob\n王秀兰,1950-03-08,extra\n".encode(), "无法读取"),
    ("columns.csv", b"x,y\n1,2\n", "缺少模型所需的列"),
]


@pytest.mark.feature("A23")
@pytest.mark.parametrize(("name", "content", "said"), WRONG, ids=[w[0] for w in WRONG])
def test_bad_files_are_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, said: str
) -> None:
    """The sentence names the file or the columns, exit code 2, nothing is written."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "links.parquet"
    assert main(["link", str(tmp_path / name), "--out", str(out), "--quiet"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not out.exists()


@pytest.mark.feature("A23")
@pytest.mark.parametrize(
    ("words", "said"),
    [(["--model", "nobody"], "没有模型"), (["--id", "nothing"], "没有列"), (["--out", "links.xlsx"], "只写 Parquet")],
)
def test_bad_choices_are_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """An unknown model, a column that is not there, a kind of file that is not written."""
    PEOPLE.write_csv(tmp_path / "in.csv")
    words = words if "--out" in words else ["--out", str(tmp_path / "links.csv"), *words]
    assert main(["link", str(tmp_path / "in.csv"), *words, "--quiet"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.feature("A23")
def test_columns_of_any_name_are_mapped_in_a_model_file(tmp_path: Path) -> None:
    """A model file says which column holds which field; everything else follows."""
    import yaml

    from yigong.platform.empi.engine.model import FOLDER

    said = yaml.safe_load((FOLDER / "county.yaml").read_text("utf-8"))
    said["fields"]["name"]["columns"], said["fields"]["number"]["columns"] = ["XM"], ["SFZH"]
    model = tmp_path / "ours.yaml"
    model.write_text(yaml.safe_dump(said, allow_unicode=True), "utf-8")
    (tmp_path / "ours.weights.json").write_bytes((FOLDER / "county.weights.json").read_bytes())
    twice = pl.concat([PEOPLE, PEOPLE.with_columns(pl.lit("").alias("phone"))]).rename({"name": "XM", "idno": "SFZH"})
    twice.write_csv(tmp_path / "in.csv")
    out = tmp_path / "links.csv"
    assert main(["link", str(tmp_path / "in.csv"), "--model", str(model), "--out", str(out), "--quiet"]) == 0
    assert pl.read_csv(out)["cluster"].to_list()[::3] == [0, 0]


@pytest.mark.feature("A24")
@settings(max_examples=25, deadline=None)
@given(villages)
def test_look_up_in_memory_finds_what_bulk_compares(records: list[dict[str, str]]) -> None:
    """Every pair of a bulk run is found from either of its records, with the same score."""
    rows = standard.rows_of(frame(records), MODEL)
    index, table = memory.Memory(rows, MODEL), rows.reshape(-1, MODEL.width)
    found = {(i, f.row): f.score for i, row in enumerate(table) for f in index.look_up(row, -99.0, most=len(records))}
    bulk = pairs.make(pairs.runs_of(rows, MODEL), MODEL, -99 * 256)
    for a, b, score in zip(bulk.left.tolist(), bulk.right.tolist(), bulk.scores.tolist(), strict=True):
        assert found[a, b] == found[b, a] == score / 256


@pytest.mark.feature("A23")
@settings(max_examples=40, deadline=None)
@given(villages)
def test_each_pair_is_made_once(records: list[dict[str, str]]) -> None:
    """All pairs that share a key, whichever and however many, and no pair twice."""
    rows = standard.rows_of(frame(records), MODEL)
    made = pairs.make(pairs.runs_of(rows, MODEL), MODEL, pairs.EVERYTHING)
    keys = pairs.key_frame(rows, MODEL)
    wanted = keys.join(keys, on=["rule", "key"]).filter(pl.col("row") < pl.col("row_right"))
    wanted = wanted.select("row", "row_right").unique().sort("row", "row_right")
    assert len(set(zip(made.left.tolist(), made.right.tolist(), strict=True))) == len(made)
    order = np.lexsort((made.right, made.left))
    assert list(zip(made.left[order].tolist(), made.right[order].tolist(), strict=True)) == wanted.rows()
