"""Values of resources in the one form in which they are indexed and asked for."""

from __future__ import annotations

import calendar
import hashlib
import re
import unicodedata
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

#: moments without a zone are told in the county
ZONE = timezone(timedelta(hours=8))
EARLIEST, LATEST = -(2**62), 2**62  # of a period that is open to one side
LOWEST, HIGHEST = -1.7e308, 1.7e308  # of a range that is open to one side
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_DATE = re.compile(
    r"^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$",
)
#: longest text that is compared; longer ones are cut
LONGEST = 200


@lru_cache(maxsize=8192)
def parameter_number(name: str) -> int:
    """The number under which values of ``Type.code`` are kept, 31 bits and never changing."""
    return zlib.crc32(name.encode()) >> 1


@lru_cache(maxsize=65536)
def system_number(system: str | None) -> int:
    """The number of a system of codes; 0 for none."""
    if not system:
        return 0
    return int.from_bytes(hashlib.blake2b(system.encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=65536)
def plain(text: str) -> str:
    """Text as it is compared: small letters, no accents, half-width."""
    if text.isascii():
        return text.lower()[:LONGEST]
    parted = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in parted if not unicodedata.combining(c)))[:LONGEST]


@lru_cache(maxsize=65536)
def moments(text: str) -> tuple[int, int]:
    """The first and last microsecond that a date, dateTime or instant of any precision means. Raises ValueError."""
    found = _DATE.match(text)
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, part, zone = found.groups()
    if hour is None:
        return _days(int(year), month, day)
    fraction = (part or "")[1:7]
    moment = datetime(
        int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59),
        int(fraction.ljust(6, "0") or 0), tzinfo=_zone(zone),
    )  # fmt: skip
    low = _micro(moment)
    width = 60 * _SECOND if second is None else 10 ** (6 - len(fraction))
    return low, low + width - 1


