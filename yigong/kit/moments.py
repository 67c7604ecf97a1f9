"""Points in time as HL7 writes them (20250102T030405+0800 and every shorter or friendlier form)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")
WRITTEN = (8, 12, 14)  # digits of a day, a minute, a second
EIGHT, SUN_UNTIL = timezone(timedelta(hours=8)), 1900
TIME = r"(?:[T ]*(\d{2})[:时]?(?:(\d{2})[:分]?(?:(\d{2})秒?(?:\.\d*)?)?)?)?"
ZONE = r"\s*(Z|[+-]\d{1,2}:?\d{2})?\s*\Z"
COMPACT = re.compile(rf"\s*(\d{{4}})(?:(\d{{2}})(?:(\d{{2}}){TIME})?)?{ZONE}")
SPACED = re.compile(rf"\s*(\d{{4}})[-/.年](\d{{1,2}})(?:[-/.月](\d{{1,2}})日?{TIME})?{ZONE}")


class NotAMoment(ValueError):  # noqa: N818  - reads as a sentence
    """The text names no point in time, or one that no calendar has."""


def moment(text: str) -> datetime:
    """The point in time, in Chinese time where no zone is said."""
    if len(text) in WRITTEN and text.isascii() and text.isdigit() and text[8:10] < "24" and text[12:] < "60":
        return _written(text)
    found = COMPACT.match(text) or SPACED.match(text)
    if not found or _is_blank(text):
        raise NotAMoment(text)
    year, month, day, hour, minute, second = (
        int(part) if part else least for part, least in zip(found.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    )
    try:
        naive = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001 - zone below
        return naive.replace(tzinfo=_zone(found.group(7), year))
    except ValueError as error:
        raise NotAMoment(text) from error


def in_china(at: datetime) -> datetime:
    """The moment in Chinese time (also of one without a zone); before 1901, where Shanghai kept the sun's time, at +08:00.

    The offset of those years (+08:05:43) has no writing in HL7, and "1900-01-01" is what many systems keep for no date.
    """
    if at.tzinfo is None:
        return at.replace(tzinfo=_china(at.year))
    local = at.astimezone(CHINA)
    return at.astimezone(EIGHT) if local.year <= SUN_UNTIL else local


def _written(digits: str) -> datetime:
    """A day, a minute or a second in the commonest writing."""
    try:
        naive = datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}" if digits[8:] else digits)
    except ValueError as error:
        raise NotAMoment(digits) from error
    return datetime.combine(naive, naive.time(), _china(naive.year))  # several times quicker than replace


def day(text: str) -> date:
    """The day as the sender wrote it, zone ignored; raises NotAMoment unless year, month and day are given."""
    if len(text) in WRITTEN and text.isascii() and text.isdigit():
        try:
            return date.fromisoformat(text[:8])
        except ValueError as error:
            raise NotAMoment(text) from error
    found = COMPACT.match(text) or SPACED.match(text)
    if not found or _is_blank(text) or not found.group(3):
        raise NotAMoment(text)
    try:
        return date(*(int(part) for part in found.groups()[:3]))
    except ValueError as error:
        raise NotAMoment(text) from error


def is_blank(text: str) -> bool:
    """Whether the text is what senders write for no date: nothing, zeros, a dash."""
    return _is_blank(text)


def is_moment_or_blank(text: str) -> bool:
    """Whether the text names a point in time, or none at all."""
    if is_blank(text):
        return True
    try:
        moment(text)
    except NotAMoment:
        return False
    return True


def _is_blank(text: str) -> bool:
    return not text.strip("0-/:. \t\r\nT")


def _china(year: int) -> timezone | ZoneInfo:
    return CHINA if year > SUN_UNTIL else EIGHT


def _zone(text: str | None, year: int) -> timezone | ZoneInfo:
    if not text:
        return _china(year)
    if text == "Z":
        return timezone.utc  # noqa: UP017 - datetime.UTC is an alias only
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "").rjust(4, "0")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
