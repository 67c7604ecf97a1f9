"""Chinese identities one by one: what a registrar of a county meets, and what the engine makes of it."""

from __future__ import annotations

from datetime import date

import pytest

from yigong.platform.empi.engine import api, identity
from yigong.platform.empi.engine.model import load_model
from yigong.platform.empi.engine.tests.people import frame, number, record

MODEL = load_model("county")
BORN = date(1950, 3, 8)
HERS = number("341222", BORN, 22)
TWIN_DAY = date(2016, 5, 6)
ONE, OTHER = number("341222", TWIN_DAY, 24), number("341222", TWIN_DAY, 26)
HOME = {"address": "石桥镇王家庄村三组12号", "phone": "13912345678"}
SHE = {"name": "王秀兰", "sex": "女", "dob": "1950-03-08"}
CHILD = {"sex": "男", "dob": "2024-05-06", **HOME}


def short(full: str) -> str:
    """The number of 15 digits that an older card bore."""
    return full[:6] + full[8:17]


#: what it is about, the comparison, one record, the other, the level reached
LEVELS = [
    ("15 digits, 18 digits", "number", {**SHE, "idno": HERS}, {**SHE, "idno": short(HERS)}, "same_trusted"),
    ("a small x", "number", {"idno": "11010519491231002X", "dob": "1949-12-31"}, {"idno": "11010519491231002x", "dob": "1949-12-31"}, "same_trusted"),
    ("full-width digits", "number", {**SHE, "idno": HERS}, {**SHE, "idno": "".join(chr(ord(c) + 0xFEE0) for c in HERS)}, "same_trusted"),
    ("spaces inside", "number", {**SHE, "idno": HERS}, {**SHE, "idno": f" {HERS[:6]} {HERS[6:]}"}, "same_trusted"),
    ("one digit wrong", "number", {**SHE, "idno": HERS}, {**SHE, "idno": HERS[:12] + str((int(HERS[12]) + 1) % 10) + HERS[13:]}, "near"),
    ("two neighbors exchanged", "number", {**SHE, "idno": HERS}, {**SHE, "idno": HERS[:5] + HERS[6] + HERS[5] + HERS[7:]}, "near"),
    ("a division that is none", "number", {**SHE, "idno": HERS}, {**SHE, "idno": number("991222", BORN, 22)}, "other_bad"),
    ("a husband's number on his wife", "number", {**SHE, "idno": number("341222", date(1948, 6, 10), 31)}, {"name": "李建国", "sex": "男", "dob": "1948-06-10", "idno": number("341222", date(1948, 6, 10), 31)}, "same_one_trusted"),
    ("a mother's number on two children", "number", {**CHILD, "idno": HERS}, {**CHILD, "dob": "2020-01-02", "idno": HERS}, "same_relative"),
    ("two cards of two persons", "number", {"dob": str(TWIN_DAY), "idno": ONE}, {"dob": str(TWIN_DAY), "idno": OTHER}, "two_trusted"),
    ("zeros as a filler", "number", {**SHE, "idno": HERS}, {**SHE, "idno": "000000000000000000"}, "missing"),
    ("the number's own lunar day", "born", {"dob": "1961-03-05", "idno": number("341222", date(1961, 4, 19), 22)}, {"dob": "1961-04-19"}, "number_date"),
    ("a lunar day", "born", {"dob": "1961-04-19"}, {"dob": "1961-03-05"}, "lunar"),
    ("a lunar day in a leap month", "born", {"dob": "2020-05-23"}, {"dob": "2020-04-01"}, "lunar"),
    ("homophones", "name", {"name": "王秀兰"}, {"name": "王秀蓝"}, "same_sound"),
    ("n and l in dialect", "name", {"name": "李南"}, {"name": "李兰"}, "near_sound"),
    ("look-alike characters", "name", {"name": "刘己"}, {"name": "刘已"}, "look_alike"),
    ("an old form", "name", {"name": "張偉"}, {"name": "张伟"}, "same_common"),
    ("a compound surname", "name", {"name": "欧阳雪梅"}, {"name": "欧阳雪莲"}, "last_given"),
    ("a rare character, plane 2", "name", {"name": "王𠅤明"}, {"name": "王 𠅤明"}, "same_rare"),
    ("another rare character, plane 2", "name", {"name": "𬱖国强"}, {"name": "𬱖国强"}, "same_rare"),
    ("a rare character, plane 3", "name", {"name": "王\U00030edd明"}, {"name": "王\U00030edd明"}, "same_rare"),
    ("two rare characters", "name", {"name": "王𠅤明"}, {"name": "王𠮷明"}, "first_given"),
    *[(f"interpunct U+{ord(dot):04X}", "name", {"name": "阿依古丽·艾买提"}, {"name": f"阿依古丽{dot}艾买提"}, "same_rare") for dot in "•‧∙⋅・･．.●﹒"],
    ("a name in letters", "name", {"name": "John Smith"}, {"name": "SMITH JOHN"}, "same_rare"),
    ("a newborn and its name", "name", {"name": "王芳之子"}, {"name": "李浩然", "contact": "王芳"}, "newborn_contact"),
    ("twins by order", "name", {"name": "王芳之大子"}, {"name": "王芳之小子"}, "newborn_conflict"),
    ("twins by letter", "name", {"name": "王芳之子A"}, {"name": "王芳之子B"}, "newborn_conflict"),
    *[(f"unknown: {said}", "name", {"name": said}, {"name": said}, "missing") for said in ("无名氏", "不详", "未知", "佚名", "匿名", "无", "待查", "未取名", "男婴", "不明身份")],
    ("a passport", "number", {"idno": "E12345678"}, {"idno": "e1234 5678"}, "document_same"),
    ("a permit of Hong Kong and Macao", "number", {"idno": "H09876543"}, {"idno": "H0987654302"}, "document_other"),
    ("a birth certificate and a card", "number", {"idno": "L340012345"}, {**SHE, "idno": HERS}, "kinds_differ"),
    ("an older permit of foreigners", "number", {"idno": "USA110080010109"}, {"idno": "usa110080010109"}, "document_same"),
    ("a residence permit of Taiwan", "number", {"dob": "1980-05-06", "idno": number("830000", date(1980, 5, 6), 17)}, {"dob": "1980-05-06", "idno": number("830000", date(1980, 5, 6), 17)}, "same_trusted"),
    ("a foreigner's card of 2023", "number", {"dob": "1981-08-03", "idno": number("911124", date(1981, 8, 3), 2)}, {"dob": "1981-08-03", "idno": number("911124", date(1981, 8, 3), 2)}, "same_trusted"),
]  # fmt: skip


