"""When a route takes a message: the house's language of expressions over facts of the message and paths into it. Pure.

``type = 'ORU^R01' and [PV1-2] = 'E'``. What stands in brackets is a path (see content.py); the other words are FACTS, in
English or Chinese. Many messages are judged by many conditions in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from yigong.kit.errors import Refused
from yigong.kit.expression import Wrong, compile_text
from yigong.platform.bus.content import Content, path_form

#: word in a condition -> the fact of the message; the Chinese word means the same
FACTS = {
    "sender": "发送方", "type": "类型", "institution": "机构", "endpoint": "端点", "service": "服务", "patient": "患者号",
    "order": "申请单号", "control": "消息号", "form": "格式",
}  # fmt: skip
_CHINESE = {zh: en for en, zh in FACTS.items()}


class Condition(NamedTuple):
    """A condition that was understood."""

    truth: pl.Expr
    paths: tuple[str, ...]


def compile_condition(text: str) -> Condition:
    """The condition; an empty one holds always. Raises Refused bus.bad_condition, bus.bad_path."""
    if not text.strip():
        return Condition(pl.lit(True), ())
    try:
        truth = compile_text(text).truth()
    except Wrong as wrong:
        raise Refused("bus.bad_condition", at=wrong.at + 1, why=wrong.zh, why_en=wrong.en) from wrong
    names = set(truth.meta.root_names())
    paths = sorted(names - set(FACTS) - set(_CHINESE))
    for path in paths:
        if not any(sign in path for sign in "-/$"):
            raise Refused("bus.unknown_fact", name=path, known=sorted(FACTS))
        path_form(path)
    return Condition(truth, tuple(paths))


def judge(
    conditions: Sequence[Condition], facts: Sequence[Mapping[str, str]], contents: Sequence[Content]
) -> list[list[bool]]:
    """For each message which conditions hold: rows are messages, columns conditions."""
    if not facts or not conditions:
        return [[] for _ in facts]
    columns: dict[str, list[str]] = {name: [f.get(name, "") for f in facts] for name in FACTS}
    columns |= {zh: columns[en] for zh, en in _CHINESE.items()}
    for path in sorted({p for c in conditions for p in c.paths}):
        columns[path] = [content.value(path) for content in contents]
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    shown = frame.select(c.truth.alias(str(n)) for n, c in enumerate(conditions))
    if shown.height == 1 < len(facts):  # only constants
        shown = pl.concat([shown] * len(facts))
    return [[bool(v) for v in row] for row in shown.iter_rows()]
