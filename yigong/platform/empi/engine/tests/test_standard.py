"""The standard form: what is the same to a registrar is the same number, what is not is not."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from yigong.platform.empi.engine import api
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.tests.people import frame, number, record

MODEL = load_model("county")


def standard(column: str, *values: str) -> pl.DataFrame:
    """The standard rows of records that differ in one column."""
    return api.standardise(frame([record(**{column: v}) for v in values]))


def level(field: str, a: dict[str, str], b: dict[str, str]) -> str:
    """The level that a comparison reaches."""
    return next(s.level for s in api.compare(MODEL, record(**a), record(**b)).steps if s.field == field)


@pytest.mark.feature("A29")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("阿卜杜拉·买买提", "阿卜杜拉•买买提"), ("阿卜杜拉·买买提", "阿卜杜拉‧买买提"), ("阿卜杜拉・买买提", "阿卜杜拉．买买提"),
        ("王 秀兰", "王　秀兰"), ("陳麗華", "陈丽华"), ("JOHN SMITH", "Smith John"), ("ＪＯＨＮ Smith", "john SMITH"), ("䶮君", "䶮君"),
        ("𠮷田", "𠮷 田"),
    ],
)  # fmt: skip
def test_names_written_otherwise_are_the_same(one: str, other: str) -> None:
    """Interpuncts, spaces, widths, old forms and the order of Latin words do not tell names apart."""
    assert level("name", {"name": one}, {"name": other}).startswith("same")


@pytest.mark.feature("A29")
@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("王秀兰", "王秀蓝", "same_sound"), ("付国强", "傅国强", "same_sound"), ("李林", "李凌", "near_sound"),
        ("刘己", "刘已", "look_alike"), ("陈玲燕", "陈燕玲", "swapped"), ("张建国", "张建军", "last_given"),
        ("张建国", "张卫国", "first_given"), ("欧阳雪", "欧阳雪梅", "part"), ("王秀兰", "李秀兰", "given_only"),
        ("王秀兰", "王大山", "surname_only"), ("王秀兰", "赵大山", "other"), ("𠮷田", "𡈽田", "given_only"),
        ("无名氏", "无名氏", "missing"), ("不详", "王芳", "missing"),
    ],
)  # fmt: skip
def test_how_near_two_names_are(one: str, other: str, wanted: str) -> None:
    """Homophones, dialect sounds, look-alikes, exchanged and dropped characters each have a level; the unknown has none."""
    assert level("name", {"name": one}, {"name": other}) == wanted
    assert level("name", {"name": other}, {"name": one}) == wanted


@pytest.mark.feature("A29")
@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ({"name": "王芳之子"}, {"name": "李子轩", "contact": "王芳"}, "newborn_contact"),
        ({"name": "王芳之女"}, {"name": "李子轩", "contact": "李建国"}, "newborn_other_contact"),
        ({"name": "王芳之婴"}, {"name": "李子轩"}, "newborn_no_contact"),
        ({"name": "王芳男婴"}, {"name": "王芳之子"}, "newborn_both"),
        ({"name": "王芳之大子"}, {"name": "王芳之小子"}, "newborn_conflict"),
        ({"name": "王芳之子"}, {"name": "王芳之女"}, "newborn_conflict"),
        ({"name": "王芳之子"}, {"name": "陈思之子"}, "newborn_other_mother"),
        ({"name": "王芳之宝宝"}, {"name": "王芳"}, "newborn_mother"),
        ({"name": "王芳之大子"}, {"name": "李子轩", "contact": "王芳"}, "newborn_twin_named"),
        ({"name": "王芳之大子"}, {"name": "李子轩", "contact": "李建国"}, "newborn_twin_named"),
    ],
)
def test_newborns_under_their_mothers_name(one: dict[str, str], other: dict[str, str], wanted: str) -> None:
    """A placeholder says who the mother is, and often the sex and order of the child."""
    assert level("name", one, other) == wanted


@pytest.mark.feature("A29")
@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("1961-04-19", "19610419", "same"), ("1961年4月19日", "1961/04/19 00:00:00", "same"),
        ("1961-04-19", "1961-03-05", "lunar"), ("2020-05-23", "2020-04-01", "lunar"), ("1961-05-08", "1961-08-05", "swapped"),
        ("1961-05-08", "1961-05-18", "one_part"), ("1961-05-08", "1962-05-08", "year_digit"), ("1961-01-01", "1961-01-01", "same_new_year"),
        ("1961-05-08", "1961-01-01", "new_year"), ("1961-05-08", "1971-06-09", "other"), ("1961-13-45", "1961-05-08", "new_year"),
        ("", "1961-05-08", "missing"), ("不详", "1961-05-08", "missing"),
    ],
)  # fmt: skip
def test_how_near_two_birth_dates_are(one: str, other: str, wanted: str) -> None:
    """Lunar days (leap months too), exchanged days and months, guesses of 1 January and misprints each have a level."""
    assert level("born", {"dob": one}, {"dob": other}) == wanted


@pytest.mark.feature("A29")
def test_a_newborns_registration_stands_for_a_missing_birth_date() -> None:
    """A placeholder registered within weeks of a child's birth is of that age, though nobody wrote the birth date."""
    child = {"name": "李子轩", "dob": "2024-05-01"}
    assert level("born", {"name": "王芳之子", "reg_date": "2024-05-08"}, child) == "registered_at_birth"
    assert level("born", {"name": "王芳之子", "reg_date": "2021-05-08"}, child) == "registered_apart"


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("安徽省阜阳市泉河县石桥镇王家庄村三组12号", "石桥镇王家庄村委会3组12号", "same_house"),
        ("石桥镇王家庄行政村十一队", "泉河县石桥镇王家庄村11村民组", "same_group"),
        ("石桥镇王家庄村三组12号", "石桥镇王家庄村三组13号", "other_house"), ("石桥镇王家庄村", "王家庄村3组", "same_village"),
        ("石桥镇王家庄村4组", "王家庄村3组", "other_group"), ("石桥镇", "石桥镇王家庄村", "same_town"),
        ("石桥镇王家庄村", "石桥镇李家湾村", "other_village"), ("石桥镇王家庄村", "青龙乡王家庄村", "other"),
        ("城关街道幸福社区3栋502室", "城关街道幸福社区3幢502室", "same_house"), ("", "石桥镇", "missing"),
    ],
)  # fmt: skip
def test_how_near_two_addresses_are(one: str, other: str, wanted: str) -> None:
    """Town, village, group and house are read out of free text, in either kind of digits."""
    assert level("place", {"address": one}, {"address": other}) == wanted


