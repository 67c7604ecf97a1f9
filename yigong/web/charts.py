"""Charts: an ECharts option with colors named by token, and the same rows as a table behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def chart(
    id: str,
    option: Mapping[str, Any],
    table_rows: Sequence[Sequence[object]],
    *,
    head: Sequence[object] = (),
    title: object = "",
    size: str = "h240",
    export: str = "",
) -> SafeString:
    """A chart named *id* for a page; *table_rows* under *head* say the same to a reader and behind the word 数据表.

    Colors in the option are names of tokens (``"--yg-c1"``); series without a style get color, shape and line of their turn.
    """
    if len({len(row) for row in (head, *table_rows) if row}) > 1:
        raise ValueError("rows of the table differ in length from its head")
    context = {
        "id": id,
        "option_id": f"{id}-option",
        "option": dict(option),
        "rows": table_rows,
        "head": head,
        "title": title,
        "size": size,
        "export": export,
    }
    return render_to_string("web/ui/chart.html", context)
