"""Mappings: what they make of rows, and how they say what is wrong with them; no database."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from yigong.edge.mapping.mistakes import Mistake
from yigong.edge.mapping.plan import FieldKind, compile_mapping
from yigong.edge.sentences import said_of
from yigong.kit.errors import Refused
from yigong.platform.exchange.readers import reader
from yigong.platform.exchange.sentences import sentence
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
#: what is right, what is written instead, and what is said of it in Chinese and in English
MISTAKES = [
    ("laboratory_test_item_code: XMBH", "laboratory_test_item_cod: XMBH", "没有名为“laboratory_test_item_cod”的字段；最接近：laboratory_test_item_code",
     "unknown field laboratory_test_item_cod; nearest: laboratory_test_item_code"),
    ("data_set: laboratory_test_record", "data_set: laboratory_record", "没有名为“laboratory_record”的数据集；最接近：laboratory_test_record",
     "unknown data set laboratory_record; nearest: laboratory_test_record"),
    ("codes: specimen}", "codes: specimn}", "没有名为“specimn”的代码表；最接近：specimen", "unknown code table specimn; nearest: specimen"),
    ("codes: specimen}", "codes: zzz}", "没有名为“zzz”的代码表；可写：names、sex、specimen", "unknown code table zzz; write one of names, sex, specimen"),
    ("kind: number}", "kind: nunber}", "没有名为“nunber”的类型；最接近：number", "unknown kind nunber; nearest: number"),
    ("filter: {", "filtre: {", "没有名为“filtre”的段落；最接近：filter", "unknown section filtre; nearest: filter"),
    ("full_name: XM", "fullname: XM", "没有名为“fullname”的字段；最接近：full_name", "unknown field fullname; nearest: full_name"),
    ("{from: JG, kind: number}", '{expr: "JG +* 2"}', "“laboratory_test_quantitative_result”的表达式写错：“*”前面缺少值。请改 ▸ 处：JG +▸* 2",
     "laboratory_test_quantitative_result: the expression is wrong: a value is missing before *; mend it at ▸: JG +▸* 2"),
    ("{from: JG, kind: number}", '{expr: "trin(JG)"}', "没有函数 trin；最接近：trim", "there is no function trin; nearest: trim"),
    ("{from: JG, kind: number}", "{from: JG, value: 1}", "且只写一个", "and only one"),
    ("{from: JG, kind: number}", "[JG]", "没有来源，请写源列", "has no source; name a column"),
    ("{from: JG, kind: number}", "{from: JG, codes: names}", "没有值域，不能按名称对照", "has no value set to look names up in"),
    ("laboratory_test_item_code: XMBH", "local_id: XMBH", "它有自己的段落，请移到顶层", "move it to the top level"),
    ("laboratory_test_item_code: XMBH", "laboratory_test_report_no: XMBH", "写了两次，请删去一处", "stands twice; take one away"),
    ("laboratory_test_item_code: XMBH", "laboratory_test_item_code: a: b", "含冒号的内容请加引号", "quote a text with a colon"),
    ("filter: {", "filter: {rules: [{name: x, when: 'ZF =', then: block}], ", "过滤规则“x”的表达式写错：表达式没有写完", "filter rule x: the expression is wrong"),
    ("filter: {", "filter: {rules: [{name: x}], ", "第 1 条过滤规则没有条件", "filter rule 1 has no condition"),
]  # fmt: skip
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.feature("C05")
@pytest.mark.parametrize(("right", "wrong", "zh", "en"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_the_nearest_name(right: str, wrong: str, zh: str, en: str) -> None:
    """What is wrong is refused with file, line and what to do, a sentence for each language and no word of the other in it."""
    with pytest.raises(Refused) as refused:
        compile_mapping(lab.MAPPING.replace(right, wrong), FIELDS, "lis.yaml")
    found: list[Mistake] = refused.value.facts["mistakes"]  # type: ignore[assignment]
    line = lab.MAPPING[: lab.MAPPING.index(right)].count("\n") + 1
    told = next(m for m in found if zh in m.zh)
    assert told.zh.startswith(f"lis.yaml:{line}: ") and told.en.startswith(f"lis.yaml:{line}: ")
    assert en in told.en and not CHINESE.search(told.en)
    assert " / " not in told.zh and str(refused.value.facts["file"]) == "lis.yaml"


@pytest.mark.feature("C05")
@pytest.mark.parametrize("section", ["data_set", "source_system", "key", "event_at", "local_id"])
def test_a_section_that_is_missing_is_told_with_an_example(section: str) -> None:
    """A mapping without one of its sections says how that section is written."""
    text = "\n".join(ln for ln in lab.MAPPING.splitlines() if not ln.startswith(f"{section}:"))
    with pytest.raises(Refused) as refused:
        compile_mapping(text, FIELDS)
    [told] = refused.value.facts["mistakes"]  # type: ignore[misc]
    assert f"（段落 {section}），请加上，如 {section}: " in told.what.zh and told.what.zh.startswith("缺少“")
    assert f" (section {section}) is missing; add it, like {section}: " in told.what.en


@pytest.mark.feature("C05")
def test_a_sentence_of_the_exchange_speaks_one_language() -> None:
    """What is kept of a refused mapping has each mistake in the language of its sentence."""
    with pytest.raises(Refused) as refused:
        compile_mapping(lab.MAPPING.replace("filter: {", "filtre: {"), FIELDS, "lis.yaml")
    zh, en = sentence(refused.value.code, refused.value.facts)
    assert zh == "映射文件有误：lis.yaml:11: 没有名为“filtre”的段落；最接近：filter、fields"
    assert en == "The mapping is wrong: lis.yaml:11: unknown section filtre; nearest: filter, fields"
    assert said_of(refused.value.code, refused.value.facts)[1].endswith(
        "unknown section filtre; nearest: filter, fields"
    )


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
    assert batch.frame["_trouble"].to_list() == [None, None, "encoding", "ragged:3:2:y", None]
