"""Dates as packed integers: year, month, day, the day's number, and the solar day it would be if it was lunar."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine.kernels import I64, I32s, I64s, U8s, inner, kernel

# bits of a packed date: day 0-4, month 5-8, year 9-20, day number since 1850 21-37, lunar as solar 38-54, leap length 55-56
FIRST_YEAR = 1850
LUNAR_FIRST, LUNAR_LAST = 1900, 2099


def lunar_table() -> NDArray[np.int64]:
    """For every lunar (year, month, day) the solar day number, and in bits 20-21 how much later the leap month's day is."""
    from lunardate import LunarDate

    table = np.zeros((LUNAR_LAST - LUNAR_FIRST + 1) * 13 * 31, dtype=np.int64)
    day = date(LUNAR_FIRST, 2, 1)
    while day.year <= LUNAR_LAST:
        lunar = LunarDate.from_solar_date(day.year, day.month, day.day)
        place = ((lunar.year - LUNAR_FIRST) * 13 + lunar.month) * 31 + lunar.day
        if 0 <= place < table.size:
            number = (day - date(FIRST_YEAR, 1, 1)).days + 1
            if not lunar.is_leap_month:
                table[place] = number
            elif table[place]:
                table[place] |= (number - int(table[place] & 0xFFFFF) - 28) << 20
        day += timedelta(days=1)
    return table


@inner
def day_number(y, m, d):  # type: ignore[no-untyped-def]
    """Days since the first of January 1850, counted from 1; 0 when there is no such day."""
    if y < 1850 or y > 2150 or m < 1 or m > 12 or d < 1 or d > 31:
        return 0
    leap = 1 if (y % 4 == 0 and y % 100 != 0) or y % 400 == 0 else 0
    longest = 30 if m == 4 or m == 6 or m == 9 or m == 11 else (28 + leap if m == 2 else 31)
    if d > longest:
        return 0
    a = y - 1 if m <= 2 else y
    era = a // 400
    yoe = a - era * 400
    mp = m + 9 if m <= 2 else m - 3
    doy = (153 * mp + 2) // 5 + d - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 675639 + 1


@inner
def pack_date(y, m, d, lunar):  # type: ignore[no-untyped-def]
    """The packed date; 0 when even the year makes no sense."""
    if y < 1850 or y > 2150:
        return 0
    if m < 0 or m > 12 or d < 0 or d > 31:
        m, d = 0, 0
    number = day_number(y, m, d)
    packed = d | (m << 5) | (y << 9) | (number << 21)
    if y >= 1900 and y <= 2099 and m > 0 and d > 0 and d <= 30:
        said = lunar[((y - 1900) * 13 + m) * 31 + d]
        packed |= ((said & 0x1FFFF) << 38) | (((said >> 20) & 3) << 55)
    return packed


@kernel
def parse_dates(data: U8s, offsets: I64s, lo: I64, hi: I64, lunar: I64s, out: I64s, width: I64, column: I64) -> I64:
    """Reads dates such as 1950-3-8, 19500308, 1950年3月8日, 1950/03/08 00:00:00."""
    for row in range(lo, hi):
        g0, g1, g2, group, digits = 0, 0, 0, -1, 0
        inside = False
        for at in range(offsets[row], offsets[row + 1]):
            c = data[at]
            if c >= 48 and c <= 57:
                if not inside:
                    group += 1
                    inside, digits = True, 0
                    if group > 2:
                        break
                digits += 1
                v = c - 48
                if group == 0 and digits > 4 and digits <= 6:
                    g1 = g1 * 10 + v
                elif group == 0 and digits > 6 and digits <= 8:
                    g2 = g2 * 10 + v
                elif group == 0 and digits <= 4:
                    g0 = g0 * 10 + v
                elif group == 1 and digits <= 2:
                    g1 = g1 * 10 + v
                elif group == 2 and digits <= 2:
                    g2 = g2 * 10 + v
            else:
                inside = False
        out[row * width + column] = pack_date(g0, g1, g2, lunar) if group >= 0 else 0
    return 0


@kernel
def pack_days(days: I32s, lo: I64, hi: I64, lunar: I64s, out: I64s, width: I64, column: I64) -> I64:
    """Packs dates given as days since 1970; what lies outside 1850 to 2150 is no date."""
    for row in range(lo, hi):
        z = int(days[row]) + 719468
        made = 0
        if z > 670000 and z < 800000:
            era = z // 146097
            doe = z - era * 146097
            yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
            doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
            mp = (5 * doy + 2) // 153
            m = mp + 3 if mp < 10 else mp - 9
            made = pack_date(yoe + era * 400 + (1 if m <= 2 else 0), m, doy - (153 * mp + 2) // 5 + 1, lunar)
        out[row * width + column] = made
    return 0
