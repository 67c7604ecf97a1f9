"""How near two records are, field by field: each comparison answers with the number of a level.

The answers of one pair are packed into one integer, five bits each, in the order of the model's comparisons.
"""

from __future__ import annotations

from yigong.platform.empi.engine.kernels import inner
from yigong.platform.empi.engine.names import look_alike, same_sounds, sign, sound
from yigong.platform.empi.engine.parse import near_dates, number_date

#: the levels of every kind of comparison, in the order of their numbers
LEVELS: dict[str, tuple[str, ...]] = {
    "name": (
        "missing", "same_common", "same", "same_rare", "same_sound", "near_sound", "look_alike", "swapped",
        "first_given", "last_given", "surname_only", "given_only", "part", "other", "newborn_both", "newborn_conflict",
        "newborn_contact", "newborn_other_contact", "newborn_no_contact", "newborn_mother", "newborn_other_mother", "newborn_ordered",
        "newborn_twin_named",
    ),
    "date": (
        "missing", "same", "same_new_year", "number_date", "lunar", "swapped", "one_part", "year_digit", "new_year",
        "within_60_days", "same_year", "near_year", "other", "other_year", "registered_at_birth",
        "registered_apart",
    ),
    "identity": (
        "missing", "same_trusted", "same_one_trusted", "same_relative", "same_bad", "near", "two_trusted",
        "other_relative", "two_relatives", "other_bad", "document_same", "document_other", "kinds_differ",
        "same_unconfirmed",
    ),
    "phone": ("missing", "same", "near", "other"),
    "place": (
        "missing", "same_house", "same_group", "other_house", "same_village", "other_group", "same_town",
        "other_village", "other",
    ),
    "code": ("missing", "same", "other"),
    "contact": ("missing", "same", "same_sound", "other", "is_the_other"),
    "sex": ("missing", "same", "other"),
    "text": ("missing", "same", "near_1", "near_2", "same_sound", "same_start", "crossed", "other"),
    "digits": ("missing", "same", "near", "part", "other"),
    "age": ("unknown", "old", "grown", "young", "infant"),
}  # fmt: skip
KINDS = tuple(LEVELS)
STEP = 12  # integers of one comparison in a program: kind, columns 1-4, parameters


@inner
def compare_names(x, i, y, j, c, k, alike, kin):  # type: ignore[no-untyped-def]
    """Level of two names in columns *c*; *k* is the column of the contact's name."""
    a1, b1, a2, b2 = x[i + c], x[i + c + 1], y[j + c], y[j + c + 1]
    n1, n2 = (b1 >> 42) & 31, (b2 >> 42) & 31
    if n1 == 0 or n2 == 0:
        return 0
    w1, w2 = (b1 >> 47) & 255, (b2 >> 47) & 255
    d1, d2, p1, p2 = x[i + c + 3], y[j + c + 3], x[i + c + 2], y[j + c + 2]
    if (w1 & 1) != 0 or (w2 & 1) != 0:
        same = d1 == d2 or (p1 == p2 and n1 == n2)
        if (w1 & w2 & 1) != 0:
            if not same:
                return 20
            s1, s2, o1, o2 = (w1 >> 1) & 3, (w2 >> 1) & 3, w1 >> 3, w2 >> 3
            return 15 if (s1 * s2 != 0 and s1 != s2) or (o1 * o2 != 0 and o1 != o2) else (21 if o1 != o2 else 14)
        if same:
            return 19
        if (w1 & 1) != 0:
            mother, known, ms, ks = d1, y[j + k + 3], p1, y[j + k + 2]
        else:
            mother, known, ms, ks = d2, x[i + k + 3], p2, x[i + k + 2]
        if (w1 | w2) >> 3 != 0:  # one of twins: that a parent is named says nothing of which
            return 22
        if known == 0:
            return 18
        return 16 if mother == known or ms == ks else 17
    if d1 == d2:
        r = (b1 >> 57) & 3
        return 3 if r == 3 else (2 if r == 2 else 1)
    if n1 == n2:
        heard = same_sounds(p1, p2, n1, kin)
        if heard == 2:
            return 4
        if heard == 1:
            return 5
    f1, f2 = (b1 >> 55) & 3, (b2 >> 55) & 3
    if n1 > 5 or n2 > 5:
        return 12 if a1 == a2 else 13
    surname = f1 == f2
    for t in range(min(f1, f2)):
        heard = kin[sound(p1, t)] == kin[sound(p2, t)] and sound(p1, t) != 0
        if sign(a1, b1, t) != sign(a2, b2, t) and not heard:
            surname = False
    if n1 == n2:
        return _same_length(a1, b1, p1, a2, b2, p2, n1, f1, surname, alike, kin)
    if n1 > n2:
        a1, b1, n1, a2, b2, n2 = a2, b2, n2, a1, b1, n1
    t = 0
    for u in range(n2):
        if t < n1 and sign(a2, b2, u) == sign(a1, b1, t):
            t += 1
    if t == n1 and n1 >= 2:
        return 12
    return 10 if surname else 13


