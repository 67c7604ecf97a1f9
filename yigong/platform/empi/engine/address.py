"""Addresses as one packed integer: town, village, group, house."""

from __future__ import annotations

from yigong.platform.empi.engine.hashing import mix
from yigong.platform.empi.engine.kernels import I64, I32s, I64s, U8s, inner, kernel
from yigong.platform.empi.engine.names import utf8_next

# bits: house 0-11, group 12-18, village 19-38, town 39-54
MOST = 96


@inner
def numeral(c):  # type: ignore[no-untyped-def]
    """The value of a Chinese digit, 10 for 十, 100 for 百, -1 for another sign."""
    if c >= 0x30 and c <= 0x39:
        return c - 0x30
    if c == 0x4E00:
        return 1
    if c == 0x4E8C or c == 0x4E24:
        return 2
    if c == 0x4E09:
        return 3
    if c == 0x56DB:
        return 4
    if c == 0x4E94:
        return 5
    if c == 0x516D:
        return 6
    if c == 0x4E03:
        return 7
    if c == 0x516B:
        return 8
    if c == 0x4E5D:
        return 9
    if c == 0x5341:
        return 10
    if c == 0x767E:
        return 100
    if c == 0x96F6 or c == 0x3007:
        return 0
    return -1


@inner
def number_before(s, start, end):  # type: ignore[no-untyped-def]
    """The number written at the end of a stretch, in either kind of digits; 0 when there is none."""
    first = end
    while first > start and numeral(s[first - 1]) >= 0:
        first -= 1
    if first == end:
        return 0
    total, digit, arabic = 0, 0, 0
    for i in range(first, end):
        v = numeral(s[i])
        if s[i] < 0x3A:
            arabic = arabic * 10 + v
        elif v == 10 or v == 100:
            total += (digit if digit > 0 else 1) * v
            digit = 0
        else:
            digit = v
    return arabic if arabic > 0 else total + digit


@inner
def stretch(s, start, end):  # type: ignore[no-untyped-def]
    """A digest of the signs of a stretch."""
    h = 3
    for i in range(start, end):
        h = mix(h, s[i])
    return (h >> 20) & 0xFFFFFFFF


@inner
def read_address(s, n):  # type: ignore[no-untyped-def]
    """The packed place that *n* signs say."""
    town, village, group, house, start, i = 0, 0, 0, 0, 0, 0
    while i < n:
        c = s[i]
        long = i - start
        after = s[i + 1] if i + 1 < n else 0
        if village == 0 and (c == 0x7701 or c == 0x5E02 or c == 0x53BF or c == 0x65D7) and long >= 1:  # 省市县旗
            start = i + 1
        elif c == 0x533A and village == 0 and long >= 2:  # 区
            if s[i - 1] == 0x793E or s[i - 1] == 0x5C0F:  # 社区, 小区
                village = 1 + stretch(s, start, i - 1) % 0xFFFFE
            start = i + 1
        elif town == 0 and village == 0 and (c == 0x9547 or c == 0x4E61) and long >= 2:  # 镇乡
            town = 1 + stretch(s, start, i + 1) % 0xFFFE
            start = i + 1
        elif town == 0 and village == 0 and c == 0x8857 and after == 0x9053 and long >= 1:  # 街道
            town = 1 + stretch(s, start, i) % 0xFFFE
            i += 1
            start = i + 1
        elif village == 0 and c == 0x6751 and long >= 1 and after != 0x6C11:  # 村, not 村民组
            end = i - 2 if long > 3 and s[i - 1] == 0x653F and s[i - 2] == 0x884C else i  # 行政村
            village = 1 + stretch(s, start, end) % 0xFFFFE
            if after == 0x59D4:  # 村委会
                i += 2 if i + 2 < n and s[i + 2] == 0x4F1A else 1
            start = i + 1
        elif village == 0 and c == 0x5C45 and after == 0x59D4 and long >= 1:  # 居委会
            village = 1 + stretch(s, start, i) % 0xFFFFE
            i += 2 if i + 2 < n and s[i + 2] == 0x4F1A else 1
            start = i + 1
        elif village == 0 and (c == 0x8DEF or c == 0x5DF7) and long >= 1:  # 路巷
            village = 1 + stretch(s, start, i + 1) % 0xFFFFE
            start = i + 1
        elif c == 0x7EC4 or c == 0x961F or c == 0x680B or c == 0x5E62 or (c == 0x53F7 and after == 0x697C):
            end = i - 2 if c == 0x7EC4 and long > 2 and s[i - 1] == 0x6C11 and s[i - 2] == 0x6751 else i
            said = number_before(s, start, end)  # 组 村民组 队 栋 幢 号楼
            if said > 0 and group == 0:
                group = 1 + said % 126
            elif end > start and group == 0:
                group = 1 + stretch(s, start, end) % 126
            if c == 0x53F7:
                i += 1
            start = i + 1
        elif c == 0x53F7 or c == 0x5BA4 or c == 0x6237:  # 号室户
            said = number_before(s, start, i)
            if said > 0:
                house = 1 + (house * 131 + said) % 4094
            start = i + 1
        i += 1
    return house | (group << 12) | (village << 19) | (town << 39)


@kernel
def parse_addresses(
    data: U8s, offsets: I64s, lo: I64, hi: I64, fold: I32s, scratch: I32s, out: I64s, width: I64, column: I64
) -> I64:
    """Reads address texts."""
    for row in range(lo, hi):
        n, at, end = 0, offsets[row], offsets[row + 1]
        while at < end and n < MOST:
            got = utf8_next(data, at)
            at += got & 7
            c = fold[got >> 3] if (got >> 3) < 0x33000 else 0
            if c > 0x20:
                scratch[n] = c
                n += 1
        out[row * width + column] = read_address(scratch, n)
    return 0
