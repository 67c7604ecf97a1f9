"""Text of a source turned into the kinds of the standard, as Polars expressions. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from yigong.edge.mapping.rows import Reason

ZONE = "Asia/Shanghai"  # a time without a zone is the county's
DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y.%m.%d")
MOMENT_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d%H%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M",
)  # fmt: skip
ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
TIME_FORMATS = ("%H:%M:%S", "%H:%M", "%H%M%S", "%H%M", "%H:%M:%S%.f")
#: how many signs a form of digits alone has
DIGITS = {"%Y%m%d": 8, "%Y%m%d%H%M": 12, "%Y%m%d%H%M%S": 14, "%H%M": 4, "%H%M%S": 6}
#: signs of a form that stand for a time of day
_TIMED = re.compile(r"%[-_0]?[HIklTRrXc]")
TRUE = ("1", "true", "t", "True", "TRUE", "Y", "y", "是", "有", "阳性")
FALSE = ("0", "false", "f", "False", "FALSE", "N", "n", "2", "否", "无", "阴性")
DTYPE = {
    "text": pl.String,
    "number": pl.Float64,
    "date": pl.Date,
    "datetime": pl.Datetime("us", "UTC"),
    "time": pl.Time,
    "boolean": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the standard frame: its expression and, where it may fail, the value it is made from."""

    name: str
    expr: pl.Expr
    given: pl.Expr | None = None
    kind: str = "text"
    parse: tuple[str, ...] = ()
    coded: bool = False
    label: str = ""
    label_en: str = ""
    severity: str = "error"


def as_kind(value: pl.Expr, kind: str, formats: Sequence[str] = ()) -> pl.Expr:
    """Text *value* as *kind*; null where it cannot be."""
    match kind:
        case "number":
            return _numbers(value)
        case "date":
            return _dates(value, formats)
        case "datetime":
            return moments(value, formats)
        case "time":
            return _times(value, formats)
        case "boolean":
            return pl.when(value.is_in(TRUE)).then(True).when(value.is_in(FALSE)).then(False)
    return value


