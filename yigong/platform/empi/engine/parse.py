"""Numbers, codes, sexes and Latin text read from raw columns into packed integers; trust in the identity number."""

from __future__ import annotations

from yigong.platform.empi.engine.dates import day_number
from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I32s, I64s, U8s, inner, kernel
from yigong.platform.empi.engine.names import utf8_next

# states of an identity number (identity.Trust, 5 for another kind of document, 6 for a valid number
# without a birth date on the record to confirm it; it counts as trusted where two numbers must not meet)
MISSING, MALFORMED, BAD_CHECK, CONTRADICTS, TRUSTED, DOCUMENT, UNCONFIRMED = 0, 1, 2, 3, 4, 5, 6


@inner
def check17(n17):  # type: ignore[no-untyped-def]
    """The check sign of seventeen digits, 10 for X: digit *i* of GB 11643 weighs 2 to the power of 17 - i, modulo 11."""
    total, rest, weight = 0, n17, 2
    for _ in range(17):
        total += (rest % 10) * weight
        rest //= 10
        weight *= 2
    return (12 - total % 11) % 11


@inner
def province(n17):  # type: ignore[no-untyped-def]
    """Whether the number begins with a province, or (foreigners' cards of 2023) with 9 and a province."""
    p = n17 // 1000000000000000
    if p // 10 == 9:
        p = n17 // 100000000000000 % 100
    ten, one = p // 10, p % 10
    if ten == 1 or ten == 6:
        return one >= 1 and one <= 5
    if ten == 2:
        return one >= 1 and one <= 3
    if ten == 3:
        return one >= 1 and one <= 7
    if ten == 4:
        return one >= 1 and one <= 6
    if ten == 5:
        return one >= 0 and one <= 4
    return p == 71 or p == 81 or p == 82 or p == 83


@inner
def document(data, at, end, fold):  # type: ignore[no-untyped-def]
    """A digest of the digits and letters of a number that is no resident's; never 0."""
    h = 5
    while at < end:
        got = utf8_next(data, at)
        at += got & 7
        c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
        if (c >= 48 and c <= 57) or c > 64:
            h = mix(h, c)
    return ((h >> 8) & 0xFFFFFFFFFFFFF) + 1


