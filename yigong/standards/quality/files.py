"""A file of a rule as it was written: its entries with their lines, and what may stand in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import yaml

from yigong.standards.quality.model import Said
from yigong.standards.tables import Misdeclared

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class RuleFile:
    """One file with the line of each of its entries."""

    name: str
    facts: Mapping[str, Any]
    lines: Mapping[str, int]
    case_lines: tuple[int, ...]

    def wrong(self, key: str, zh: str, en: str) -> NoReturn:
        """Refuse the entry."""
        raise Misdeclared(self.name, self.lines.get(key, 1), zh, en)

    def must(self, key: str) -> Any:
        """The entry, which may not be empty."""
        if self.facts.get(key) in (None, "", []):
            self.wrong(key, f"缺 {key}", f"{key} is missing")
        return self.facts[key]

    def said(self, key: str, *, one: bool = False) -> Said:
        """Words in both languages; with *one* a plain text is shown to everybody."""
        found = self.must(key)
        if one and isinstance(found, str):
            return Said(found, found)
        if not isinstance(found, dict) or set(found) != {"zh", "en"} or not all(found.values()):
            self.wrong(key, f"{key} 要写 zh 和 en", f"{key} wants zh and en")
        return Said(str(found["zh"]), str(found["en"]))

    def one_of(self, key: str, kind: type[E]) -> E:
        """One of some words."""
        found = self.must(key)
        if found not in list(kind):
            known = "、".join(kind)
            self.wrong(key, f"{key} 应是 {known} 之一", f"{key} must be one of {', '.join(kind)}")
        return kind(found)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when the entry is missing."""
        found = self.facts.get(key) or []
        if not isinstance(found, list) or not all(isinstance(x, str) and x for x in found):
            self.wrong(key, f"{key} 要写成一列：[甲, 乙]", f"{key} wants a list: [a, b]")
        return tuple(found)

    def text(self, key: str) -> str:
        """A text; empty when the entry is missing."""
        found = self.facts.get(key) or ""
        if not isinstance(found, str):
            self.wrong(key, f"{key} 要写成文字", f"{key} wants a text")
        return found

    def number(self, key: str, usual: float) -> float:
        """A number above zero."""
        found = self.facts.get(key, usual)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found <= 0:
            self.wrong(
                key, f"{key} 应是大于零的数，写的是“{found}”", f"{key} must be a number above zero, not {found!r}"
            )
        return float(found)

    def whole(self, key: str, usual: int) -> int:
        """A whole number, not below zero."""
        found = self.facts.get(key, usual)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            self.wrong(key, f"{key} 应是整数，写的是“{found}”", f"{key} must be a whole number, not {found!r}")
        return found


def opened(name: str, text: str) -> RuleFile:
    """The entries of a file with their lines. Raises Misdeclared for broken YAML and an entry that stands twice."""
    try:
        node: Any = yaml.compose(text, Loader=_Loader)
        facts = yaml.load(text, Loader=_Loader)  # noqa: S506  - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misdeclared(name, line, f"YAML 写法有误（{error.problem}）", f"broken YAML ({error.problem})") from None
    except (yaml.YAMLError, ValueError) as error:  # such as the 31st of February
        raise Misdeclared(name, 1, f"YAML 的值有误（{error}）", f"a value that YAML cannot read ({error})") from None
    if not isinstance(facts, dict):
        raise Misdeclared(name, 1, "应是“项: 值”的列表", "a list of `entry: value` is wanted")
    lines: dict[str, int] = {}
    for key, _value in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise Misdeclared(name, line, f"{key.value} 写了两次", f"{key.value} stands twice")
        lines[key.value] = line
    cases = next((v for k, v in node.value if k.value == "cases"), None)
    listed = cases.value if isinstance(cases, yaml.SequenceNode) else ()
    return RuleFile(name, facts, lines, tuple(c.start_mark.line + 1 for c in listed))
