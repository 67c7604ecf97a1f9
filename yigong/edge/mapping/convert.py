"""Text of a source turned into the kinds of the standard, as Polars expressions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from yigong.edge.mapping.rows import Reason

ZONE = "Asia/Shanghai"  # a time without a zone is the county's
DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S", "%Y年%m月%d日", "%Y.%m.%d")
MOMENT_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d%H%M",
)  # fmt: skip
TIME_FORMATS = ("%H:%M:%S", "%H:%M", "%H%M%S")
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
            return value.str.strip_chars().cast(pl.Float64, strict=False)
        case "date":
            return _dates(value, formats)
        case "datetime":
            return moments(value, formats)
        case "time":
            return _first([value.str.to_time(f, strict=False) for f in formats or TIME_FORMATS])
        case "boolean":
            return pl.when(value.is_in(TRUE)).then(True).when(value.is_in(FALSE)).then(False)
    return value


def _dates(value: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    return _first([value.str.to_datetime(f, strict=False, time_unit="us").dt.date() if "%H" in f
                   else value.str.to_date(f, strict=False) for f in formats or DATE_FORMATS])  # fmt: skip


def moments(value: pl.Expr, formats: Sequence[str] = ()) -> pl.Expr:
    """Text as moments in UTC; without a zone it is the county's time, a mere date is its midnight."""
    if formats:
        return _first([_moment(value, f) for f in formats])
    days = [value.str.to_date(f, strict=False).cast(pl.Datetime("us")) for f in DATE_FORMATS if "%H" not in f]
    zoned = value.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC")
    local = _first([*(value.str.to_datetime(f, strict=False, time_unit="us") for f in MOMENT_FORMATS), *days])
    return pl.coalesce(_zoned(local), zoned)


def _moment(value: pl.Expr, form: str) -> pl.Expr:
    if "%z" in form or "%:z" in form or "%#z" in form:
        return value.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    if "%H" not in form:
        return _zoned(value.str.to_date(form, strict=False).cast(pl.Datetime("us")))
    return _zoned(value.str.to_datetime(form, strict=False, time_unit="us"))


def _zoned(local: pl.Expr) -> pl.Expr:
    """County time to UTC; the hour that summer time skipped or doubled (1986-1991) is read as the earlier one."""
    return local.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _first(candidates: list[pl.Expr]) -> pl.Expr:
    return candidates[0] if len(candidates) == 1 else pl.coalesce(candidates)


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