@inner
def _same_length(a1, b1, p1, a2, b2, p2, n, f, surname, alike, kin):  # type: ignore[no-untyped-def]
    differ, likely, where = 0, 0, 0
    for t in range(n):
        u, v = sign(a1, b1, t), sign(a2, b2, t)
        if u != v:
            differ += 1
            where = t
            if look_alike(u, v, alike) or (kin[sound(p1, t)] == kin[sound(p2, t)] and sound(p1, t) != 0):
                likely += 1
    if likely == differ:
        return 6
    if n == f + 2 and surname and sign(a1, b1, f) == sign(a2, b2, f + 1) and sign(a2, b2, f) == sign(a1, b1, f + 1):
        return 7
    if not surname:
        return 11 if differ <= f and where < f and n > f else 13
    if differ - likely == 1 and n > f + 1:
        for t in range(f, n):
            u, v = sign(a1, b1, t), sign(a2, b2, t)
            if u != v and not look_alike(u, v, alike) and kin[sound(p1, t)] != kin[sound(p2, t)]:
                where = t
        return 8 if where == f else 9
    return 10


@inner
def compare_dates(x, i, y, j, c, k):  # type: ignore[no-untyped-def]
    """Level of two dates in column *c*; *k* is the column of the identity number, -1 for none."""
    p, q = x[i + c], y[j + c]
    level = _dates(p, q)
    if k >= 0 and level != 1 and (_inside(x, i, k, q) or _inside(y, j, k, p)):
        return 3
    return level


@inner
def _inside(x, i, k, q):  # type: ignore[no-untyped-def]
    return q != 0 and ((x[i + k + 1] & 7) == 4 or (x[i + k + 1] & 7) == 6) and near_dates(number_date(x[i + k]), q) == 2


@inner
def _dates(p, q):  # type: ignore[no-untyped-def]
    if p == 0 or q == 0:
        return 0
    d1, m1, y1, d2, m2, y2 = p & 31, (p >> 5) & 15, (p >> 9) & 0xFFF, q & 31, (q >> 5) & 15, (q >> 9) & 0xFFF
    first1, first2 = d1 <= 1 and m1 <= 1, d2 <= 1 and m2 <= 1
    if (p & 0x1FFFFF) == (q & 0x1FFFFF):
        return 2 if first1 else 1
    if _lunar(p, q) or _lunar(q, p):
        return 4
    if y1 == y2:
        if d1 == m2 and d2 == m1:
            return 5
        if first1 or first2:
            return 8
        if d1 == d2 or m1 == m2:
            return 6
    elif d1 == d2 and m1 == m2:
        gap = abs(y1 - y2)
        return 7 if gap == 1 or gap == 10 else 13
    n1, n2 = (p >> 21) & 0x1FFFF, (q >> 21) & 0x1FFFF
    if n1 > 0 and n2 > 0 and abs(n1 - n2) <= 60:
        return 9
    if y1 == y2:
        return 10
    return 11 if abs(y1 - y2) <= 2 else 12


@inner
def _lunar(p, q):  # type: ignore[no-untyped-def]
    said, day = (p >> 38) & 0x1FFFF, (q >> 21) & 0x1FFFF
    if said == 0 or day == 0:
        return False
    leap = (p >> 55) & 3
    return said == day or (leap > 0 and said + 28 + leap == day)


