"""What follows from the records of a person: allergies, contradictions, supply of medication, flags. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from yigong.platform.records.facts import Allergy, Claim, Contradiction, Medication, Problem, Source

#: doses in a day by the code of CV06.00.228
PER_DAY = {
    "1": 2.0, "2": 2 / 7, "3": 1.0, "4": 2.0, "5": 24.0, "6": 8.0, "7": 4.0, "8": 3.0, "9": 1.0, "10": 4.0, "11": 0.5,
    "12": 1 / 7, "tid": 3.0, "qd": 1.0, "bid": 2.0, "qid": 4.0, "qn": 1.0, "hs": 1.0, "qod": 0.5, "qw": 1 / 7,
    "biw": 2 / 7, "q12h": 2.0, "q8h": 3.0, "q6h": 4.0,
}  # fmt: skip
FREQUENCIES_ZH = {
    "1": "每日2次", "2": "每周2次", "3": "每晚1次", "4": "每12小时1次", "5": "每小时1次", "6": "每3小时1次",
    "7": "每6小时1次", "8": "每8小时1次", "9": "每日1次", "10": "每日4次", "11": "隔日1次", "12": "每周1次",
    "13": "立即", "tid": "每日3次", "qd": "每日1次", "bid": "每日2次", "qid": "每日4次", "qn": "每晚1次",
    "hs": "睡前1次", "qod": "隔日1次", "qw": "每周1次", "biw": "每周2次", "q12h": "每12小时1次", "q8h": "每8小时1次",
    "q6h": "每6小时1次", "st": "立即",
}  # fmt: skip

#: beginnings of ICD-10 codes whose disease stays: (prefix, name of the problem, chapter of care)
LONG_TERM = {
    "I10": "高血压", "I11": "高血压心脏病", "I12": "高血压肾病", "I13": "高血压心脏和肾脏病", "I15": "继发性高血压",
    "E10": "1 型糖尿病", "E11": "2 型糖尿病", "E13": "其他糖尿病", "E14": "糖尿病", "N18": "慢性肾脏病",
    "I20": "心绞痛", "I21": "急性心肌梗死史", "I25": "慢性缺血性心脏病", "I48": "心房颤动", "I50": "心力衰竭",
    "I63": "脑梗死史", "I61": "脑出血史", "I69": "脑血管病后遗症", "J44": "慢性阻塞性肺疾病", "J45": "哮喘",
    "K74": "肝硬化", "B18": "慢性病毒性肝炎", "F20": "精神分裂症", "F31": "双相障碍", "G20": "帕金森病",
    "G40": "癫痫", "M05": "类风湿关节炎", "M06": "类风湿关节炎", "M81": "骨质疏松症", "E78": "血脂异常",
    "M10": "痛风", "E05": "甲状腺功能亢进症", "E03": "甲状腺功能减退症", "A15": "肺结核", "A16": "肺结核",
    "N40": "前列腺增生", "H40": "青光眼", "I67": "脑血管病", "I70": "动脉粥样硬化", "J43": "肺气肿",
}  # fmt: skip

#: kinds of past disease (CV02.10.005) that stay
PAST_DISEASES = {
    "2": ("I10", "高血压"), "3": ("E11", "糖尿病"), "4": ("I25", "冠心病"), "5": ("J44", "慢性阻塞性肺疾病"),
    "6": ("C80", "恶性肿瘤"), "7": ("I69", "脑卒中"), "8": ("F20", "重性精神疾病"), "9": ("A16", "结核病"),
    "13": ("N18", "肾脏疾病"),
}  # fmt: skip

_DENIED = re.compile(r"^(无|否认|未发现|没有|未见|不过敏)|[（(:：](无|阴性|-)[)）]?$|(阴性|不过敏)$")
_UNKNOWN = re.compile(r"^(不详|未询问|未问|不清|未知|未记录|未查|/|-|—)+$")
_SEPARATORS = re.compile(r"[、，,;；。\n]|及|和")
_NOISE = re.compile(
    r"皮试阳性|皮试\(\+\)|皮试|阳性|过敏史|过敏|药物史|药物|史|类抗生素|抗生素|类|对|有|否认|未发现|没有|未见|不|无|阴性|食物"
)
_YEAR = re.compile(r"(19|20)\d\d年?")
_MARKS = re.compile(r"[（）()：:\s+\-]")


def allergies(flag: bool | None, text: str, source: Source) -> list[Allergy]:
    """The statements in one record: free text such as 青霉素皮试阳性、否认磺胺过敏, with the flag beside it."""
    words = (text or "").strip()
    if words and not _UNKNOWN.match(words):
        found = [a for part in _SEPARATORS.split(words) if part.strip() for a in [_statement(part.strip(), source)]]
        named = [a for a in found if a.substance]
        return list(dict.fromkeys(named or found[:1]))
    if flag is None:
        return []
    return [Allergy("", flag, "", source)]


def _statement(part: str, source: Source) -> Allergy:
    denied = bool(_DENIED.search(part))
    bare = _MARKS.sub("", _NOISE.sub("", _YEAR.sub("", part)))
    return Allergy(bare, not denied, part, source)


def allergy_state(statements: Sequence[Allergy]) -> str:
    """Whether an allergy is known, denied, disputed, or whether nobody asked."""
    if not statements:
        return "not_asked"
    if any(a.present for a in statements):
        return "present"
    return "denied"


def present_allergies(statements: Iterable[Allergy]) -> list[Allergy]:
    """One line for each substance that some source calls an allergy, the newest statement of each."""
    newest: dict[str, Allergy] = {}
    for a in sorted((a for a in statements if a.present), key=lambda a: _moment(a.source), reverse=True):
        newest.setdefault(a.substance, a)
    if len(newest) > 1:
        newest.pop("", None)
    return list(newest.values())


def contradictions(
    blood: Sequence[Claim], statements: Sequence[Allergy], medications: Sequence[Medication], today: date
) -> list[Contradiction]:
    """Where sources disagree: blood group, an allergy claimed and denied, the dose of a medication in use."""
    return [*_blood(blood), *_disputed(statements), *_doses(medications, today)]


def _blood(claims: Sequence[Claim]) -> list[Contradiction]:
    by_value: dict[str, Claim] = {}
    for claim in claims:
        by_value.setdefault(claim.value, claim)
    return [Contradiction("blood_group", "", tuple(by_value.values()))] if len(by_value) > 1 else []


def _disputed(statements: Sequence[Allergy]) -> list[Contradiction]:
    """A substance claimed by one institution and denied by another, by name or by a later denial of all allergies."""
    found = []
    for yes in present_allergies(statements):
        denials = [
            a for a in statements
            if not a.present and a.source.org_code != yes.source.org_code
            and (a.substance == yes.substance or (not a.substance and _moment(a.source) > _moment(yes.source)))
        ]  # fmt: skip
        if denials:
            no = max(denials, key=lambda a: _moment(a.source))
            claims = (Claim("present", yes.source), Claim("denied", no.source))
            found.append(Contradiction("allergy", yes.substance, claims))
    return found


def _doses(medications: Sequence[Medication], today: date) -> list[Contradiction]:
    by_name: dict[str, dict[str, Medication]] = defaultdict(dict)
    for m in sorted(medications, key=lambda m: m.started_on, reverse=True):
        if m.dose is not None and is_current(m, today):
            by_name[m.key].setdefault(m.source.org_code, m)
    return [
        Contradiction("dose", group[0].name, tuple(Claim(dose_text(m), m.source) for m in group))
        for group in (list(g.values()) for g in by_name.values())
        if len({(m.unit, daily_dose(m)) for m in group}) > 1
    ]


def daily_dose(m: Medication) -> float | None:
    """How much is taken in a day, in the unit of the dose."""
    times = PER_DAY.get(m.frequency_code.lower().lstrip("0"))
    return round(float(m.dose) * times, 4) if m.dose is not None and times else None


def dose_text(m: Medication) -> str:
    """A single dose as it is written: 5mg."""
    return f"{plain(m.dose)}{m.unit}" if m.dose is not None else ""


def supply_days(total: Decimal | None, dose: Decimal | None, frequency_code: str, given: int | None) -> int | None:
    """How many days a prescription lasts: as it says itself, else the total divided by what a day takes."""
    if given:
        return given
    times = PER_DAY.get((frequency_code or "").lower().lstrip("0"))
    if not total or not dose or not times:
        return None
    return max(1, math.floor(float(total) / (float(dose) * times) + 1e-9))


def days_left(m: Medication, today: date) -> int | None:
    """Days until the supply ends, 0 when it has ended; None where the record does not say how long it lasts."""
    return None if m.days is None else max(0, (m.started_on + timedelta(days=m.days) - today).days)


def is_current(m: Medication, today: date, unknown_days: int = 30) -> bool:
    """Whether a medication is in use: its supply lasts, or its length is unknown and it is recent."""
    left = days_left(m, today)
    return left > 0 if left is not None else (today - m.started_on).days <= unknown_days


def merged(medications: Iterable[Medication], today: date) -> list[Medication]:
    """Medication in use over all institutions: the newest line of each name at each institution that still lasts."""
    newest: dict[tuple[str, str], Medication] = {}
    for m in sorted(medications, key=lambda m: (m.started_on, m.days or 0), reverse=True):
        if is_current(m, today):
            newest.setdefault((m.key, m.source.org_code), m)
    return sorted(newest.values(), key=lambda m: (m.started_on, m.key), reverse=True)


def supply(medications: Iterable[Medication]) -> list[tuple[date, date, str]]:
    """Stretches of time covered by at least one of these medications, with the institution that prescribed it.

    A new prescription of the same medication begins when the last one ends: what is left at home is used up.
    """
    by_name: dict[str, list[Medication]] = defaultdict(list)
    for m in sorted((m for m in medications if m.days), key=lambda m: m.started_on):
        by_name[m.key].append(m)
    every = sorted(stretch for group in by_name.values() for stretch in _stocked(group))
    covered: list[tuple[date, date, str]] = []
    for start, end, org in every:
        begins = max(start, covered[-1][1]) if covered else start
        if end > begins:
            covered.append((begins, end, org))
    return covered


def _stocked(prescriptions: Iterable[Medication]) -> Iterable[tuple[date, date, str]]:
    until = date.min
    for m in prescriptions:
        start = max(m.started_on, until)
        until = start + timedelta(days=m.days or 0)
        yield start, until, m.source.org_code


def gaps(stretches: Sequence[tuple[date, date, str]], today: date, *, least: int = 14) -> list[tuple[date, date]]:
    """Stretches without supply of at least *least* days between the first prescription and today."""
    ends = [(end, nxt[0]) for (_, end, _), nxt in pairwise(stretches)]
    if stretches and stretches[-1][1] < today:
        ends.append((stretches[-1][1], today))
    return [(a, b) for a, b in ends if (b - a).days >= least]


def long_term(code: str, name: str) -> tuple[str, str] | None:
    """The long-term problem behind a diagnosis: its group and its words; None for what passes."""
    group = (code or "").strip().upper()[:3]
    if group in LONG_TERM:
        return group, (name or LONG_TERM[group]).strip()
    if group[:1] == "C" or group in ("D46", "D47"):
        return group, (name or "恶性肿瘤").strip()
    return None


def problems(diagnoses: Iterable[tuple[str, str, Source]]) -> list[Problem]:
    """Long-term problems from diagnoses (code, name, source), the words of the newest mention, oldest problem first."""
    grouped: dict[str, list[tuple[str, str, Source]]] = defaultdict(list)
    for code, name, source in diagnoses:
        found = long_term(code, name)
        if found and source.at:
            grouped[_family(found[0])].append((code, found[1], source))
    made = [_problem(sorted(g, key=lambda d: _moment(d[2]))) for g in grouped.values()]
    return sorted(made, key=lambda p: p.since)


def _family(group: str) -> str:
    return {"I11": "I10", "I12": "I10", "I13": "I10", "E14": "E11", "E13": "E11", "A15": "A16"}.get(group, group)


def _problem(mentions: list[tuple[str, str, Source]]) -> Problem:
    first, last = mentions[0][2], mentions[-1][2]
    assert first.at is not None and last.at is not None
    orgs = tuple(dict.fromkeys(s.org_code for _, _, s in reversed(mentions)))
    return Problem(mentions[-1][0], mentions[-1][1], first.at, last.at, last, orgs)


_RANGE = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*(?:-{1,2}|~|～|–|—|至)\s*(-?\d+(?:\.\d+)?)")
_BOUND = re.compile(r"^\s*([<>≤≥＜＞]=?)\s*(-?\d+(?:\.\d+)?)")


def reference(text: str) -> tuple[Decimal | None, Decimal | None]:
    """The lower and upper limit of a reference range written as 3.5-9.5, 3.5~9.5, <5.2 or ≥90."""
    if m := _RANGE.match(text or ""):
        return _number(m[1]), _number(m[2])
    if m := _BOUND.match(text or ""):
        limit = _number(m[2])
        return (None, limit) if m[1][0] in "<≤＜" else (limit, None)
    return None, None


def flag(value: Decimal | None, low: Decimal | None, high: Decimal | None, said: str = "") -> str:
    """How a result stands to its range; what the laboratory said goes before what is reckoned."""
    stated = _SAID.get((said or "").strip().lower(), "")
    if stated:
        return stated
    if value is None or (low is None and high is None):
        return ""
    if low is not None and value < low:
        return "low"
    return "high" if high is not None and value > high else "normal"


_SAID = {
    "h": "high", "l": "low", "hh": "critical_high", "ll": "critical_low", "n": "normal", "↑": "high", "↓": "low",
    "↑↑": "critical_high", "↓↓": "critical_low", "高": "high", "低": "low", "正常": "normal", "异常": "abnormal",
    "阳性": "abnormal", "阴性": "normal", "危急": "critical_high", "危急值": "critical_high", "a": "abnormal",
    "critical": "critical_high",
    "high": "high", "low": "low", "normal": "normal", "abnormal": "abnormal",
    "critical_high": "critical_high", "critical_low": "critical_low",
}  # fmt: skip


def frequency_word(code: str) -> str:
    """How often a medication is taken, in words; the code itself where it is not known."""
    return FREQUENCIES_ZH.get(code.lower().lstrip("0"), code)


def plain(number: Decimal | float | None) -> str:
    """A number without trailing zeros: 5.00 -> 5."""
    if number is None:
        return ""
    text = f"{Decimal(str(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _moment(source: Source) -> float:
    return source.at.timestamp() if source.at else 0.0