def _days(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    first = datetime(year, int(month or 1), int(day or 1), tzinfo=ZONE)
    if day:
        length = 1
    elif month:
        length = calendar.monthrange(year, int(month))[1]
    else:
        length = 366 if calendar.isleap(year) else 365
    low = _micro(first)
    return low, low + length * 86_400 * _SECOND - 1


def _zone(text: str | None) -> timezone:
    if text is None:
        return ZONE
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _micro(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=65536)
def target(reference: str, base: str = "") -> str:
    """A reference as it is compared: ``Type/id`` on this server, else the whole address; no version, no fragment."""
    if base and reference.startswith(base):
        reference = reference[len(base) :]
    return reference.partition("/_history/")[0]


class Sink:
    """Rows of the index tables; the first value of each is the resource's id."""

    __slots__ = ("base", "date", "quantity", "reference", "resource_id", "string", "token", "uri")

    def __init__(self, base: str = "") -> None:
        self.base = base
        self.resource_id = 0
        self.token: list[tuple[int, int, int, int, str, str | None]] = []  # id, param, part, system, code, text
        self.reference: list[tuple[int, int, str]] = []  # id, param, target
        self.string: list[tuple[int, int, str, str]] = []  # id, param, plain, exact
        self.date: list[tuple[int, int, int, int]] = []  # id, param, low, high
        self.quantity: list[
            tuple[int, int, int, int, str, str, float, float]
        ] = []  # … part, system, code, unit, low, high
        self.uri: list[tuple[int, int, str]] = []  # id, param, uri

    def tables(self) -> dict[str, list[Any]]:
        """Rows by the name of the kind."""
        return {name: getattr(self, name) for name in TABLES}


#: kind -> columns of its table after ``resource_id``
TABLES = {
    "token": ("param", "part", "system", "code", "text"),
    "reference": ("param", "target"),
    "string": ("param", "value", "exact"),
    "date": ("param", "low", "high"),
    "quantity": ("param", "part", "system", "code", "unit", "low", "high"),
    "uri": ("param", "uri"),
}

# ---- one function for each pair of kind of parameter and type of element: (sink, number, value, part, system) ----


def token_code(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.token.append((s.resource_id, n, part, system, str(v)[:LONGEST], None))


def token_boolean(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.token.append((s.resource_id, n, part, system, "true" if v else "false", None))


def token_coding(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    code = v.get("code")
    if code is not None or v.get("system"):
        s.token.append(
            (s.resource_id, n, part, system_number(v.get("system")), (code or "")[:LONGEST], v.get("display"))
        )


def token_concept(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    text, told = v.get("text"), False
    for coding in v.get("coding", ()):
        code = coding.get("code")
        if code is not None or coding.get("system"):
            row = (s.resource_id, n, part, system_number(coding.get("system")), (code or "")[:LONGEST])
            display = coding.get("display") or text
            told = told or display == text
            s.token.append((*row, display))
    if text and not told:  # found by ``:text`` as the names of its codes are
        s.token.append((s.resource_id, n, part, 0, "", text))


def token_identifier(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    value = v.get("value")
    if value is None:
        return
    s.token.append((s.resource_id, n, part, system_number(v.get("system")), value[:LONGEST], None))
    for coding in v.get("type", {}).get("coding", ()) if "type" in v else ():
        code = f"{coding.get('code', '')}|{value}"[:LONGEST]
        s.token.append((s.resource_id, n ^ OF_TYPE, part, system_number(coding.get("system")), code, None))


def token_contact(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    if "value" in v:
        s.token.append((s.resource_id, n, part, 0, v["value"][:LONGEST], v.get("use")))


#: marks the number of a parameter's further readings: ``:of-type``, ``:identifier``
OF_TYPE, IDENTIFIER = 1 << 29, 1 << 28


def reference(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    text = v.get("reference")
    if text and text[0] != "#":
        s.reference.append((s.resource_id, n, target(text, s.base)[:LONGEST]))
    if "identifier" in v:
        token_identifier(s, n ^ IDENTIFIER, v["identifier"], part, system)


def reference_uri(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    whole, _, version = target(v, s.base).partition("|")
    s.reference.append((s.resource_id, n, whole[:LONGEST]))
    if version:
        s.reference.append((s.resource_id, n, v[:LONGEST]))


def string(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.string.append((s.resource_id, n, plain(v[:LONGEST]), v[:LONGEST]))


def string_name(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    said = [v.get("text"), v.get("family"), *v.get("given", ()), *v.get("prefix", ()), *v.get("suffix", ())]
    for text in dict.fromkeys(t for t in said if t):
        string(s, n, text, part, system)


def string_address(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    said = [
        v.get("text"),
        *v.get("line", ()),
        *(v.get(k) for k in ("city", "district", "state", "postalCode", "country")),
    ]
    for text in dict.fromkeys(t for t in said if t):
        string(s, n, text, part, system)


def string_concept(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    said = [v.get("text"), *(c.get("display") for c in v.get("coding", ()))]
    for text in dict.fromkeys(t for t in said if t):
        string(s, n, text, part, system)


def date(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.date.append((s.resource_id, n, *moments(v)))


def date_period(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    low = moments(v["start"])[0] if "start" in v else EARLIEST
    high = moments(v["end"])[1] if "end" in v else LATEST
    if "start" in v or "end" in v:
        s.date.append((s.resource_id, n, low, high))


def date_timing(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    for event in v.get("event", ()):
        date(s, n, event, part, system)
    bounds = v.get("repeat", {}).get("boundsPeriod")
    if bounds:
        date_period(s, n, bounds, part, system)


def quantity(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    value = v.get("value")
    if value is not None:
        unit = v.get("unit") or v.get("currency") or ""
        code = v.get("code") or v.get("currency") or unit
        row = (s.resource_id, n, part, system_number(v.get("system")), code[:LONGEST], unit[:LONGEST])
        s.quantity.append((*row, float(value), float(value)))


def quantity_range(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    low, high = v.get("low", {}), v.get("high", {})
    known = low or high
    code = known.get("code") or known.get("unit") or ""
    row = (s.resource_id, n, part, system_number(known.get("system")), code[:LONGEST], known.get("unit", "")[:LONGEST])
    if "value" in low or "value" in high:
        s.quantity.append((*row, float(low.get("value", LOWEST)), float(high.get("value", HIGHEST))))


def quantity_sampled(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    origin = v.get("origin", {})
    if "lowerLimit" in v or "upperLimit" in v:
        row = (
            s.resource_id,
            n,
            part,
            system_number(origin.get("system")),
            origin.get("code") or origin.get("unit") or "",
        )
        s.quantity.append(
            (*row, origin.get("unit", ""), float(v.get("lowerLimit", LOWEST)), float(v.get("upperLimit", HIGHEST)))
        )


def number(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.quantity.append((s.resource_id, n, part, 0, "", "", float(v), float(v)))


def uri(s: Sink, n: int, v: Any, part: int, system: int) -> None:
    s.uri.append((s.resource_id, n, v[:LONGEST]))


Writer = Callable[[Sink, int, Any, int, int], None]
_TEXTS = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid")
_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration", "Money", "SimpleQuantity", "MoneyQuantity")
WRITERS: dict[tuple[str, str], Writer] = {
    **{("token", t): token_code for t in (*_TEXTS, "dateTime", "date", "integer", "positiveInt")},
    ("token", "boolean"): token_boolean,
    ("token", "Coding"): token_coding,
    ("token", "CodeableConcept"): token_concept,
    ("token", "Identifier"): token_identifier,
    ("token", "ContactPoint"): token_contact,
    ("reference", "Reference"): reference,
    **{("reference", t): reference_uri for t in ("canonical", "uri", "url")},
    **{("string", t): string for t in _TEXTS},
    ("string", "HumanName"): string_name,
    ("string", "Address"): string_address,
    ("string", "CodeableConcept"): string_concept,
    **{("date", t): date for t in ("date", "dateTime", "instant")},
    ("date", "Period"): date_period,
    ("date", "Timing"): date_timing,
    **{("quantity", t): quantity for t in _QUANTITIES},
    ("quantity", "Range"): quantity_range,
    ("quantity", "SampledData"): quantity_sampled,
    **{("number", t): number for t in ("decimal", "integer", "positiveInt", "unsignedInt")},
    ("number", "Range"): quantity_range,
    **{("uri", t): uri for t in ("uri", "url", "canonical", "oid", "uuid", "string", "code")},
}
