"""A message changed in single places; what is not named stays sign by sign as it was sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from yigong.kit.hl7v2.parse import Message, Segment, Separators
from yigong.kit.hl7v2.write import escape


def encode(message: Message, lines: Iterable[str]) -> bytes:
    """These lines as bytes in the message's own charset."""
    return "".join(f"{line}\r" for line in lines).encode(message.charset, "replace")


def put(message: Message, name: str, field: int, component: int, value: str) -> list[str]:
    """The lines with *value* at ``NAME-field.component`` of the first such segment, which is added when there is none.

    Other components of the field stay; repetitions after the first too.
    """
    lines = list(message.lines)
    at = next((n for n, line in enumerate(lines) if line.startswith(name)), None)
    if at is None:
        lines.append(name)
        at = len(lines) - 1
    lines[at] = _changed(
        lines[at],
        message,
        field,
        lambda old: _with(old, component, escape(value, message.separators), message.separators),
    )
    return lines


def each(message: Message, name: str, field: int, component: int, change: Callable[[str], str]) -> list[str]:
    """The lines with the value at a place changed in every segment and repetition that has one."""
    signs = message.separators

    def repeated(old: str) -> str:
        return signs.repetition.join(one(raw) for raw in old.split(signs.repetition))

    def one(raw: str) -> str:
        parts = raw.split(signs.component)
        known = parts[component - 1] if component <= len(parts) else ""
        plain = Segment("", signs, message.charset).plain(known)
        return _with(raw, component, escape(change(plain), signs), signs) if known else raw

    return [_changed(line, message, field, repeated) if line.startswith(name) else line for line in message.lines]


def without(message: Message, names: Collection[str]) -> list[str]:
    """The lines without the segments of these names; the head always stays."""
    return [line for line in message.lines if line[:3] == "MSH" or line[:3] not in names]


def emptied(message: Message, name: str, field: int) -> list[str]:
    """The lines with a field empty in every such segment."""
    return [
        _changed(line, message, field, lambda _old: "") if line.startswith(name) else line for line in message.lines
    ]


def _changed(line: str, message: Message, field: int, change: Callable[[str], str]) -> str:
    signs = message.separators
    fields = line.split(signs.field)
    place = field - 1 if line[:3] == "MSH" else field  # MSH-1 is the sign itself
    fields += [""] * (place + 1 - len(fields))
    fields[place] = change(fields[place])
    return signs.field.join(fields).rstrip(signs.field) if not fields[place] else signs.field.join(fields)


def _with(field: str, component: int, value: str, signs: Separators) -> str:
    first, *others = field.split(signs.repetition)
    parts = first.split(signs.component)
    parts += [""] * (component - len(parts))
    parts[component - 1] = value
    return signs.repetition.join([signs.component.join(parts), *others])
