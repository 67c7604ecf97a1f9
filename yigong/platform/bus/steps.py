"""Transformations as declared steps: each takes a message and gives another; none reads or writes anything.

A step is a mapping with its name under ``step`` and its options. STEPS lists those the bus knows itself; languages above it
lend theirs by ``wiring.BUS_STEPS``. A value is an expression of the language of conditions.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl
from django.conf import settings

from yigong.kit.errors import Refused
from yigong.kit.expression import Wrong, compile_text
from yigong.kit.hl7v2 import edit
from yigong.kit.hl7v2.parse import Message
from yigong.platform.bus.conditions import FACTS
from yigong.platform.bus.content import HL7V2, JSON, Content, path_form
from yigong.standards.api import load

Facts = Mapping[str, str]
Options = Mapping[str, Any]
Function = Callable[[Content, Options, Facts], Content]
MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class Step:
    """A transformation: what it is called, what it does, its options, and the function."""

    name: str
    zh: str
    en: str
    options: tuple[str, ...]  # a name with ? may be left out
    function: Function


def registered() -> dict[str, Step]:
    """Every step of the house by name, from the bus and from the wiring."""
    return {**STEPS, **{s.name: s for path in getattr(settings, "BUS_STEPS", ()) for s in _lent(path)}}


def _lent(path: str) -> Sequence[Step]:
    module, _sep, name = path.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def check(steps: Any) -> list[dict[str, Any]]:
    """The steps as they may be kept. Raises Refused bus.bad_steps, bus.unknown_step, bus.step_options and what expressions raise."""
    if not isinstance(steps, list) or len(steps) > MOST_STEPS or not all(isinstance(s, dict) for s in steps):
        raise Refused("bus.bad_steps", most=MOST_STEPS)
    known = registered()
    for number, said in enumerate(steps, start=1):
        step = known.get(str(said.get("step", "")))
        if step is None:
            raise Refused("bus.unknown_step", number=number, name=str(said.get("step", ""))[:60], known=sorted(known))
        must = {o for o in step.options if not o.endswith("?")}
        may = {o.rstrip("?") for o in step.options} | {"step"}
        if missing := sorted(must - set(said)):
            raise Refused("bus.step_options", number=number, name=step.name, missing=missing, unknown=[])
        if unknown := sorted(set(said) - may):
            raise Refused("bus.step_options", number=number, name=step.name, missing=[], unknown=unknown)
        _check_values(said)
    return steps


def _check_values(said: Options) -> None:
    for text in said["fields"].values() if isinstance(said.get("fields"), dict) else ():
        _compiled(str(text))
    for place in (said.get("field"), *(said["fields"] if said.get("step") == "hl7v2.set" else ())):
        if place is not None and path_form(str(place)) != HL7V2:
            raise Refused("bus.bad_path", path=str(place)[:100])


def transform(content: Content, steps: Sequence[Options], facts: Facts) -> Content:
    """The message after all steps in order. Raises Refused; the fact ``number`` says at which step."""
    known = registered()
    for number, said in enumerate(steps, start=1):
        step = known.get(str(said.get("step", "")))
        if step is None:
            raise Refused("bus.unknown_step", number=number, name=str(said.get("step"))[:60], known=sorted(known))
        try:
            content = step.function(content, said, facts)
        except Refused as refused:
            raise Refused(refused.code, **{"number": number, "name": step.name, **refused.facts}) from refused
    return content


def _compiled(text: str) -> tuple[pl.Expr, list[str]]:
    try:
        value = compile_text(text).text()
    except Wrong as wrong:
        raise Refused("bus.bad_condition", at=wrong.at + 1, why=wrong.zh, why_en=wrong.en) from wrong
    return value, value.meta.root_names()


def understood(text: str) -> None:
    """Raises Refused bus.bad_condition, bus.bad_path unless an expression can be read; an empty one can."""
    for name in _compiled(text)[1] if text.strip() else ():
        if _is_path(name):
            path_form(name)


def holds(text: str, content: Content, facts: Facts) -> bool:
    """Whether a condition holds for one message; an empty one does. Raises Refused bus.bad_condition."""
    if not text.strip():
        return True
    try:
        truth = compile_text(text).truth()
    except Wrong as wrong:
        raise Refused("bus.bad_condition", at=wrong.at + 1, why=wrong.zh, why_en=wrong.en) from wrong
    row = _row(set(truth.meta.root_names()), content, facts)
    return bool(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).select(truth).item())


def _row(names: set[str], content: Content, facts: Facts) -> dict[str, str]:
    """The values of the words and paths that an expression names; a word that nobody has said is empty."""
    found = {n: facts.get(n, "") if n in FACTS or n in facts or not _is_path(n) else content.value(n) for n in names}
    return found or {"_": ""}


def _is_path(name: str) -> bool:
    return any(sign in name for sign in "-/$")


def evaluate(texts: Mapping[str, str], content: Content, facts: Facts) -> dict[str, str]:
    """The value of each expression for one message; the empty as empty text."""
    if not texts:
        return {}
    compiled = {name: _compiled(str(text)) for name, text in texts.items()}
    needed = {n for _expr, names in compiled.values() for n in names}
    row = _row(needed, content, facts)
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    shown = frame.select(expr.alias(name) for name, (expr, _names) in compiled.items()).row(0)
    return {name: value or "" for name, value in zip(compiled, shown, strict=True)}


def _message(content: Content) -> Message:
    if content.form != HL7V2 or content.tree is None:
        raise Refused("bus.wrong_form", wanted="HL7 v2", form=content.form)
    return content.tree  # type: ignore[no-any-return]


def _place(place: str) -> tuple[str, int, int]:
    if path_form(place) != HL7V2:
        raise Refused("bus.bad_path", path=place[:100])
    name, _, number = place.partition("-")
    field, _, component = number.partition(".")
    return name, int(field), int(component or 1)


def _set(content: Content, options: Options, facts: Facts) -> Content:
    message, values = _message(content), evaluate(options["fields"], content, facts)
    for place, value in values.items():
        lines = edit.put(message, *_place(place), value)
        message = Message("\r".join(lines), message.charset)
    return Content(edit.encode(message, message.lines), HL7V2)


def _codes(content: Content, options: Options, _facts: Facts) -> Content:
    table = _table(options)
    otherwise = str(options.get("otherwise", "keep"))

    def change(code: str) -> str:
        if code in table:
            return table[code]
        if otherwise == "refuse":
            raise Refused("bus.no_code", field=options["field"], value=code[:40])
        return "" if otherwise == "empty" else code

    message = _message(content)
    return Content(edit.encode(message, edit.each(message, *_place(str(options["field"])), change)), HL7V2)


def _table(options: Options) -> dict[str, str]:
    """What becomes of which code: the declared pairs, or a value set of the standards (``name``: from names to codes)."""
    if "codes" in options:
        return {str(k): str(v) for k, v in options["codes"].items()}
    found = load().value_sets.get(str(options.get("value_set", "")))
    if found is None:
        raise Refused("bus.no_value_set", name=str(options.get("value_set", ""))[:60])
    to_name = str(options.get("to", "code")) == "name"
    return (
        {c.code: c.name_zh for c in found.codes.values()}
        if to_name
        else {c.name_zh: c.code for c in found.codes.values()}
    )


def _drop(content: Content, options: Options, _facts: Facts) -> Content:
    message = _message(content)
    message = Message("\r".join(edit.without(message, set(options.get("segments", ())))), message.charset)
    for place in options.get("fields_out", ()):
        name, field, _component = _place(str(place))
        message = Message("\r".join(edit.emptied(message, name, field)), message.charset)
    return Content(edit.encode(message, message.lines), HL7V2)


def _json(content: Content, options: Options, facts: Facts) -> Content:
    built: dict[str, Any] = {}
    for name, value in evaluate(options["fields"], content, facts).items():
        here = built
        *path, last = name.split(".")
        for part in path:
            here = here.setdefault(part, {})
        here[last] = value or None
    return Content(orjson.dumps(built), JSON)


STEPS = {
    step.name: step
    for step in (
        Step("hl7v2.set", "设置字段：位置 ← 表达式", "set fields: place <- expression", ("fields",), _set),
        Step("hl7v2.codes", "转换代码：对照表 codes，或标准值域 value_set（to: code 或 name）；其他值 otherwise: keep、empty、refuse",
             "translate codes: a table `codes`, or a standard `value_set` (to: code or name); otherwise: keep, empty, refuse",
             ("field", "codes?", "value_set?", "to?", "otherwise?"), _codes),
        Step("hl7v2.drop", "去掉段 segments 和字段 fields_out（最小必要）", "leave out segments and fields_out (only what is needed)",
             ("segments?", "fields_out?"), _drop),
        Step("json.build", "组成 JSON：名称 ← 表达式", "build JSON: name <- expression", ("fields",), _json),
    )
}  # fmt: skip