@pytest.mark.parametrize("text", ["13912345678", "+86 139 1234 5678", "0086-13912345678", "１３９１２３４５６７８"])
def test_telephone_numbers_have_one_form(text: str) -> None:
    """Country code, spaces and width do not matter."""
    assert standard("phone", text)["phone.0"][0] == 13912345678


@pytest.mark.parametrize("text", ["", "1", "00000000000", "13800000000", "无", "12345678"])
def test_what_is_no_telephone_number_is_missing(text: str) -> None:
    """Fillers of the telephone field link nobody."""
    assert standard("phone", text)["phone.0"][0] == 0


@pytest.mark.feature("A29")
def test_other_documents_are_compared_as_such() -> None:
    """Passports and permits agree or differ; they are never taken for resident numbers."""
    assert level("number", {"idno": "E12345678"}, {"idno": "e 1234 5678"}) == "document_same"
    assert level("number", {"idno": "E12345678"}, {"idno": "H09876543"}) == "document_other"
    resident = number("341222", date(1950, 3, 8), 22)
    assert level("number", {"idno": "E12345678"}, {"idno": resident}) == "kinds_differ"


def test_the_platforms_own_columns_are_read_too() -> None:
    """A registration frame of the platform and a raw county row of the same facts have one standard form."""
    own = pl.DataFrame(
        {"full_name": ["王秀兰"], "sex_code": ["2"], "born_on": [date(1950, 3, 8)], "phone": ["13912345678"]}
    )
    raw = frame([record(name="王秀兰", sex="女", dob="1950-03-08", phone="13912345678")])
    assert api.standardise(own).equals(api.standardise(raw))


def test_a_frame_without_any_known_column_is_refused() -> None:
    """The refusal names the columns that were looked for."""
    with pytest.raises(ValueError, match="full_name"):
        api.standardise(pl.DataFrame({"x": ["1"]}))