@kernel
def parse_identity(data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, out: I64s, width: I64, column: I64) -> I64:
    """Reads identity numbers into two columns: 17 digits (or a digest), and check sign * 8 + state."""
    for row in range(lo, hi):
        n, n17, last, letters, at, end = 0, 0, -1, 0, offsets[row], offsets[row + 1]
        n15, zeros = 0, 0
        while at < end:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            if c >= 48 and c <= 57:
                n += 1
                zeros += 1 if c == 48 else 0
                if n <= 17:
                    n17 = n17 * 10 + (c - 48)
                if n == 15:
                    n15 = n17
                last = c - 48
            elif c > 64:
                n += 1
                if c == 120 and n == 18:
                    last = 10
                else:
                    letters += 1
        state, number, check = MISSING, 0, 0
        if n == 18 and letters == 0:
            number, check = n17, last
            day = day_number(n17 // 10000000 % 10000, n17 // 100000 % 100, n17 // 1000 % 100)
            state = TRUSTED if day > 10950 and province(n17) and check17(n17) == last else BAD_CHECK
        elif n == 15 and letters == 0:
            tail = n15 % 1000
            century = 18 if tail >= 996 else 19
            number = (n15 // 1000000000) * 100000000000 + century * 1000000000 + n15 % 1000000000
            check = check17(number)
            day = day_number(number // 10000000 % 10000, number // 100000 % 100, number // 1000 % 100)
            state = TRUSTED if day > 10950 and province(number) else BAD_CHECK
        elif n >= 6 and letters <= 6 and n - letters >= 4 and ((n <= 14 and letters > 0) or (n == 15 and letters == 3)):
            number, state = document(data, offsets[row], end, fold), DOCUMENT
        elif n >= 5:
            number, state = document(data, offsets[row], end, fold), MALFORMED
        if n > 0 and zeros == n:
            number, state = 0, MISSING
        out[row * width + column] = number
        out[row * width + column + 1] = check * 8 + state
    return 0


@inner
def near_dates(p, q):  # type: ignore[no-untyped-def]
    """0 another day, 1 one day written wrongly (one part differs, swapped, lunar, within 60 days), 2 the same day."""
    if (p & 0x1FFFFF) == (q & 0x1FFFFF):
        return 2
    guess = (p & 0x1FF) == 33 or (q & 0x1FF) == 33 or (p & 0x1FF) == 0 or (q & 0x1FF) == 0  # 1 January, or no day
    if guess and ((p >> 9) & 0xFFF) == ((q >> 9) & 0xFFF):
        return 1
    same = (1 if (p & 31) == (q & 31) else 0) + (1 if ((p >> 5) & 15) == ((q >> 5) & 15) else 0)
    year = ((p >> 9) & 0xFFF) == ((q >> 9) & 0xFFF)
    if ((p >> 21) & 0x1FFFF) != 0 and ((q >> 38) & 0x1FFFF) == ((p >> 21) & 0x1FFFF):
        return 2  # the second date is lunar
    if same + (1 if year else 0) >= 2:
        return 1
    if year and (p & 31) == ((q >> 5) & 15) and (q & 31) == ((p >> 5) & 15):
        return 1
    dp, dq = (p >> 21) & 0x1FFFF, (q >> 21) & 0x1FFFF
    if dp > 0 and dq > 0 and abs(dp - dq) <= 60:
        return 1
    return 0


@inner
def number_date(n17):  # type: ignore[no-untyped-def]
    """Year, month and day inside an identity number, packed as a date's lower 21 bits, with the day's number."""
    y, m, d = n17 // 10000000 % 10000, n17 // 100000 % 100, n17 // 1000 % 100
    return d | (m << 5) | (y << 9) | (day_number(y, m, d) << 21)


@kernel
def weigh_identity(rows: I64s, lo: I64, hi: I64, width: I64, number: I64, born: I64, sex: I64) -> I64:
    """Lowers the state of numbers whose birth date or sex contradict the record's own."""
    for row in range(lo, hi):
        at = row * width
        state = rows[at + number + 1] & 7
        if state != TRUSTED and state != CONTRADICTS and state != UNCONFIRMED:
            continue
        n17, said = rows[at + number], rows[at + born]
        nearness = near_dates(number_date(n17), said) if said != 0 else 1
        own = rows[at + sex] & 3
        other_sex = own != 0 and own != (1 if (n17 % 10) % 2 == 1 else 2)
        state = CONTRADICTS if nearness == 0 or (other_sex and nearness < 2) else TRUSTED
        if state == TRUSTED and said == 0:
            state = UNCONFIRMED
        rows[at + number + 1] = (rows[at + number + 1] & ~7) | state
    return 0


@kernel
def parse_phones(data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, out: I64s, width: I64, column: I64) -> I64:
    """Reads telephone numbers; what cannot be one (too short, one digit repeated) is 0."""
    for row in range(lo, hi):
        n, v, run, longest, before, at, end = 0, 0, 0, 0, -1, offsets[row], offsets[row + 1]
        while at < end and n < 18:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            if c >= 48 and c <= 57:
                if n == 0 and c == 48 and v == 0 and before == 48:
                    continue
                v = v * 10 + (c - 48)
                n += 1
                run = run + 1 if c == before else 1
                longest = max(longest, run)
                before = c
        if (n == 13 and v // 100000000000 == 86) or (n == 15 and v // 100000000000 == 86):
            v -= 86 * 100000000000
            n = 11
        bad = n < 7 or n > 12 or longest >= 7 or v == 12345678
        if n == 11 and v >= 10000000000 and v < 13000000000:
            bad = True
        out[row * width + column] = 0 if bad else v
    return 0


@kernel
def parse_codes(data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, out: I64s, width: I64, column: I64) -> I64:
    """Reads numbers of cards and the like as a digest of letters and digits; empty and all-zero ones are 0."""
    for row in range(lo, hi):
        h, n, zeros, at, end = 9, 0, 0, offsets[row], offsets[row + 1]
        while at < end:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            if c > 0x20:
                h = mix(h, c)
                n += 1
                zeros += 1 if c == 48 else 0
        out[row * width + column] = (h if h != 0 else 1) if n > zeros and n >= 2 else 0
    return 0


@kernel
def parse_sexes(data: U8s, offsets: I64s, lo: I64, hi: I64, out: I64s, width: I64, column: I64) -> I64:
    """Reads sexes: 男 M male 1 are 1, 女 F female 2 are 2, all else 0."""
    for row in range(lo, hi):
        start, said = offsets[row], 0
        if offsets[row + 1] > start:
            got = utf8_next(data, start) >> 3
            if got == 0x7537 or got == 0x31 or got == 0x4D or got == 0x6D:
                said = 1
            elif got == 0x5973 or got == 0x32 or got == 0x46 or got == 0x66:
                said = 2
        out[row * width + column] = said
    return 0


@kernel
def fill_sexes(rows: I64s, lo: I64, hi: I64, width: I64, name: I64, sex: I64) -> I64:
    """Takes the sex from a newborn's placeholder name, which is a word where the field is but a code."""
    for row in range(lo, hi):
        at = row * width
        said = (rows[at + name + 1] >> 48) & 3
        if said != 0:
            rows[at + sex] = said
    return 0


@kernel
def parse_texts(data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, out: I64s, width: I64, column: I64) -> I64:
    """Reads Latin text and digits into two columns: twelve signs of 5 bits, and what it sounds like."""
    for row in range(lo, hi):
        v, n, tone, tones, before, at, end = 0, 0, 0, 0, 0, offsets[row], offsets[row + 1]
        while at < end:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            x = c - 96 if c >= 97 and c <= 122 else (27 + (c - 48) % 5 if c >= 48 and c <= 57 else 0)
            if x == 0:
                continue
            if n < 12:
                v |= x << (5 * n)
            n += 1
            k = sound_class(c)
            if ((k > 0 and k != before) or n == 1) and tones < 12:
                tone |= (k if n > 1 else 10 + x) << (5 * tones)
                tones += 1
            before = k
        out[row * width + column] = v
        out[row * width + column + 1] = tone
    return 0


@inner
def sound_class(c):  # type: ignore[no-untyped-def]
    """The class of consonants a letter belongs to, 0 for vowels and silent letters."""
    if c == 98 or c == 112 or c == 102 or c == 118:
        return 1
    if c == 99 or c == 103 or c == 106 or c == 107 or c == 113 or c == 115 or c == 120 or c == 122:
        return 2
    if c == 100 or c == 116:
        return 3
    if c == 108:
        return 4
    if c == 109 or c == 110:
        return 5
    if c == 114:
        return 6
    if c >= 48 and c <= 57:
        return 7
    return 0


@kernel
def parse_digits(data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, out: I64s, width: I64, column: I64) -> I64:
    """Reads a number of up to 17 digits with its length kept: leading 1, then the digits; 0 when there is none."""
    for row in range(lo, hi):
        v, n, at, end = 1, 0, offsets[row], offsets[row + 1]
        while at < end and n < 17:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            if c >= 48 and c <= 57:
                v = v * 10 + (c - 48)
                n += 1
        out[row * width + column] = v if n > 0 else 0
    return 0
