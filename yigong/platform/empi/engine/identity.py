"""The resident identity number of GB 11643: check sign, 15 to 18 signs, what stands inside, and how far it is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from lunardate import LunarDate

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SIGNS = "10X98765432"
#: first two digits of the division: provinces, and 81-83 of the residence permits of Hong Kong, Macao and Taiwan
PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    ]
)
OLDEST = 1880


class Trust(IntEnum):
    """How far a number may speak for the person on whose record it stands."""

    MISSING = 0
    MALFORMED = 1  # not 15 or 18 signs
    BAD_CHECK = 2  # check sign, division or date inside is wrong
    CONTRADICTS = 3  # valid, but of another birth date or sex: probably a relative's
    TRUSTED = 4


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """What one valid number says."""

    number: str
    division: str
    born_on: date
    sex: str  # 1 male, 2 female, as GB/T 2261.1


def check_sign(first17: str) -> str:
    """The eighteenth sign that belongs to seventeen digits."""
    return SIGNS[sum(w * int(d) for w, d in zip(WEIGHTS, first17, strict=True)) % 11]


def upgrade(number: str) -> str:
    """A number of 15 digits in its form of 18 signs; any other text unchanged."""
    if len(number) != 15 or not (number.isascii() and number.isdigit()):
        return number
    century = "18" if number[12:] in ("996", "997", "998", "999") else "19"  # sequence numbers kept for centenarians
    first17 = number[:6] + century + number[6:]
    return first17 + check_sign(first17)


def read(number: str) -> IdentityNumber | None:
    """What a number says when it is valid in every part, else None."""
    text = upgrade(number.strip().upper())
    if len(text) != 18 or not (text.isascii() and text[:17].isdigit()) or check_sign(text[:17]) != text[17]:
        return None
    born = _date(text[6:14])
    if born is None or _province(text) not in PROVINCES:
        return None
    return IdentityNumber(text, text[:6], born, "1" if int(text[16]) % 2 else "2")


def _province(text: str) -> str:
    """The province of a resident number, or of a foreigner's card of 2023, which has it after the 9."""
    return text[1:3] if text[0] == "9" else text[:2]


def trust(number: str | None, born_on: date | None = None, sex: str | None = None) -> Trust:
    """How far the number on a record may be trusted, given the birth date and sex on the same record."""
    text = (number or "").strip()
    if not text:
        return Trust.MISSING
    if not _shaped(text.upper()):
        return Trust.MALFORMED
    said = read(text)
    if said is None:
        return Trust.BAD_CHECK
    if contradicts(said, born_on, sex):
        return Trust.CONTRADICTS
    return Trust.TRUSTED


def contradicts(said: IdentityNumber, born_on: date | None, sex: str | None) -> bool:
    """Whether birth date or sex on the record are another person's than the number's."""
    if born_on is not None and not near(said.born_on, born_on):
        return True
    other_sex = sex in ("1", "2") and sex != said.sex
    return other_sex and born_on not in (said.born_on, None) and lunar_as_solar(born_on) != said.born_on


def near(a: date, b: date) -> bool:
    """Whether two dates may be one date written wrongly.

    Two of three parts agree, day and month are exchanged, one is a guess of 1 January, lunar, or less than 60 days apart.
    """
    if a.year == b.year and (1, 1) in ((a.month, a.day), (b.month, b.day)):
        return True
    if lunar_as_solar(b) == a:
        return True
    if (a.year == b.year) + (a.month == b.month) + (a.day == b.day) >= 2:
        return True
    if a.year == b.year and (a.month, a.day) == (b.day, b.month):
        return True
    return abs((a - b).days) <= 60


def lunar_as_solar(day: date | None) -> date | None:
    """The solar day of a date that is in truth a lunar one, where there is such a day."""
    if day is None or not 1900 <= day.year <= 2099:
        return None
    try:
        return LunarDate(day.year, day.month, day.day).to_solar_date()
    except ValueError:
        return None


def _shaped(text: str) -> bool:
    if not text.isascii() or not text[:-1].isdigit():
        return False
    return (len(text) == 15 and text[-1].isdigit()) or (len(text) == 18 and text[-1] in SIGNS)


def _date(text: str) -> date | None:
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return born if born.year >= OLDEST else None
