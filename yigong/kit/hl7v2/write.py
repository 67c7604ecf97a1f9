"""HL7 v2 written: nested values to a line, a line to a message, a message to a frame of MLLP."""

from __future__ import annotations

from collections.abc import Iterable

from yigong.kit.hl7v2.parse import Separators

Nested = list[list[list[list[str]]]]  # fields, repetitions, components, sub-components


def escape(text: str, separators: Separators = Separators()) -> str:  # noqa: B008 - an immutable default
    """The text with every sign that means something replaced by its sequence."""
    sign = separators.escape
    meanings = {
        sign: "E",
        separators.field: "F",
        separators.component: "S",
        separators.subcomponent: "T",
        separators.repetition: "R",
        "\r": "X0D",
        "\n": "X0A",
    }
    return "".join(f"{sign}{meanings[c]}{sign}" if c in meanings else c for c in text)


def segment(name: str, fields: Nested, separators: Separators = Separators()) -> str:  # noqa: B008
    """One line; the field list begins with field 1."""
    return separators.field.join([name, *(_field(field, separators) for field in fields)])


def _field(repetitions: list[list[list[str]]], separators: Separators) -> str:
    return separators.repetition.join(
        separators.component.join(
            separators.subcomponent.join(escape(value, separators) for value in part) for part in parts
        )
        for parts in repetitions
    )


def header(fields: Nested, separators: Separators = Separators()) -> str:  # noqa: B008
    """The MSH line; the field list begins with MSH-3."""
    field, component, repetition, sign, sub = separators
    return f"MSH{field}{component}{repetition}{sign}{sub}{segment('', fields, separators)}"


def message(lines: Iterable[str]) -> str:
    """The lines as one message."""
    return "".join(f"{line}\r" for line in lines)


def frame(text: str, charset: str = "utf-8") -> bytes:
    """The message as MLLP carries it."""
    return b"\x0b" + text.encode(charset, "replace") + b"\x1c\r"