def _numbers(value: pl.Expr) -> pl.Expr:
    """A number that can be counted with: neither infinite nor none at all, which the text NaN would become."""
    number = value.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _dates(value: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    """Days; of a moment the day that it has in the county."""

    def known(text: pl.Series) -> pl.Series:
        found = _by_forms(text, formats or DATE_FORMATS, _date, pl.Date)
        if formats or (rest := _rest(text, found)) is None:
            return found
        return _filled(found, rest, _moments(text.filter(rest), ()).dt.convert_time_zone(ZONE).dt.date())

    return _of_series(value, known, pl.Date)


def moments(value: pl.Expr, formats: Sequence[str] = ()) -> pl.Expr:
    """Text as moments in UTC; without a zone it is the county's time, a mere date is its midnight."""
    return _of_series(value, lambda text: _moments(text, formats), pl.Datetime("us", "UTC"))


def _of_series(value: pl.Expr, turn: Callable[[pl.Series], pl.Series], kind: Any) -> pl.Expr:
    """A column turned form by form: each form sees only what those before it left."""

    def turned(text: pl.Series) -> pl.Series:
        return _in_bounds(turn(text.str.strip_chars()))

    if not value.meta.root_names():  # a constant: it has no column to go through
        return pl.lit(turned(pl.select(value.cast(pl.String)).to_series())[0], dtype=kind)
    return value.map_batches(turned, return_dtype=kind, is_elementwise=True)


def _in_bounds(found: pl.Series) -> pl.Series:
    """Without years of less than four digits: 26-03-01 is no day of the year 26, and 0001-01-01 is how programs say "none"."""
    wrong = ~found.dt.year().is_between(1000, 9999)
    return found.set(wrong, None) if wrong.any() else found


def _rest(text: pl.Series, found: pl.Series) -> pl.Series | None:
    """Which values are not turned yet; None when all are."""
    rest = found.is_null() & text.is_not_null()
    return rest if rest.any() else None


def _filled(found: pl.Series, rest: pl.Series, more: pl.Series) -> pl.Series:
    return found.scatter(rest.arg_true(), more)


def _by_forms(
    text: pl.Series, forms: Sequence[str], turn: Callable[[pl.Series, str], pl.Series], kind: Any
) -> pl.Series:  # fmt: skip
    found = pl.Series(text.name, [None], dtype=kind).new_from_index(0, len(text))
    for form in forms:
        if (rest := _rest(text, found)) is None:
            break
        left = text.filter(rest)
        try:
            found = _filled(found, rest, turn(_of_length(left, form), form))
        except pl.exceptions.ComputeError:  # a form of the mapping's own that is none: nothing is written in it
            continue
    return found


def _of_length(text: pl.Series, form: str) -> pl.Series:
    """Without values too short or long for a form of digits alone: 2026111 is the 11th of January or the 1st of November."""
    digits = DIGITS.get(form)
    return text if digits is None else text.set(text.str.len_chars() != digits, None)


def _date(text: pl.Series, form: str) -> pl.Series:
    if _TIMED.search(form):
        return text.str.to_datetime(form, strict=False, time_unit="us").dt.date()
    return text.str.to_date(form, strict=False)


def _moments(text: pl.Series, formats: Sequence[str]) -> pl.Series:
    found = _by_forms(text, formats or (*MOMENT_FORMATS, *DATE_FORMATS), _moment, pl.Datetime("us", "UTC"))
    if formats or (rest := _rest(text, found)) is None:
        return found
    told = text.filter(rest).str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")  # PostgreSQL: 2026-03-01 08:00:00+08
    return _filled(found, rest, _by_forms(told, ZONED, _moment, pl.Datetime("us", "UTC")))


def _moment(text: pl.Series, form: str) -> pl.Series:
    if "%z" in form or "%:z" in form or "%#z" in form:
        return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    if not _TIMED.search(form):
        return _zoned(text.str.to_date(form, strict=False).cast(pl.Datetime("us")))
    return _zoned(text.str.to_datetime(form, strict=False, time_unit="us"))


def _zoned(local: pl.Series) -> pl.Series:
    """County time to UTC; of the hour that summer time doubled the earlier, that it skipped as if the clock had not been set."""
    found = local.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
    if (rest := _rest(local, found)) is not None:
        later = local.filter(rest).dt.offset_by("1h")
        found = _filled(found, rest, later.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null"))
    return found.dt.convert_time_zone("UTC")


def _times(value: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    text = value.str.strip_chars()
    found = [pl.when(text.str.len_chars() == DIGITS[f]).then(text.str.to_time(f, strict=False)) if f in DIGITS
             else text.str.to_time(f, strict=False) for f in formats or TIME_FORMATS]  # fmt: skip
    return found[0] if len(found) == 1 else pl.coalesce(found)


def looked_up(value: pl.Expr, table: Mapping[str, str]) -> pl.Expr:
    """The standard code for a source's code; null where the table does not know it, unless it has a line ``"*"``."""
    known = {k: v for k, v in table.items() if k != "*"}
    code = value.str.strip_chars().replace_strict(known, default=None, return_dtype=pl.String)
    other = table.get("*")
    return code if other is None else pl.when(value.is_not_null()).then(code.fill_null(other))


#: columns of the waist and of a registration that a mapping fills, as people call them
WAIST = {
    "event_at": ("发生时间", "time of the event"),
    "source_key": ("来源主键", "key of the source"),
    "local_id": ("患者号", "patient number"),
    "org_code": ("机构代码", "institution"),
    "encounter_key": ("就诊号", "encounter"),
    "group_key": ("单号", "report or prescription"),
    "own born_on": ("出生日期", "date of birth"),
    "own registered_at": ("建档时间", "time of registration"),
    "own sex_code": ("性别", "sex"),
    "own id_type_code": ("证件类型", "type of identity document"),
    "own ethnic_group_code": ("民族", "ethnic group"),
    "own division_code": ("行政区划", "administrative division"),
}


def failure(output: Output) -> Reason:
    """The sentence for a value that could not be converted."""
    own = output.label or output.name.removeprefix("own ")
    name, name_en = WAIST.get(output.name, (own, output.label_en or own))
    if output.coded:
        return Reason(
            "code_unmapped", output.name, f"{name}：源代码没有对照", f"{name_en}: no mapping for the source's code"
        )
    words = {
        "number": ("不是数字", "not a number"),
        "date": ("不是有效日期", "not a date that exists"),
        "datetime": ("不是有效时间", "not a time that exists"),
        "time": ("不是有效时刻", "not a time of day"),
        "boolean": ("不是“是/否”", "not yes or no"),
    }
    zh, en = words.get(output.kind, ("无法转换", "cannot be converted"))
    form = f"（{'、'.join(output.parse)}）" if output.parse else ""
    return Reason(f"{output.kind}_unreadable", output.name, f"{name}：{zh}{form}", f"{name_en}: {en}")
