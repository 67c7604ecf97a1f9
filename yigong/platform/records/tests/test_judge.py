"""What follows from the records of a person."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.platform.records import judge
from yigong.platform.records.facts import Claim, Medication, Source

TODAY = date(2026, 11, 22)
COUNTY, TOWN = "100000001X", "1000000022"


def at(org: str, day: str = "2026-01-01") -> Source:
    """A source at an institution on a day."""
    return Source(org, datetime.fromisoformat(day).replace(tzinfo=UTC))


def drug(name: str, dose: str, org: str, start: str, days: int | None, frequency: str = "9") -> Medication:
    """A prescribed medication in milligrams."""
    return Medication(name, "", Decimal(dose), "mg", frequency, "1", None, date.fromisoformat(start), days, at(org))


@pytest.mark.feature("B04")
@pytest.mark.parametrize(
    ("flag", "words", "expected"),
    [
        (None, "", []),
        (None, "不详", []),
        (None, "未询问", []),
        (True, "", [("", True)]),
        (False, "", [("", False)]),
        (False, "无", [("", False)]),
        (None, "否认药物过敏史", [("", False)]),
        (True, "青霉素", [("青霉素", True)]),
        (True, "青霉素皮试阳性（2019年）", [("青霉素", True)]),
        (True, "青霉素、磺胺类", [("青霉素", True), ("磺胺", True)]),
        (None, "对青霉素过敏，否认磺胺过敏", [("青霉素", True), ("磺胺", False)]),
        (True, "磺胺类抗生素", [("磺胺", True)]),
    ],
)
def test_free_text_of_allergies(flag: bool | None, words: str, expected: list[tuple[str, bool]]) -> None:
    """过敏史的自由文本读成逐条陈述：有、否认、没问过是三件事。"""
    found = judge.allergies(flag, words, at(COUNTY))
    assert [(a.substance, a.present) for a in found] == expected


@pytest.mark.feature("B04")
def test_never_asked_is_not_denied() -> None:
    """没有任何机构问过，状态是未询问，不是没有过敏。"""
    assert judge.allergy_state([]) == "not_asked"
    assert judge.allergy_state(judge.allergies(False, "", at(COUNTY))) == "denied"
    assert judge.allergy_state(judge.allergies(True, "青霉素", at(COUNTY))) == "present"


@pytest.mark.feature("B04")
@pytest.mark.parametrize(
    ("claims", "subjects"),
    [
        ([(COUNTY, "2019-01-01", "青霉素"), (TOWN, "2026-01-01", "无")], ["青霉素"]),
        ([(COUNTY, "2026-01-01", "青霉素"), (TOWN, "2019-01-01", "无")], []),
        ([(COUNTY, "2019-01-01", "磺胺"), (TOWN, "2018-01-01", "否认磺胺过敏")], ["磺胺"]),
        ([(COUNTY, "2019-01-01", "青霉素"), (COUNTY, "2026-01-01", "无")], []),
        ([(COUNTY, "2019-01-01", "青霉素"), (TOWN, "2026-01-01", "青霉素")], []),
    ],
)
def test_disputed_allergies(claims: list[tuple[str, str, str]], subjects: list[str]) -> None:
    """一家说有、另一家点名否认或更晚否认一切过敏，就是矛盾；更早的一般否认不算。"""
    statements = [a for org, day, words in claims for a in judge.allergies(None, words, at(org, day))]
    assert [c.subject for c in judge.contradictions([], statements, [], TODAY)] == subjects


@pytest.mark.feature("B04")
def test_two_blood_groups_stand_side_by_side() -> None:
    """两处血型不同则并列，机器不选。"""
    found = judge.contradictions([Claim("A", at(TOWN)), Claim("AB", at(COUNTY)), Claim("A", at(COUNTY))], [], [], TODAY)
    assert [[c.value for c in f.claims] for f in found] == [["A", "AB"]]


@pytest.mark.feature("B04")
def test_doses_of_one_medication() -> None:
    """两家正在用的同一种药日剂量不同是矛盾；已经用完的不算，次数不同而日剂量相同的不算。"""
    now, over = drug("氨氯地平片", "5", COUNTY, "2026-11-01", 28), drug("氨氯地平片", "10", TOWN, "2026-01-01", 28)
    other = drug("氨氯地平片", "10", TOWN, "2026-11-10", 28)
    split = drug("氨氯地平片", "2.5", TOWN, "2026-11-10", 28, frequency="1")
    assert judge.contradictions([], [], [now, over], TODAY) == []
    assert judge.contradictions([], [], [now, split], TODAY) == []
    (found,) = judge.contradictions([], [], [now, other], TODAY)
    assert {c.value for c in found.claims} == {"5mg", "10mg"}


@pytest.mark.parametrize(
    ("total", "dose", "frequency", "given_days", "days"),
    [("140", "5", "9", None, 28), ("28", "0.5", "8", 7, 7), (None, "5", "9", None, None), ("30", "10", "1", None, 1),
     ("42", "0.5", "08", None, 28), ("5", "5", "99", None, None)],
)  # fmt: skip
def test_days_of_supply(total: str | None, dose: str, frequency: str, given_days: int | None, days: int | None) -> None:
    """供药天数取处方所写，没有写就由总量、次剂量和频次算出；算不出来就是未知。"""
    assert judge.supply_days(total and Decimal(total), Decimal(dose), frequency, given_days) == days  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 90)), max_size=30))
def test_supply_never_overlaps(prescriptions: list[tuple[int, int]]) -> None:
    """同一种药的供药段按时间相接，从不重叠，总长等于各处方天数之和。"""
    drugs = [drug("氨氯地平片", "5", COUNTY, date.fromordinal(739000 + s).isoformat(), d) for s, d in prescriptions]
    stretches = judge.supply(drugs)
    assert all(a < b for a, b, _ in stretches)
    assert all(x[1] <= y[0] for x, y in pairwise(stretches))
    assert sum((b - a).days for a, b, _ in stretches) == sum(d for _, d in prescriptions)


def test_gaps_in_supply() -> None:
    """断药是两段供药之间或最后一段到今天之间的空白。"""
    drugs = [drug("氨氯地平片", "5", COUNTY, "2026-01-01", 30), drug("氨氯地平片", "5", TOWN, "2026-04-01", 30)]
    assert judge.gaps(judge.supply(drugs), date(2026, 5, 5)) == [(date(2026, 1, 31), date(2026, 4, 1))]


@pytest.mark.parametrize(
    ("text", "limits"),
    [("3.5-9.5", ("3.5", "9.5")), ("3.5～9.5", ("3.5", "9.5")), ("3.5--9.5", ("3.5", "9.5")), ("<5.2", (None, "5.2")),
     ("≥90", ("90", None)), ("阴性", (None, None)), ("", (None, None))],
)  # fmt: skip
def test_reference_ranges(text: str, limits: tuple[str | None, str | None]) -> None:
    """参考范围的各种写法读成上下限。"""
    assert judge.reference(text) == tuple(x and Decimal(x) for x in limits)


@pytest.mark.parametrize(
    ("value", "said", "mark"),
    [("3.2", "", "low"), ("4.0", "", "normal"), ("5.6", "", "high"), ("5.6", "正常", "normal"), (None, "阳性", "abnormal"),
     (None, "", ""), ("6.9", "HH", "critical_high")],
)  # fmt: skip
def test_flags(value: str | None, said: str, mark: str) -> None:
    """报告所写的标志优先，没有写才按参考范围判断；没有依据就不判断。"""
    assert judge.flag(value and Decimal(value), Decimal("3.5"), Decimal("5.3"), said) == mark  # type: ignore[arg-type]


def test_problems_are_one_for_each_disease() -> None:
    """多次诊断合成一条长期问题：最早日期、最近说法、涉及机构；一过性的病不列。"""
    found = judge.problems([
        ("I10.x05", "高血压3级", at(COUNTY, "2026-09-15")), ("I10", "高血压", at(TOWN, "2011-05-01")),
        ("J06.9", "上呼吸道感染", at(TOWN, "2026-02-01")), ("E11.2", "2型糖尿病伴肾损害", at(COUNTY, "2015-01-01")),
    ])  # fmt: skip
    assert [(p.name, p.since.year, len(p.orgs)) for p in found] == [
        ("高血压3级", 2011, 2),
        ("2型糖尿病伴肾损害", 2015, 1),
    ]