@inner
def registered(x, i, y, j, c, r, n, level):  # type: ignore[no-untyped-def]
    """The level bettered by a newborn's day of registration in column *r*, which stands for a birth date not known."""
    w1, w2 = (x[i + n + 1] >> 47) & 1, (y[j + n + 1] >> 47) & 1
    if w1 == 0 and w2 == 0:
        return level
    r1, r2 = (x[i + r] >> 21) & 0x1FFFF, (y[j + r] >> 21) & 0x1FFFF
    b1, b2 = (x[i + c] >> 21) & 0x1FFFF, (y[j + c] >> 21) & 0x1FFFF
    after, known = 0, False
    if w1 != 0 and w2 != 0:
        after, known = abs(r1 - r2), r1 != 0 and r2 != 0
    elif w1 != 0:
        after, known = r1 - b2, r1 != 0 and b2 != 0
    else:
        after, known = r2 - b1, r2 != 0 and b1 != 0
    if not known:
        return level
    if after >= 0 and after <= 40:
        return 14
    return 15 if level == 0 else level


@inner
def compare_identities(x, i, y, j, c):  # type: ignore[no-untyped-def]
    """Level of two identity numbers in columns *c*."""
    n1, n2, s1, s2 = x[i + c], y[j + c], x[i + c + 1] & 7, y[j + c + 1] & 7
    if s1 == 0 or s2 == 0:
        return 0
    if s1 == 5 or s2 == 5:
        return 12 if s1 != s2 else (10 if n1 == n2 else 11)
    if n1 == n2 and (x[i + c + 1] >> 3) == (y[j + c + 1] >> 3):
        if s1 <= 2:
            return 4
        if s1 == 3 or s2 == 3:
            return 3 if s1 == s2 else 2
        return 1 if s1 == 4 and s2 == 4 else 13
    if s1 >= 4 and s2 >= 4:
        return 6
    if s1 == 1 or s2 == 1:
        return 9
    if digits_apart(n1, n2) <= 1:
        return 5
    return 9 if s1 == 2 or s2 == 2 else (8 if s1 == s2 else 7)


@inner
def digits_apart(a, b):  # type: ignore[no-untyped-def]
    """0 or 1 when two numbers are at most one digit or one exchange of neighbors apart, more otherwise."""
    gap, before_a, before_b, open_ = 0, -1, -1, False
    while (a > 0 or b > 0) and gap <= 1:
        u, v = a % 10, b % 10
        if u == v or (open_ and u == before_b and v == before_a):
            open_ = False
        else:
            gap += 1
            open_, before_a, before_b = True, u, v
        a, b = a // 10, b // 10
    return gap


@inner
def compare_phones(p, q):  # type: ignore[no-untyped-def]
    """Level of two telephone numbers."""
    if p == 0 or q == 0:
        return 0
    if p == q:
        return 1
    return 2 if digits_apart(p, q) <= 1 else 3


@inner
def compare_places(p, q):  # type: ignore[no-untyped-def]
    """Level of two packed places."""
    if p == 0 or q == 0:
        return 0
    t1, t2, v1, v2 = p >> 39, q >> 39, (p >> 19) & 0xFFFFF, (q >> 19) & 0xFFFFF
    if t1 != 0 and t2 != 0 and t1 != t2:
        return 8
    if v1 == 0 or v2 == 0:
        return 6 if t1 != 0 and t1 == t2 else 0
    if v1 != v2:
        return 7 if t1 != 0 and t1 == t2 else 8
    g1, g2, h1, h2 = (p >> 12) & 127, (q >> 12) & 127, p & 0xFFF, q & 0xFFF
    if g1 != 0 and g2 != 0 and g1 != g2:
        return 5
    if h1 != 0 and h1 == h2:
        return 1
    if g1 == 0 or g2 == 0:
        return 4
    return 2 if h1 == 0 or h2 == 0 else 3


@inner
def compare_contacts(x, i, y, j, c, k):  # type: ignore[no-untyped-def]
    """Level of two contacts' names in columns *c*; *k* is the column of the persons' own names."""
    d1, d2 = x[i + c + 3], y[j + c + 3]
    if x[i + k + 3] != y[j + k + 3] and (
        (d1 != 0 and d1 == y[j + k + 3] and ((y[j + k + 1] >> 47) & 1) == 0)
        or (d2 != 0 and d2 == x[i + k + 3] and ((x[i + k + 1] >> 47) & 1) == 0)
    ):
        return 4
    if d1 == 0 or d2 == 0:
        return 0
    if d1 == d2:
        return 1
    return 2 if x[i + c + 2] == y[j + c + 2] else 3


