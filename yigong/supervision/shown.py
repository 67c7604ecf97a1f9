"""Figures and rows as the board shows them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from yigong.platform.warehouse.api import Measure, Value
from yigong.supervision import board
from yigong.web import parts
from yigong.web.words import THIN, number_words, true_minus


def rows_url(measure_id: str, period_name: str, org: str = "", part: str = "") -> str:
    """The address of the rows behind a figure."""
    query = {k: v for k, v in (("period", period_name), ("org", org), ("part", part)) if v}
    return f"{reverse('supervision:rows', args=[measure_id])}?{urlencode(query)}"


def figure(f: board.Figure, period_name: str, orgs: list[str] | None) -> parts.Figure:
    """A figure with value, n / d, change and target; or withheld with its reason."""
    words = board.words_of(f.measure)
    value = f.value
    return parts.Figure(
        name=words["name"],
        unit=words["unit"],
        definition=f"{_('定义')} {f.measure.definition_version}",
        url="" if value.is_withheld else rows_url(f.measure.id, period_name, orgs[0] if orgs else ""),
        value=None if value.value is None else number_words(value.value, f.measure.digits),
        numerator=None if value.numerator is None else number_words(value.numerator, 0),
        denominator=None if value.denominator is None else number_words(value.denominator, 0),
        change=change_words(f),
        better=f.is_better,
        target=f"{'≥' if f.measure.better == 'up' else '≤'} {f.measure.target:g}" if f.measure.target else "",
        withheld=_withheld(value, words),
        remedy_url=reverse("supervision:definitions"),
    )


def _withheld(value: Value, words: dict[str, str]) -> str:
    if not value.is_withheld:
        return ""
    reason = board.reason_words(value)
    return f"{reason}；{words['remedy']}" if words["remedy"] else reason


def change_words(f: board.Figure) -> str:
    """The change against the same days a year earlier."""
    if f.change is None:
        return ""
    arrow = "▲" if f.change > 0 else "▼" if f.change < 0 else "＝"
    unit = _("个点") if f.measure.unit == "%" else "%"
    return f"{arrow} {number_words(abs(f.change), 1)}{THIN}{unit} {_('同比')}"


def heads() -> list[str]:
    """Heads of the institutions' table."""
    from yigong.platform.warehouse.api import measures

    named = [board.words_of(measures()[m])["name"] for m in board.COLUMNS]
    return [named[0], _("同比"), *named[1:]]


def institution_row(row: dict[str, Any], period_name: str) -> dict[str, Any]:
    """An institution with its cells; a figure without data reads —."""
    code = row["institution"].code
    cells = [_cell(row[m], code, period_name) for m in board.COLUMNS]
    change = row["change"]
    text = "—" if change is None else f"{'+' if change > 0 else ''}{true_minus(f'{change:.1f}')}{THIN}%"
    return {
        "institution": row["institution"],
        "cells": [cells[0], {"text": text, "tone": "down" if (change or 0) < -10 else ""}, *cells[1:]],
    }


def _cell(value: Value | None, org: str, period_name: str) -> dict[str, str]:
    if value is None or value.value is None:
        return {"text": "—"}
    unit = f"{THIN}%" if value.measure.unit == "%" else ""
    return {
        "text": number_words(value.value, value.measure.digits) + unit,
        "url": rows_url(value.measure.id, period_name, org),
    }


def parts_of(measure: Measure) -> list[tuple[str, str]]:
    """What can be drilled: denominator and numerator, by their names."""
    if measure.denominator == "1":
        return [("denominator", measure.numerator_name)]
    return [("denominator", measure.denominator_name), ("numerator", measure.numerator_name)]


def pager(number: int, total: int, size: int) -> SimpleNamespace:
    """Where we are among the rows."""
    first = (number - 1) * size + 1
    return SimpleNamespace(
        number=number,
        num_pages=max(1, -(-total // size)),
        count=total,
        start_index=lambda: min(first, total),
        end_index=lambda: min(first + size - 1, total),
    )
