"""What is wrong in a mapping: where, what, and what to do, each in both languages. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from yigong.kit.errors import Refused
from yigong.kit.expression import Wrong
from yigong.kit.said import Said

LISTED = 8  # names that are listed where none is near


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake at a line (1 the first) of a mapping file; *file* is empty where only one mapping is meant."""

    line: int
    what: Said
    file: str = ""

    @property
    def zh(self) -> str:
        """The place and the sentence in Chinese."""
        return f"{self.file}:{self.line}: {self.what.zh}" if self.file else f"第 {self.line} 行：{self.what.zh}"

    @property
    def en(self) -> str:
        """The place and the sentence in English."""
        return f"{self.file}:{self.line}: {self.what.en}" if self.file else f"line {self.line}: {self.what.en}"


class Mistakes:
    """Collects what is wrong in a file, so that all of it is said at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Mistake] = []

    def add(self, line: int, zh: str, en: str) -> None:
        """One more mistake, at *line*."""
        self.found.append(Mistake(line, Said(zh, en), self.file))

    def unknown(self, line: int, what: str, name: str, known: Iterable[str]) -> None:
        """A name that does not exist, with the nearest ones that do."""
        hint = nearest(name, list(known))
        zh, en = WORDS[what]
        self.add(line, f"没有名为“{name}”的{zh}{hint.zh}", f"unknown {en} {name}{hint.en}")

    def expression(self, line: int, zh: str, en: str, text: str, wrong: Wrong) -> None:
        """An expression that is none; *zh*, *en* say what it is for, a mark shows where in it."""
        place = f"{text[: wrong.at]}▸{text[wrong.at :]}"
        self.add(
            line,
            f"{zh}的表达式写错：{wrong.zh}。请改 ▸ 处：{place}",
            f"{en}: the expression is wrong: {wrong.en}; mend it at ▸: {place}",
        )

    def stop(self) -> None:
        """Raises Refused exchange.mapping_wrong if anything was found."""
        if self.found:
            raise Refused("exchange.mapping_wrong", file=self.file, mistakes=self.found)


#: what may be unknown -> its words
WORDS = {
    "section": ("段落", "section"),
    "key": ("键", "key"),
    "field": ("字段", "field"),
    "data set": ("数据集", "data set"),
    "code table": ("代码表", "code table"),
    "column": ("源列", "column"),
    "kind": ("类型", "kind"),
}


def nearest(name: str, known: list[str]) -> Said:
    """What to write instead of a name that does not exist."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return Said(f"；最接近：{'、'.join(near)}", f"; nearest: {', '.join(near)}")
    if not known:
        return Said("；这里没有可写的名称，请删去", "; nothing can be named here, take it out")
    some, rest = sorted(known)[:LISTED], len(known) - LISTED
    more = (f" 等 {len(known)} 个", f" … {len(known)} in all") if rest > 0 else ("", "")
    return Said(f"；可写：{'、'.join(some)}{more[0]}", f"; write one of {', '.join(some)}{more[1]}")
