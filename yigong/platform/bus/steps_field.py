"""The field of a form in which transformations are written: rows of operation, place and value; JSON behind 高级."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus import step_rows
from yigong.platform.bus.step_rows import Row
from yigong.platform.bus.steps import registered

BLANK = 2  # empty rows that wait at the end
WORDS = {
    step_rows.SET: _("设置字段"), step_rows.CODES: _("转换代码"), step_rows.DROP_SEGMENT: _("去掉段"), step_rows.DROP_FIELD: _("去掉字段"),
    step_rows.BUILD: _("组成 JSON"),
}  # fmt: skip


def single_options() -> dict[str, tuple[str, ...]]:
    """Steps that others lend and a row can say: those with one option at most."""
    lent = {name: step for name, step in registered().items() if not name.startswith(("hl7v2.", "json."))}
    return {name: step.options for name, step in lent.items() if len(step.options) <= 1}


def operations() -> list[tuple[str, object]]:
    """What may be chosen in a row."""
    english = get_language() == "en"
    known = registered()
    lent = [(name, known[name].en if english else known[name].zh) for name in single_options()]
    return [
        ("", "—"),
        *WORDS.items(),
        *((name, words.partition("：" if not english else ":")[0]) for name, words in lent),
    ]


def said_in_rows(steps: list[dict[str, Any]]) -> list[tuple[object, str, str]]:
    """What transformations do, for reading: operation, place, value; what rows cannot say as its JSON."""
    rows = step_rows.rows_of(steps, single_options())
    if rows is None:
        return [(step["step"], "", json.dumps(step, ensure_ascii=False)) for step in steps]
    words = dict(operations())
    return [(words.get(row.operation, row.operation), row.path, row.value) for row in rows]


class StepsInput(forms.Widget):
    """A table with a row for each transformation, and the whole as JSON under 高级."""

    template_name = "bus/steps_input.html"
    bare = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Rows, choices, and the JSON with what it was, so that the form knows which of both was changed."""
        rows, text = _shown(value)
        spare = [Row("")] * BLANK
        return super().get_context(name, None, attrs) | {
            "name": name, "rows": None if rows is None else [*rows, *spare], "operations": operations(), "text": text,
        }  # fmt: skip

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """JSON where that was changed, else the rows that were filled."""
        text = str(data.get(name, "")).replace("\r\n", "\n").strip()
        was = str(data.get(f"{name}-was", "")).replace("\r\n", "\n").strip()
        if text != was or f"{name}-op" not in data:
            return text
        columns = (data.getlist(f"{name}-{part}") for part in ("op", "path", "value"))
        return [row for row in (Row(*(c.strip() for c in cells)) for cells in zip(*columns, strict=False)) if any(row)]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Never: no rows are rows too."""
        return False


def _shown(value: Any) -> tuple[list[Row] | None, str]:
    """The rows and the text of what is initial or was sent."""
    if isinstance(value, list) and all(isinstance(row, Row) for row in value):
        steps = [] if step_rows.faults(value, single_options()) else step_rows.steps_of(value, single_options())
        return value, _text(steps)
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except json.JSONDecodeError:
            return None, value
    try:
        return step_rows.rows_of(value or [], single_options()), _text(value)
    except (TypeError, AttributeError, ValueError):
        return None, _text(value)


def _text(steps: Any) -> str:
    return json.dumps(steps, ensure_ascii=False, indent=2) if steps else ""


class Steps(forms.Field):
    """Transformations in order. Raises ValidationError with the row, or line and column of the JSON."""

    widget = StepsInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        """The steps as they are kept."""
        if isinstance(value, list):
            return self._of_rows(value)
        try:
            return json.loads(value) if value else []
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            raise forms.ValidationError(_("第 %(line)s 行第 %(column)s 列不是正确的 JSON。"), params=place) from error

    def _of_rows(self, rows: list[Row]) -> list[dict[str, Any]]:
        for number, row in enumerate(rows, start=1):
            if not row.operation:
                raise forms.ValidationError(_("第 %(line)s 行没有选择操作。"), params={"line": number})
        for number, part in step_rows.faults(rows, single_options()):
            words = _("第 %(line)s 行没有写位置。") if part == "path" else _("第 %(line)s 行没有写值。")
            raise forms.ValidationError(words, params={"line": number})
        return step_rows.steps_of(rows, single_options())
