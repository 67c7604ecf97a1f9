"""Chinese names as packed integers: signs, sounds, what a newborn's placeholder says; and how near two names are."""

from __future__ import annotations

from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I16s, I32s, I64s, U8s, inner, kernel

# a name takes four columns
#   0 signs 1-3 of 21 bits each         1 signs 4-5, length 42-46, newborn 47-54, surname's length 55-56, rarity 57-58
#   2 sounds of 10 bits, six of them    3 digest of all signs (order of words is free)
# newborn: bit 0 placeholder, bits 1-2 sex said (1 male, 2 female), bits 3-6 order of birth (1 elder, 2 younger ...)
LONGEST = 48


@inner
def utf8_next(data, at):  # type: ignore[no-untyped-def]
    """The code point at *at* times 8 plus the number of bytes it takes."""
    c = int(data[at])
    if c < 0x80:
        return (c << 3) | 1
    if c < 0xE0:
        return ((((c & 0x1F) << 6) | (int(data[at + 1]) & 0x3F)) << 3) | 2
    if c < 0xF0:
        return ((((c & 0xF) << 12) | ((int(data[at + 1]) & 0x3F) << 6) | (int(data[at + 2]) & 0x3F)) << 3) | 3
    point = ((c & 7) << 18) | ((int(data[at + 1]) & 0x3F) << 12)
    point |= ((int(data[at + 2]) & 0x3F) << 6) | (int(data[at + 3]) & 0x3F)
    return (point << 3) | 4


@inner
def order_of(c):  # type: ignore[no-untyped-def]
    """The order of birth that a sign of a placeholder says: 大 1, 小 2, 三 3; 0 for none."""
    if c == 0x5927 or c == 0x957F or c == 0x7532 or c == 0x4E00 or c == 0x61 or c == 0x31:  # 大长甲一a1
        return 1
    if c == 0x5C0F or c == 0x6B21 or c == 0x4E59 or c == 0x4E8C or c == 0x62 or c == 0x32:  # 小次乙二b2
        return 2
    if c == 0x4E09 or c == 0x4E19 or c == 0x63 or c == 0x33:  # 三丙c3
        return 3
    return 0


@inner
def child_word(c):  # type: ignore[no-untyped-def]
    """What a sign of a placeholder says of the child: 1 male, 2 female, 3 a child; 0 for none."""
    if c == 0x5B50 or c == 0x7537:  # 子男
        return 1
    if c == 0x5973:  # 女
        return 2
    if c == 0x5A74 or c == 0x5B9D or c == 0x513F or c == 0x5B69 or c == 0x5A03:  # 婴宝儿孩娃
        return 3
    return 0


@inner
def placeholder(s, n):  # type: ignore[no-untyped-def]
    """Length of the mother's name times 256 plus the newborn bits, for 某某之子 and its kind; 0 for a name of one's own."""
    cut, start = 0, 0
    for i in range(2, n):
        if (s[i] == 0x4E4B or s[i] == 0x7684) and i < n - 1:  # 之 的
            cut, start = i, i + 1
    if cut == 0:  # 某某男婴, 某某女婴, 某某婴儿
        last = s[n - 1]
        end = n - 1 if last == 0x5A74 else (n - 2 if n > 2 and s[n - 2] == 0x5A74 and last == 0x513F else 0)
        if end >= 2 and (s[end - 1] == 0x7537 or s[end - 1] == 0x5973) and end >= 3:
            end -= 1
        if end < 2:
            return 0
        cut, start = end, end
    sex, order, words = 0, 0, 0
    for i in range(start, n):
        o, w = order_of(s[i]), child_word(s[i])
        if o == 0 and w == 0:
            return 0
        if w > 0:
            words += 1
            if w < 3:
                sex = w
        elif order == 0:
            order = o
    if words == 0:
        return 0
    return cut * 256 + (1 | (sex << 1) | (order << 3))


@inner
def nameless(s, n):  # type: ignore[no-untyped-def]
    """Whether the text says that there is no name: 无名氏, 不详, 未知, 未取名, 佚名, 匿名, 待定, 待查, 男婴, 无."""
    if n == 0:
        return True
    a, b = s[0], (s[1] if n > 1 else 0)
    if n == 1 and a == 0x65E0:
        return True
    if n == 2 and b == 0x5A74 and (a == 0x7537 or a == 0x5973):  # 男婴 女婴
        return True
    return (
        (a == 0x65E0 and b == 0x540D)
        or (a == 0x4E0D and (b == 0x8BE6 or b == 0x660E))  # 不详 不明
        or (a == 0x672A and (b == 0x77E5 or b == 0x540D or b == 0x586B or b == 0x53D6 or b == 0x547D))  # 未知名填取命
        or ((a == 0x4F5A or a == 0x533F) and b == 0x540D)  # 佚名 匿名
        or (a == 0x5F85 and (b == 0x5B9A or b == 0x67E5 or b == 0x53D6))  # 待定查取
    )


@inner
def read_name(data, start, end, fold, s):  # type: ignore[no-untyped-def]
    """Puts the folded signs of a name into *s*; their number. Words of letters are told apart by sign 0x20 inside."""
    n, at, pending = 0, start, False
    while at < end and n < LONGEST:
        got = utf8_next(data, at)
        at += got & 7
        c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
        if c == 0x20:
            pending = n > 0
        elif c > 0:
            if pending and c < 0x250 and s[n - 1] < 0x250:
                s[n] = 0x20
                n += 1
            pending = False
            if n < LONGEST:
                s[n] = c
                n += 1
    return n


