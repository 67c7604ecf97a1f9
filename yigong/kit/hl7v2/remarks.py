"""What a message says in a way that the standard does not have, and that is used or left out all the same: ERR of severity W. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from yigong.kit.hl7v2.faults import DATA, LONGEST_KEPT, MISSING, PROCESSING, VALUE, Fault
from yigong.kit.hl7v2.parse import NULL, Message, Segment
from yigong.kit.moments import NotAMoment, day, is_blank, is_moment_or_blank

#: HL7 table 0001 and the national codes -> code of GB/T 2261.1
SEX = {"M": "1", "F": "2", "U": "0", "O": "9", "A": "9", "N": "9", "1": "1", "2": "2", "0": "0", "9": "9"}
#: words that stand where the code should
SEX_WORDS = {
    "男": "1", "男性": "1", "MALE": "1", "女": "2", "女性": "2", "FEMALE": "2",
    "未知": "0", "未知的性别": "0", "UNKNOWN": "0", "未说明": "9", "未说明的性别": "9", "OTHER": "9",
}  # fmt: skip
#: HL7 table 0103, what is no production
TRIALS = {"T": ("培训", "training"), "D": ("调试", "debugging")}
EARLIEST = date(1850, 1, 1)
#: moments whose value the records use, besides the birth date
MOMENTS = (("MSH", (7,)), ("EVN", (2, 6)), ("PV1", (44, 45)))
REPORTED = (7, 22)  # of every OBR: observed, reported
#: a number, or the comparison that laboratories send in its place
A_NUMBER = r"\s*(?:[<>]=?|[≤≥＜＞])?\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*"
NUMBER = re.compile(A_NUMBER + r"\Z")
#: the commonest writings of a moment that every calendar has: asked before the slower question whether it is one
PLAINLY = re.compile(
    "(?!0000)[0-9]{4}(?:(?:(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
    r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:\.[0-9]*)?)?)?|0[1-9]|1[0-2])?(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])?\Z"
)
#: an OBX of type NM whose value is not plainly a number; the commonest writing is tried first
NO_NUMBER = re.compile(
    rf"\rOBX\|[^|\r]*+\|NM\|[^|\r]*+\|[^|\r]*+\|(?!(?:[0-9]++(?:\.[0-9]++)?+)?+\||{A_NUMBER}(?:[|\r]|\Z)|\r|\Z)"
)


def sex_of(text: str) -> tuple[str, bool]:
    """The code of GB/T 2261.1 for PID-8, empty where it says nothing that is understood; and whether it was a code."""
    said = "" if text.strip() in (NULL, "-", "NULL") else text.strip().upper()
    if said in SEX or not said:
        return SEX.get(said, ""), True
    return SEX_WORDS.get(said, ""), False


def birth_of(text: str, today: date) -> date | None:
    """The day of PID-7; None for one that no calendar has, that is not complete, before 1850, or still to come."""
    return _birth_of(text, today) if len(text) < LONGEST_KEPT else _born(text, today)


def _born(text: str, today: date) -> date | None:
    try:
        found = day(text)
    except NotAMoment:
        return None
    return found if EARLIEST <= found <= today else None


_birth_of = lru_cache(maxsize=8192)(_born)


def remarks_of(message: Message, today: date) -> list[Fault]:
    """What the sender should mend: message taken in, the value used as far as it is understood, the original kept."""
    return [*_head(message), *_person(message, today), *_moments(message), *_reports(message), *_observations(message)]


def _head(message: Message) -> tuple[Fault, ...]:
    return _of_way(message.get("MSH-11").strip().upper()[:LONGEST_KEPT], not message.get("MSH-12").strip())


@lru_cache(maxsize=1024)
def _of_way(processing: str, is_versionless: bool) -> tuple[Fault, ...]:
    """What is said of processing id and version: the same for every message of a sender."""
    return tuple(_said_of_way(processing, is_versionless))


def _said_of_way(processing: str, is_versionless: bool) -> Iterator[Fault]:
    if not processing:
        zh, en = "MSH-11 为空，按生产数据（P）处理；请补全", "MSH-11 is empty and taken as P (production); fill it in"
        yield Fault("MSH", 11, 0, MISSING, zh, en, warns=True)
    elif processing != "P":
        word, name = TRIALS.get(processing, (processing, processing))
        zh, en = (
            f"MSH-11 为 {processing}（{word}）：原件已保存并标记为测试，不成为居民记录，也不转发；生产数据请填 P",
            f"MSH-11 is {processing} ({name}): the message is kept and marked as a test, makes no records and goes nowhere; "
            "production data say P",
        )
        yield Fault("MSH", 11, 1, PROCESSING, zh, en, warns=True)
    if is_versionless:
        zh, en = "MSH-12 为空，按 2.5 版处理；请补全", "MSH-12 is empty and taken as 2.5; fill it in"
        yield Fault("MSH", 12, 0, MISSING, zh, en, warns=True)


def _person(message: Message, today: date) -> Iterator[Fault]:
    pid = message.first("PID")
    if pid is None:
        return
    born, sex = pid.value(7), pid.value(8)
    if born and not is_blank(born) and born != NULL and birth_of(born, today) is None:
        zh, en = (
            f"PID-7 的出生日期“{born[:30]}”不存在、不完整、早于 1850 年或晚于今天，未采用；请更正后重发",
            f"PID-7: the date of birth “{born[:30]}” does not exist, is incomplete, before 1850 or still to come, and was not used; "
            "mend it and send again",
        )
        yield Fault("PID", 7, 0, DATA, zh, en, warns=True, rule="date_impossible")
    if not sex or sex in SEX:
        return
    code, is_code = sex_of(sex)
    if is_code:
        return
    if code:
        zh, en = (
            f"PID-8 是文字“{sex[:10]}”而不是代码，已按其含义读取；请改用 M、F、U、O",
            f"PID-8 holds the word “{sex[:10]}” instead of a code and was understood; send M, F, U or O",
        )
    else:
        zh, en = (
            f"PID-8 的性别“{sex[:10]}”无法识别，未采用；请改用 M、F、U、O 后重发",
            f"PID-8: the sex “{sex[:10]}” is not known and was not used; send M, F, U or O",
        )
    yield Fault("PID", 8, 1, VALUE, zh, en, warns=True, rule="code_unknown")


def _moments(message: Message) -> Iterator[Fault]:
    for name, fields in MOMENTS:
        if (segment := message.first(name)) is None:
            continue
        for field in fields:
            if (text := segment.value(field)) and not PLAINLY.match(text) and not is_moment(text):
                yield _no_moment(name, field, text)


def _reports(message: Message) -> Iterator[Fault]:
    for at, obr in enumerate(message.segments("OBR"), start=1):
        for field in REPORTED:
            if (text := obr.value(field)) and not PLAINLY.match(text) and not is_moment(text):
                yield _no_moment("OBR", field, text, at)


def _observations(message: Message) -> Iterator[Fault]:
    for at, line in enumerate(message.alike.get("OBX", ()), start=1):
        fields = line.split(message.separators.field, 6)
        if len(fields) > 5 and fields[2] == "NM" and not NUMBER.match(fields[5]):  # only then is it read as it is meant
            yield from _no_number(Segment(line, message.separators, message.charset).value(5), at)


def _no_number(value: str, at: int) -> Iterator[Fault]:
    if not value or value == NULL or NUMBER.match(value):
        return
    zh, en = (
        f"OBX[{at}]-5 声明为数值（NM），内容“{value[:20]}”却不是，已作为文字保存；请改用 ST 或更正数值",
        f"OBX[{at}]-5 is declared a number (NM) but says “{value[:20]}”, which is kept as words; use ST or mend the number",
    )
    yield Fault("OBX", 5, 0, DATA, zh, en, warns=True, rule="number_impossible", sequence=at)


def _no_moment(segment: str, field: int, text: str, sequence: int = 1) -> Fault:
    place = f"{segment}-{field}"
    zh, en = f"{place} 的日期“{text[:30]}”不存在", f"{place}: there is no such date as “{text[:30]}”"
    return Fault(segment, field, 0, DATA, zh, en, warns=True, rule="date_impossible", sequence=sequence)


def is_moment(text: str) -> bool:
    """Whether the text names a point in time, or none at all."""
    return text == NULL or is_moment_or_blank(text)
