"""Where the lines of a delimited file end, and quotes that are only signs (5" tube) written so that a reader takes them as such.

A quote opens a field only at its beginning and closes it only at its end (RFC 4180, 2.5-2.7); within, two stand for one.
Any other quote is a sign of the text. Pure.
"""

from __future__ import annotations

import numpy as np

QUOTE, LINE, RETURN = b'"'[0], b"\n"[0], b"\r"[0]


def whole_lines(data: bytes, separator: str) -> tuple[int, bytes]:
    """How much of *data*, which begins with a line, is whole lines, and those lines with every quote that is a sign doubled."""
    signs = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(signs == QUOTE)
    if not len(quotes):
        end = data.rfind(b"\n") + 1
        return end, data[:end]
    sep = separator.encode()[0]
    ends = np.flatnonzero(signs == LINE)
    before = np.searchsorted(quotes, ends)
    outside = ends[before % 2 == 0]
    if len(outside):
        end = int(outside[-1]) + 1
        if _is_plain(signs[:end], quotes[: np.searchsorted(quotes, end)], sep):
            return end, data[:end]
    return _mended(data, quotes, sep)


def _is_plain(signs: np.ndarray, quotes: np.ndarray, sep: int) -> bool:
    """Whether quotes open and close in turn: each opening one begins a field, each closing one ends one, but for doubled ones."""
    opening, closing = quotes[0::2], quotes[1::2]
    starts = (opening == 0) | np.isin(signs[opening - 1], (sep, LINE))
    starts[1:] |= opening[1:] == closing[:-1] + 1
    stops = np.isin(signs[closing + 1], (sep, LINE, RETURN))
    stops[:-1] |= opening[1:] == closing[:-1] + 1
    return bool(starts.all() and stops.all())


def _mended(data: bytes, quotes: np.ndarray, sep: int) -> tuple[int, bytes]:
    """The whole lines with quotes put in where others are signs. A step for each quote, not for each byte."""
    put: list[int] = []
    at = gap = end = 0
    while at < len(quotes):
        place = int(quotes[at])
        if place == 0 or data[place - 1] in (sep, LINE):
            end = max(end, data.rfind(b"\n", gap, place) + 1)
            at, signs, gap = _closed(data, quotes, at, sep)
            if gap < 0:  # the field does not end here, and so neither does its line
                return end, _with_quotes(data, put, end)
            put += signs
        else:
            first, stop = _field(data, place, sep)
            after = int(np.searchsorted(quotes, stop))
            put += [first, *map(int, quotes[at:after]), stop]
            at = after
    end = max(end, data.rfind(b"\n", gap) + 1)
    return end, _with_quotes(data, put, end)


def _with_quotes(data: bytes, put: list[int], end: int) -> bytes:
    parts, taken = [], 0
    for place in put:
        if place < end:
            parts.append(data[taken:place])
            taken = place
    return b'"'.join([*parts, data[taken:end]])


def _closed(data: bytes, quotes: np.ndarray, at: int, sep: int) -> tuple[int, list[int], int]:
    """The quote after the field that quote *at* opens, the places of signs in it, and where it ends; -1: it does not."""
    signs: list[int] = []
    size = len(quotes)
    at += 1
    while at < size:
        place = int(quotes[at])
        following = data[place + 1] if place + 1 < len(data) else -1
        if following == QUOTE:
            at += 2
            continue
        if following in (sep, LINE, RETURN):
            return at + 1, signs, place + 1
        if following < 0:
            break
        signs.append(place)
        at += 1
    return at, signs, -1


def _field(data: bytes, place: int, sep: int) -> tuple[int, int]:
    """Beginning and end of the unquoted field in which a quote stands."""
    mark = bytes([sep])
    first = max(data.rfind(mark, 0, place), data.rfind(b"\n", 0, place)) + 1
    stops = [s for s in (data.find(mark, place), data.find(b"\n", place)) if s >= 0]
    stop = min(stops, default=len(data))
    return first, stop - (stop > place and data[stop - 1] == RETURN)
