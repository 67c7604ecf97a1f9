"""The rules of the checker: how grave each is and what it says; where and what to do stand in the same sentence.

An *error* is a value that cannot be kept and rejects its row; a *warning* travels with the row, because real data break the standard.
"""

from __future__ import annotations

from typing import NamedTuple

from yigong.standards.model import Field

ERROR, WARNING = "error", "warning"


class Rule(NamedTuple):
    """One rule: severity and the sentence in both languages; `{value}` is what was sent."""

    severity: str
    zh: str
    en: str


RULES: dict[str, Rule] = {
    "text.nul": Rule(
        ERROR,
        "{name}“{value}”含有数据库不能保存的空字符（NUL）；请在来源去掉后重送",
        "{name} “{value}” holds a NUL sign that no database keeps; remove it at the source and send again",
    ),
    "date.impossible": Rule(
        ERROR,
        "{name}“{value}”不是存在的日期或时间；请核对年月日，如 2026-11-22 或 20261122",
        "{name} “{value}” is no date or time that exists; check it, such as 2026-11-22 or 20261122",
    ),
    "time.impossible": Rule(
        ERROR,
        "{name}“{value}”不是存在的时刻；请写成 14:20 或 14:20:05",
        "{name} “{value}” is no time of day; write 14:20 or 14:20:05",
    ),
    "number.impossible": Rule(
        ERROR,
        "{name}“{value}”不是数字；请只写数字，单位与文字放到相应字段",
        "{name} “{value}” is no number; send digits only, units and words in their own fields",
    ),
    "flag.impossible": Rule(
        ERROR,
        "{name}“{value}”不能读成是或否；请写 T 或 F",
        "{name} “{value}” reads as neither yes nor no; write T or F",
    ),
    "date.range": Rule(
        WARNING,
        "{name}“{value}”早于 1880 年或晚于十年以后；请核对年份",
        "{name} “{value}” lies before 1880 or more than ten years ahead; check the year",
    ),
    "date.future": Rule(
        WARNING,
        "{name}“{value}”晚于今天；请核对日期",
        "{name} “{value}” is later than today; check the date",
    ),
    "length.max": Rule(
        WARNING,
        "{name}“{value}”超过标准规定的 {most} 个字符（{format}）；请核对是否填错字段",
        "{name} “{value}” is longer than the {most} signs of the standard ({format}); check that it is in its own field",
    ),
    "length.min": Rule(
        WARNING,
        "{name}“{value}”不足标准规定的 {least} 个字符（{format}）；请核对是否丢了前面的 0",
        "{name} “{value}” is shorter than the {least} signs of the standard ({format}); check for lost leading zeros",
    ),
    "format.digits": Rule(
        WARNING,
        "{name}“{value}”应只含数字（{format}）；请核对",
        "{name} “{value}” should hold digits only ({format}); check it",
    ),
    "number.digits": Rule(
        WARNING,
        "{name}“{value}”的整数部分超过标准规定的 {whole} 位（{format}）；请核对小数点和单位",
        "{name} “{value}” has more than the {whole} whole digits of the standard ({format}); check decimal point and unit",
    ),
    "number.decimals": Rule(
        WARNING,
        "{name}“{value}”的小数超过标准规定的 {digits} 位（{format}）；请核对单位",
        "{name} “{value}” has more than the {digits} decimals of the standard ({format}); check the unit",
    ),
    "code.unknown": Rule(
        WARNING,
        "{name}“{value}”不在值域 {value_set} 中；请在映射里对照到标准代码",
        "{name} “{value}” is not in value set {value_set}; map it to a standard code",
    ),
    "code.zeros": Rule(
        WARNING,
        "{name}“{value}”缺前面的 0（值域 {value_set}，{format}）；请在映射里补齐",
        "{name} “{value}” lacks its leading zero (value set {value_set}, {format}); pad it in the mapping",
    ),
    "code.not_in_force": Rule(
        WARNING,
        "{name}“{value}”在发生日期不是值域 {value_set} 的有效代码；请核对日期和代码",
        "{name} “{value}” was not a valid code of {value_set} on the day of the event; check day and code",
    ),
    "id_no.wrong": Rule(
        WARNING,
        "{name}“{value}”的出生日期或校验位不对；请对照证件核对",
        "{name} “{value}” has an impossible birth date or check digit; compare it with the document",
    ),
}


def sentences(rule: str, field: Field) -> tuple[tuple[str, str], tuple[str, str]]:
    """The Chinese and English sentence of a rule for one field, each parted where the value stands."""
    facts = {
        "format": field.format,
        "least": field.min_length,
        "most": field.max_length,
        "digits": field.digits or 0,
        "whole": (field.max_length or 0) - (field.digits or 0),
        "value_set": field.value_set_id,
        "value": "\0",
    }
    zh, en = RULES[rule].zh, RULES[rule].en
    before, _, after = zh.format(name=field.name_zh, **facts).partition("\0")
    first, _, last = en.format(name=field.name_en or field.name_zh, **facts).partition("\0")
    return (before, after), (first, last)