@inner
def letters_apart(p, q):  # type: ignore[no-untyped-def]
    """Insertions, deletions, substitutions and exchanges of neighbors between two packed texts; 3 stands for more than 2."""
    n, m = 0, 0
    while n < 12 and (p >> (5 * n)) > 0:
        n += 1
    while m < 12 and (q >> (5 * m)) > 0:
        m += 1
    if abs(n - m) > 2:
        return 3
    row, above = 0, 0  # a row of the table: four bits for each cell
    for t in range(m + 1):
        row |= t << (4 * t)
    last = 0
    for s in range(1, n + 1):
        above, last = last, row
        u = (p >> (5 * (s - 1))) & 31
        row, best = s, s
        for t in range(1, m + 1):
            v = (q >> (5 * (t - 1))) & 31
            cost = 0 if u == v else 1
            d = min(((last >> (4 * t)) & 15) + 1, ((row >> (4 * (t - 1))) & 15) + 1)
            d = min(d, ((last >> (4 * (t - 1))) & 15) + cost)
            if s > 1 and t > 1 and u == ((q >> (5 * (t - 2))) & 31) and v == ((p >> (5 * (s - 2))) & 31):
                d = min(d, ((above >> (4 * (t - 2))) & 15) + cost)
            row |= d << (4 * t)
            best = min(best, d)
        if best > 2:
            return 3
    return min(3, (row >> (4 * m)) & 15)


@inner
def compare_texts(x, i, y, j, c, k):  # type: ignore[no-untyped-def]
    """Level of two Latin texts in columns *c*; *k* is a column they may have been exchanged with, -1 for none."""
    p, q = x[i + c], y[j + c]
    if p != 0 and p == q:
        return 1
    if k >= 0 and ((p != 0 and p == y[j + k]) or (q != 0 and q == x[i + k])):
        return 6
    if p == 0 or q == 0:
        return 0
    gap = letters_apart(p, q)
    if gap <= 2:
        return 1 + gap
    if x[i + c + 1] == y[j + c + 1]:
        return 4
    return 5 if (p & 0xFFFFF) == (q & 0xFFFFF) else 7


@inner
def compare_digits(p, q):  # type: ignore[no-untyped-def]
    """Level of two short numbers."""
    if p == 0 or q == 0:
        return 0
    if p == q:
        return 1
    if digits_apart(p, q) <= 1:
        return 2
    return 3 if p // 10 == q or q // 10 == p or p % 1000 == q % 1000 else 4


@inner
def age_of(p, q, young, infant):  # type: ignore[no-untyped-def]
    """The age class of a pair: by the later of the two years of birth."""
    year = max((p >> 9) & 0xFFF, (q >> 9) & 0xFFF)
    known = 1 if year > 0 else 0
    return known * (1 + (1 if year >= 1966 else 0) + (1 if year >= young else 0) + (1 if year >= infant else 0))


@inner
def levels_of(x, i, y, j, program, count, alike, kin):  # type: ignore[no-untyped-def]
    """The packed levels of the record at *x[i]* and the record at *y[j]*."""
    packed = 0
    for t in range(count):
        at = t * 12
        kind, c, k = program[at], program[at + 1], program[at + 2]
        if kind == 0:
            level = compare_names(x, i, y, j, c, k, alike, kin)
        elif kind == 1:
            level = compare_dates(x, i, y, j, c, k)
            if level != 1 and program[at + 6] >= 0:
                level = registered(x, i, y, j, c, program[at + 6], program[at + 7], level)
        elif kind == 2:
            level = compare_identities(x, i, y, j, c)
        elif kind == 3:
            level = compare_phones(x[i + c], y[j + c])
        elif kind == 4:
            level = compare_places(x[i + c], y[j + c])
        elif kind == 6:
            level = compare_contacts(x, i, y, j, c, k)
        elif kind == 8:
            level = compare_texts(x, i, y, j, c, k)
        elif kind == 9:
            level = compare_digits(x[i + c], y[j + c])
        elif kind == 10:
            level = age_of(x[i + c], y[j + c], program[at + 3], program[at + 4])
        else:
            p, q = x[i + c], y[j + c]
            level = (1 if p == q else 2) * (1 if p != 0 else 0) * (1 if q != 0 else 0)
        packed |= level << (5 * t)
    return packed