@pytest.mark.feature("A22", "A29")
@pytest.mark.parametrize(("about", "field", "one", "other", "wanted"), LEVELS, ids=[c[0] for c in LEVELS])
def test_each_case_reaches_its_level(
    about: str, field: str, one: dict[str, str], other: dict[str, str], wanted: str
) -> None:
    """The level is the one that a registrar would name, from either side."""
    for a, b in ((one, other), (other, one)):
        steps = api.compare(MODEL, record(**a), record(**b)).steps
        assert next(s.level for s in steps if s.field == field) == wanted


#: what it is about, whether they are one person, the records
DECISIONS = [
    ("a name given after birth", True, [{"name": "王芳之子", **CHILD}, {"name": "李浩然", "contact": "王芳", **CHILD}]),
    ("twins with cards", False, [{"name": "李思雨", "sex": "女", "dob": str(TWIN_DAY), "idno": ONE, **HOME}, {"name": "李思琪", "sex": "女", "dob": str(TWIN_DAY), "idno": OTHER, **HOME}]),
    ("twins of one sound with cards", False, [{"name": "韩子雨", "sex": "女", "dob": str(TWIN_DAY), "idno": ONE, **HOME}, {"name": "韩子语", "sex": "女", "dob": str(TWIN_DAY), "idno": OTHER, **HOME}]),
    ("husband and wife on one card and telephone", False, [{**SHE, "idno": HERS, **HOME}, {"name": "李建国", "sex": "男", "dob": "1948-06-10", "idno": HERS, **HOME}]),
    ("the same card, misprints elsewhere", True, [{**SHE, "idno": HERS}, {"name": "王秀蓝", "sex": "女", "dob": "1950-08-03", "idno": HERS, **HOME}]),
    ("two strangers of a common name", False, [{"name": "张伟", "sex": "男", "dob": "1980-05-06"}, {"name": "张伟", "sex": "男", "dob": "1985-11-23"}]),
    ("two unknown persons in one place", False, [{"name": "无名氏", "sex": "男", **HOME}, {"name": "无名氏", "sex": "男", **HOME}]),
    ("a foreigner twice", True, [{"name": "John Smith", "sex": "男", "dob": "1981-08-03", "idno": "E12345678"}, {"name": "SMITH JOHN", "sex": "男", "dob": "1981-08-03", "idno": "E12345678"}]),
    ("a minority name with another dot", True, [{"name": "阿依古丽·艾买提", "sex": "女", "dob": "1990-02-03", **HOME}, {"name": "阿依古丽•艾买提", "sex": "女", "dob": "1990-02-03", **HOME}]),
]  # fmt: skip


@pytest.mark.feature("A29")
@pytest.mark.parametrize(("about", "together", "records"), DECISIONS, ids=[c[0] for c in DECISIONS])
def test_each_case_is_decided(about: str, together: bool, records: list[dict[str, str]]) -> None:
    """Joined or not, as a careful registrar would."""
    linked = api.link(frame([record(**r) for r in records]), MODEL, train=False)
    assert (linked["cluster"].n_unique() == 1) == together


@pytest.mark.feature("A29")
def test_a_child_that_fits_two_newborns_is_joined_with_neither() -> None:
    """之大女 and 之小女 fit the one child that has a name equally well; rather neither than the wrong one."""
    child = {"sex": "女", "dob": "2024-05-06", "contact": "王芳", **HOME}
    people = [{"name": "李思雨", **child}, {"name": "王芳之大女", **child}, {"name": "王芳之小女", **child}]
    assert api.link(frame([record(**p) for p in people]), MODEL, train=False)["cluster"].n_unique() == 3
    assert api.link(frame([record(**p) for p in people[:2]]), MODEL, train=False)["cluster"].n_unique() == 1


@pytest.mark.feature("A22")
@pytest.mark.parametrize(
    ("text", "good"),
    [(number("911124", date(1981, 8, 3), 2), True), (number("991124", date(1981, 8, 3), 2), False),
     (number("830000", date(1980, 5, 6), 17), True), (number("840000", date(1980, 5, 6), 17), False),
     (short(number("341222", date(1898, 5, 6), 997)), True)],
)  # fmt: skip
def test_divisions_and_kinds_of_cards(text: str, good: bool) -> None:
    """Provinces, residence permits and the foreigners' card of 2023 are known; a centenarian's short number says 18xx."""
    said = identity.read(text)
    assert (said is not None) == good
    if said is not None and len(text) == 15:
        assert said.born_on.year == 1898