@inner
def digest_of(s, n):  # type: ignore[no-untyped-def]
    """A digest of the signs in which the order of words does not matter."""
    total, h = 0, 7
    for i in range(n):
        if s[i] == 0x20:
            total += h
            h = 7
        else:
            h = mix(h, s[i])
    total = mix(total + h, 11)
    return total if total != 0 else 1


@inner
def compound(s, n, pairs, count):  # type: ignore[no-untyped-def]
    """Whether the first two signs are a surname such as 欧阳."""
    if n < 3:
        return False
    wanted = (int(s[0]) << 21) | int(s[1])
    lo, hi = 0, count
    while lo < hi:
        mid = (lo + hi) // 2
        if pairs[mid] < wanted:
            lo = mid + 1
        else:
            hi = mid
    return lo < count and pairs[lo] == wanted


@inner
def rarity(s, n, first, bits):  # type: ignore[no-untyped-def]
    """How rare the name is, 0 to 3, from the bits that its signs carry."""
    total = 0
    for i in range(min(n, 5)):
        c = int(s[i])
        total += bits[c] if i < first else bits[0x33000 + c]
    return rare(total)


@kernel
def parse_names(
    data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, sounds: I16s, pairs: I64s, count: I64, bits: I16s,
    scratch: I32s, out: I64s, width: I64, column: I64,
) -> I64:  # fmt: skip
    """Reads names into four columns."""
    s = scratch
    for row in range(lo, hi):
        at = row * width + column
        out[at] = out[at + 1] = out[at + 2] = out[at + 3] = 0
        n = read_name(data, offsets[row], offsets[row + 1], fold, s)
        if nameless(s, n):
            continue
        newborn = placeholder(s, n)
        if newborn > 0:
            n = newborn >> 8
        first = 2 if compound(s, n, pairs, count) else 1
        a, b, p = 0, 0, 0
        for i in range(min(n, 6)):
            c = int(s[i])
            if i < 3:
                a |= c << (21 * i)
            elif i < 5:
                b |= c << (21 * (i - 3))
            p |= int(sounds[c]) << (10 * i)
        b |= (min(n, 31) << 42) | ((newborn & 255) << 47) | (first << 55) | (rarity(s, n, first, bits) << 57)
        out[at], out[at + 1], out[at + 2], out[at + 3] = a, b, p, digest_of(s, n)
    return 0


@kernel
def count_signs(rows: I64s, n: I64, width: I64, column: I64, counts: I64s) -> I64:
    """Counts surname signs (first half of *counts*) and given signs (second half), placeholders left out."""
    total = 0
    for row in range(n):
        a, b = rows[row * width + column], rows[row * width + column + 1]
        length, first = (b >> 42) & 31, (b >> 55) & 3
        if length == 0 or length > 4 or ((b >> 47) & 1) != 0:
            continue
        total += 1
        for i in range(length):
            c = (a >> (21 * i)) & 0x1FFFFF if i < 3 else b & 0x1FFFFF
            counts[c if i < first else 0x33000 + c] += 1
    return total


@kernel
def mark_rarity(rows: I64s, lo: I64, hi: I64, width: I64, column: I64, bits: I16s) -> I64:
    """Writes anew how rare each name is."""
    for row in range(lo, hi):
        at = row * width + column
        a, b = rows[at], rows[at + 1]
        n, first, total = (b >> 42) & 31, (b >> 55) & 3, 0
        for i in range(min(n, 5)):
            c = (a >> (21 * i)) & 0x1FFFFF if i < 3 else (b >> (21 * (i - 3))) & 0x1FFFFF
            total += bits[c] if i < first else bits[0x33000 + c]
        rows[at + 1] = (b & ~(3 << 57)) | (rare(total) << 57)
    return 0


@inner
def rare(total):  # type: ignore[no-untyped-def]
    """How rare a name is, 0 to 3, from the eighths of a bit that its signs carry."""
    return 0 if total < 104 else (1 if total < 128 else (2 if total < 152 else 3))


@inner
def sign(a, b, i):  # type: ignore[no-untyped-def]
    """Sign *i* (0-4) of a packed name."""
    return (a >> (21 * i)) & 0x1FFFFF if i < 3 else (b >> (21 * (i - 3))) & 0x1FFFFF


@inner
def sound(p, i):  # type: ignore[no-untyped-def]
    """Sound *i* (0-5) of a packed name."""
    return (p >> (10 * i)) & 0x3FF


@inner
def look_alike(x, y, alike):  # type: ignore[no-untyped-def]
    """Whether two signs stand in one group of signs that look alike."""
    gx, gy = alike[x], alike[y]
    if gx == 0 or gy == 0:
        return False
    for i in range(4):
        g = (gx >> (16 * i)) & 0xFFFF
        if g != 0:
            for j in range(4):
                if ((gy >> (16 * j)) & 0xFFFF) == g:
                    return True
    return False


@inner
def same_sounds(p, q, n, kin):  # type: ignore[no-untyped-def]
    """2 when all syllables are the same, 1 when they are the same to a dialect speaker's ear, else 0."""
    for i in range(min(n, 6)):
        if kin[sound(p, i)] != kin[sound(q, i)] or sound(p, i) == 0:
            return 0
    return 2 if p == q else 1
