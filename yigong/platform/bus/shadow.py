"""What a route makes of a message, and in what two versions of it differ. Pure.

A version is its condition and its targets with their steps. Nothing is sent: each version only says whether it takes the
message, where it would go, and the bytes that would be sent or why they cannot be made.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from yigong.kit.errors import Refused
from yigong.platform.bus import conditions
from yigong.platform.bus.conditions import Condition, compile_condition
from yigong.platform.bus.content import Content
from yigong.platform.bus.steps import transform

PLACES = 40  # changed places that are told of one message
Parts = Sequence[tuple[str, Sequence[tuple[int, str]]]]


class Version(NamedTuple):
    """A version of a route: what it takes, and what it makes for whom (aim -> steps)."""

    condition: Condition
    targets: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


class Recorded(NamedTuple):
    """A message as it was kept, with the facts that conditions may name."""

    body: bytes
    facts: Mapping[str, str]


class Made(NamedTuple):
    """What one target would send; *refused* says why nothing can be made."""

    body: bytes
    refused: str = ""


class Difference(NamedTuple):
    """One difference: ``taken`` or ``left`` (the message), ``added`` or ``dropped`` (an aim), ``changed``, ``refused``, ``mended``."""

    kind: str
    aim: str = ""
    before: bytes = b""
    after: bytes = b""
    why: str = ""


def version(condition: str, targets: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Version:
    """The version with these words. Raises what conditions raise."""
    return Version(compile_condition(condition), list(targets))


def made(versions: Sequence[Version], messages: Sequence[Recorded]) -> list[list[dict[str, Made] | None]]:
    """For each message what each version makes of it by aim; None where the version does not take it."""
    contents = [Content(m.body) for m in messages]
    facts = [{**m.facts, "form": c.form} for m, c in zip(messages, contents, strict=True)]
    held = conditions.judge([v.condition for v in versions], facts, contents)
    return [
        [_of(v, c, f) if holds else None for v, holds in zip(versions, row, strict=True)]
        for c, f, row in zip(contents, facts, held, strict=True)
    ]


def _of(of: Version, content: Content, facts: Mapping[str, str]) -> dict[str, Made]:
    return {aim: _sent(content, steps, facts) for aim, steps in of.targets}


def _sent(content: Content, steps: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> Made:
    try:
        return Made(transform(content, steps, facts).body if steps else content.body)
    except Refused as refused:
        return Made(b"", refused.code)


def differences(before: Mapping[str, Made] | None, after: Mapping[str, Made] | None) -> list[Difference]:
    """In what two outcomes of one message differ; nothing when they are the same."""
    if before is None or after is None:
        return [] if before == after else [Difference("taken" if before is None else "left")]
    found = [Difference("dropped", aim, before[aim].body) for aim in before.keys() - after.keys()]
    found += [Difference("added", aim, after=after[aim].body) for aim in after.keys() - before.keys()]
    for aim in before.keys() & after.keys():
        found += _changed(aim, before[aim], after[aim])
    return sorted(found, key=lambda d: (d.aim, d.kind))


def _changed(aim: str, old: Made, new: Made) -> Iterator[Difference]:
    if old == new:
        return
    if new.refused:
        yield Difference("refused", aim, old.body, why=new.refused)
    elif old.refused:
        yield Difference("mended", aim, after=new.body, why=old.refused)
    else:
        yield Difference("changed", aim, old.body, new.body)


def places(before: Parts, after: Parts, shown_before: Parts, shown_after: Parts) -> list[tuple[str, str, str]]:
    """Where two messages differ: place, value before, value after. Compared whole, shown as the reader may see them."""
    old, new = _flat(before), _flat(after)
    shown = dict(_flat(shown_before)), dict(_flat(shown_after))
    values = dict(old), dict(new)
    order = dict.fromkeys([key for pair in zip_longest(old, new) for key in (p[0] for p in pair if p)])
    differing = [key for key in order if values[0].get(key) != values[1].get(key)]
    return [(_place(key), shown[0].get(key, ""), shown[1].get(key, "")) for key in differing[:PLACES]]


Key = tuple[str, int, int]


def _flat(parts: Parts) -> list[tuple[Key, str]]:
    """Fields under (segment or path, how many of that name came before, number)."""
    seen: dict[str, int] = {}
    found: list[tuple[Key, str]] = []
    for name, fields in parts:
        seen[name] = seen.get(name, 0) + 1
        found += [((name, seen[name], number), value) for number, value in fields]
    return found


def _place(key: Key) -> str:
    name, at, number = key
    if name.startswith("$"):
        return name
    return f"{name}{f'({at})' if at > 1 else ''}-{number}"


# ---- as it is kept beside a golden message ----


def kept(outcome: Mapping[str, Made] | None) -> dict[str, Any]:
    """An outcome as plain facts."""
    sent = {
        aim: {"body": base64.b64encode(m.body).decode(), "refused": m.refused} for aim, m in (outcome or {}).items()
    }
    return {"taken": outcome is not None, "sent": sent}


def opened(facts: Mapping[str, Any]) -> dict[str, Made] | None:
    """An outcome from plain facts."""
    if not facts["taken"]:
        return None
    return {aim: Made(base64.b64decode(m["body"]), m["refused"]) for aim, m in facts["sent"].items()}
