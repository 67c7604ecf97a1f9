"""Suggestions for mappings, each with a score and its reason; a person confirms every one. Pure.

The scores order suggestions; they are no probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from yigong.kit.text import initials, narrow, pinyin
from yigong.platform.exchange import units

LEAST = 0.45


@dataclass(frozen=True, slots=True)
class Hint:
    """A target that may be meant: its code or field, name, score 0 to 1, and why (a word of WHY)."""

    target: str
    name: str
    score: float
    why: str


#: reason -> in Chinese, in English
WHY = {
    "same": ("相同", "the same"),
    "code": ("代码相同", "the same code"),
    "wording": ("标准的另一写法", "another wording of the standard"),
    "pinyin": ("拼音相同", "the same pinyin"),
    "initials": ("拼音首字母", "initials of the pinyin"),
    "inside": ("名称包含", "one name holds the other"),
    "alike": ("字形相近", "similar signs"),
    "unit": ("同一计量单位", "the same unit"),
    "english": ("英文名相近", "similar English name"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a source's word may mean: a code of a value set, or a field."""

    key: str
    name: str
    english: str = ""
    others: tuple[str, ...] = ()


def codes(value: str, targets: Iterable[Target], *, most: int = 3) -> list[Hint]:
    """What *value* of a source may mean among the codes of a value set, the likeliest first."""
    return _best((_code_hint(value, t) for t in targets), most)


def fields(column: str, label: str, targets: Iterable[Target], *, most: int = 3) -> list[Hint]:
    """What a source column may hold; *label* is its comment, if the source has one."""
    return _best((_field_hint(column, label, t) for t in targets), most)


def writing(value: str) -> list[Hint]:
    """The house's writing of a unit."""
    found = units.unit(value)
    return [Hint(found, found, 0.99 if found != value else 1.0, "unit")] if found else []


def _best(hints: Iterable[Hint | None], most: int) -> list[Hint]:
    good = [h for h in hints if h is not None and h.score >= LEAST]
    return sorted(good, key=lambda h: (-h.score, len(h.name), h.target))[:most]


def _code_hint(value: str, target: Target) -> Hint | None:
    said = _plain(value)
    if not said:
        return None
    name = _plain(target.name)
    if said == name:
        return Hint(target.key, target.name, 1.0, "same")
    if any(said == _plain(o) for o in target.others):
        return Hint(target.key, target.name, 0.97, "wording")
    found = [_by_name(said, name, target), _by_code(said, target)]
    return max((h for h in found if h), key=lambda h: h.score, default=None)


def _by_code(said: str, target: Target) -> Hint | None:
    key = target.key.lower()
    if said == key or (said.isdigit() and key.isdigit() and int(said) == int(key)):
        return Hint(target.key, target.name, 0.8, "code")
    if said.isascii() and len(said) >= 1 and target.english.lower().startswith(said):
        return Hint(target.key, target.name, 0.6 if len(said) < 3 else 0.75, "english")
    return None


def _by_name(said: str, name: str, target: Target) -> Hint | None:
    if said.isascii():
        return (
            Hint(target.key, target.name, 0.85, "initials")
            if len(said) > 1 and said == initials(target.name).lower()
            else None
        )
    if pinyin(said) == pinyin(name):
        return Hint(target.key, target.name, 0.92, "pinyin")
    if name.startswith(said) or (len(said) > 1 and (said in name or name in said)):
        return Hint(
            target.key, target.name, 0.6 + 0.3 * min(len(said), len(name)) / max(len(said), len(name)), "inside"
        )
    alike = likeness(said, name)
    return Hint(target.key, target.name, round(0.85 * alike, 3), "alike") if alike else None


def _field_hint(column: str, label: str, target: Target) -> Hint | None:
    said, name = _plain(label or column), _plain(target.name)
    if said == name or _plain(column) == target.key:
        return Hint(target.key, target.name, 1.0, "same")
    found: list[Hint] = []
    short = "".join(s for s in column.lower() if s.isalnum())
    whole = initials(target.name).lower()
    if len(short) > 1 and short == whole:
        found.append(Hint(target.key, target.name, 0.85 if len(short) > 2 else 0.7, "initials"))
    elif len(short) > 2 and 2 * len(short) >= len(whole) and _in_order(short, whole):
        found.append(Hint(target.key, target.name, round(0.45 + 0.3 * len(short) / len(whole), 3), "initials"))
    elif len(short) == 2 and len(whole) < 7 and (whole.endswith(short) or whole.startswith(short)):
        found.append(Hint(target.key, target.name, round(0.45 + 0.2 / len(whole), 3), "initials"))
    if not said.isascii():
        found += [h for h in [_by_name(said, name, target)] if h]
    english = likeness(column.lower().replace("_", " "), target.english.lower())
    if column.isascii() and len(short) > 3 and english > 0.6:
        found.append(Hint(target.key, target.name, round(0.9 * english, 3), "english"))
    return max(found, key=lambda h: h.score, default=None)


def _in_order(short: str, whole: str) -> bool:
    """Whether the letters of *short* stand in *whole* in this order: BGDH in 检验报告单编号 (jybgdbh)."""
    rest = iter(whole)
    return all(letter in rest for letter in short)


def likeness(a: str, b: str) -> float:
    """How many pairs of neighbouring signs two texts share, 0 to 1 (Dice)."""
    first, second = _pairs(a), _pairs(b)
    if not first or not second:
        return 0.0
    return 2 * len(first & second) / (len(first) + len(second))


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)} or ({text} if text else set())


def _plain(text: str) -> str:
    return "".join(s for s in narrow(text).lower() if s.isalnum() or "\u4e00" <= s <= "\u9fff")


def each(values: Sequence[str], targets: Sequence[Target], *, unit: bool = False) -> Mapping[str, list[Hint]]:
    """The hints for each of many values."""
    return {v: writing(v) if unit else codes(v, targets) for v in values}
