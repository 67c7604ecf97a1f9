"""Mappings: what they make of rows, and how they say what is wrong with them; no database."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from yigong.edge.mapping.plan import FieldKind, compile_mapping
from yigong.kit.errors import Refused
from yigong.platform.exchange.readers import reader
from yigong.platform.exchange.tests import lab

FIELDS = {
    "laboratory_test_record": {
        "laboratory_test_report_no": FieldKind("text"),
        "laboratory_test_item_code": FieldKind("text"),
        "laboratory_test_quantitative_result": FieldKind("number", "检验定量结果"),
        "laboratory_test_quantitative_result_unit": FieldKind("text"),
        "specimen_category": FieldKind("text", "标本类别"),
        "reporting_physician_signature": FieldKind("text"),
    }
}
MISTAKES = [
    (
        "laboratory_test_item_code: XMBH",
        "laboratory_test_item_cod: XMBH",
        ": unknown field",
        "laboratory_test_item_code",
    ),
    (
        "data_set: laboratory_test_record",
        "data_set: laboratory_record",
        ": unknown data set",
        "laboratory_test_record",
    ),
    ("codes: specimen}", "codes: specimn}", ": unknown code table", "specimen"),
    ("kind: number}", "kind: nunber}", ": unknown kind", "number"),
    ("filter: {", "filtre: {", ": unknown section", "filter"),
    ("full_name: XM", "fullname: XM", ": unknown field", "full_name"),
    ("{from: JG, kind: number}", '{expr: "JG +* 2"}', ": laboratory_test_quantitative_result: expression", ""),
]


@pytest.mark.feature("C05")
@pytest.mark.parametrize(("right", "wrong", "said", "nearest"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_the_nearest_name(right: str, wrong: str, said: str, nearest: str) -> None:
    """Unknown names are refused with file, line and what was probably meant."""
    with pytest.raises(Refused) as refused:
        compile_mapping(lab.MAPPING.replace(right, wrong), FIELDS, "lis.yaml")
    told = "\n".join(refused.value.facts["mistakes"])  # type: ignore[arg-type]
    line = lab.MAPPING[: lab.MAPPING.index(right)].count("\n") + 1
    assert f"lis.yaml:{line}{said}" in told and nearest in told


@pytest.mark.feature("C05")
def test_keys_of_several_columns_never_collide() -> None:
    """A bar inside a part of a key is doubled."""
    plan = compile_mapping(lab.MAPPING, FIELDS)
    rows = [lab.row(1, BGDH="a|b", XMBH="c"), lab.row(1, BGDH="a", XMBH="b|c")]
    assert plan.apply(pl.DataFrame(rows), lab.HOSPITAL).frame["source_key"].n_unique() == 2


CSV = "编号,名称\n1,王秀兰\n2,李建国\n"


@pytest.mark.feature("C01")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_encoding_of_a_file_is_found_out(encoding: str, tmp_path: Path) -> None:
    """The files of older systems come in GB18030; nothing has to be said about it."""
    (tmp_path / "a.csv").write_text(CSV, encoding=encoding)
    [batch] = reader("csv").read({"path": str(tmp_path / "a.csv")}, since=None, size=100)
    assert batch.frame["名称"].to_list() == ["王秀兰", "李建国"] and batch.frame["_place"][0] == "a.csv 第 2 行"


@pytest.mark.feature("C01", "C31")
def test_a_line_that_does_not_decode_is_marked_and_the_others_are_read(tmp_path: Path) -> None:
    """A broken line and one with too many columns carry a mark; no line is dropped."""
    (tmp_path / "a.csv").write_bytes(CSV.encode() + b"3,\xff\xfe\xff\n4,x,y\n5,z\n")
    [batch] = reader("csv").read({"path": str(tmp_path / "a.csv")}, since=None, size=100)
    assert batch.frame["_trouble"].to_list() == [None, None, "encoding", "ragged", None]
