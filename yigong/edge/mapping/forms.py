"""Whether a form of dates or times is one, found out by writing a moment in it and reading that back. Pure.

The signs are those of strftime as Polars reads them: ``%Y-%m-%d %H:%M:%S``. A form that never fits would turn every row away at the
run, so it is refused when the mapping is saved.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time

import polars as pl

from yigong.edge.mapping.convert import ZONE, as_kind
from yigong.edge.mapping.file import Spec
from yigong.edge.mapping.mistakes import Mistakes

TIMED = ("date", "datetime", "time")
#: two moments that differ in every part
PROBES = (
    datetime.fromisoformat("2026-11-27 20:35:49"),
    datetime.fromisoformat("2019-02-03 04:05:06"),
)  # of the county, without zone
#: how other programs write the parts, in the order in which they are put right
OTHERS = (
    (r"yyyy|YYYY", "%Y"), (r"(?<=[Hh][Hh]24[:.])(MI|mi|MM|mm)|(?<=[Hh][Hh][:.])(MI|mi|MM|mm)|\bmi\b|\bMI\b", "%M"), (r"HH24|hh24|HH|hh", "%H"),
    (r"ss|SS", "%S"), (r"MM", "%m"), (r"dd|DD", "%d"), (r"(?<!%)\byy\b", "%y"),
)  # fmt: skip
EXAMPLES = {"date": "%Y-%m-%d、%Y%m%d", "datetime": "%Y-%m-%d %H:%M:%S", "time": "%H:%M:%S"}


def is_form(form: str, kind: str) -> bool:
    """Whether values of *kind* can be written and read in *form*: read back they are written the same, and others otherwise."""
    try:
        texts = [_written(probe, form, kind) for probe in PROBES]
        read = pl.Series(texts, dtype=pl.String).to_frame("v").select(as_kind(pl.col("v"), kind, (form,))).to_series()
        again = [_written(_local(value), form, kind) for value in read.to_list() if value is not None]
    except pl.exceptions.PolarsError:
        return False
    return texts[0] != texts[1] and again == texts


def _written(moment: datetime, form: str, kind: str) -> str:
    if kind == "date":
        moment = datetime.combine(moment.date(), time())
    zoned = pl.Series([moment]).dt.replace_time_zone(ZONE)
    found = zoned if kind == "datetime" else zoned.dt.replace_time_zone(None)
    series = found.dt.time() if kind == "time" else found
    return str(series.dt.to_string(form.replace("%#z", "%z"))[0])


def _local(value: date | datetime | time) -> datetime:
    """A value that was read, as a moment of the county."""
    if isinstance(value, datetime):
        local = pl.Series([value], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
        return local[0]  # type: ignore[no-any-return]
    if isinstance(value, time):
        return datetime.combine(PROBES[0].date(), value)
    return datetime.combine(value, time())


def meant(form: str, kind: str) -> str:
    """The form that a text like yyyy-MM-dd stands for; empty where none is known."""
    found = form
    for other, sign in OTHERS:
        found = re.sub(other, sign, found)
    return found if found != form and is_form(found, kind) else ""


def check(spec: Spec, kind: str, mistakes: Mistakes) -> None:
    """Note the forms of a value that are none, and forms that nothing would be read by."""
    if spec.parse and kind not in TIMED:
        mistakes.add(
            spec.line,
            f"“{spec.name}”不是日期或时间，时间格式 {spec.parse[0]} 不起作用，请删去",
            f"{spec.name} is no date or time, so the form {spec.parse[0]} does nothing; take it out",
        )
        return
    for form in spec.parse:
        if not is_form(form, kind):
            right = meant(form, kind)
            hint = (
                (f"应写作 {right}", f"write {right}")
                if right
                else (f"如 {EXAMPLES[kind]}", f"write it like {EXAMPLES[kind].replace('、', ' or ')}")
            )
            mistakes.add(
                spec.line,
                f"“{spec.name}”的时间格式“{form}”不对，任何值都读不出；{hint[0]}",
                f"{spec.name}: {form} is no form of a {WORDS[kind]}, no value could be read by it; {hint[1]}",
            )


WORDS = {"date": "date", "datetime": "date and time", "time": "time of day"}
