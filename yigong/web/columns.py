"""Columns of declared lists: each kind knows its cell, its alignment and what it writes into an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext as _

from yigong.kit.clock import now
from yigong.kit.text import mask_id_no
from yigong.web import marks, words


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What every column may say: the field it sorts by, a second line, the heading of the card on a phone."""

    order: str = ""
    second: str = ""
    lead: bool = False
    wide: bool = False  # shown on the desk only


@dataclass(frozen=True)
class Column(Shape):
    """A fact of the row under a word."""

    name: str
    word: object
    num = False
    named = True  # on a phone the word stands before the fact; marks that speak for themselves need none

    def fact(self, row: object) -> Any:
        """The fact itself; dots lead further inside."""
        found: Any = row
        for part in self.name.split("."):
            found = marks.fact(found, part, None)
        return found

    def cell(self, row: object) -> object:
        """What stands in the table: never blank."""
        return self.plain(row)

    def plain(self, row: object) -> str:
        """What stands in an export."""
        value = self.fact(row)
        return _("未记录") if value in (None, "") else str(value)

    def second_line(self, row: object) -> object:
        """The helper line under the cell, or nothing."""
        return marks.fact(row, self.second, "") if self.second else ""


class Text(Column):
    """Words as they are."""


@dataclass(frozen=True)
class Code(Column):
    """A code shown by its word."""

    words: Mapping[Any, object]

    def plain(self, row: object) -> str:
        value = self.fact(row)
        return _("未记录") if value in (None, "") else str(self.words.get(value, value))


@dataclass(frozen=True)
class Number(Column):
    """A number, right aligned, with thousands."""

    digits: int | None = None
    num = True

    def plain(self, row: object) -> str:
        return words.number_words(self.fact(row), self.digits)


@dataclass(frozen=True)
class Percent(Column):
    """A share between 0 and 1; *second* should name the fact that says n / d."""

    digits: int = 1
    num = True

    def plain(self, row: object) -> str:
        return words.percent_words(self.fact(row), self.digits)


class Day(Column):
    """A day as 2026-11-22."""

    def plain(self, row: object) -> str:
        return words.day_words(self.fact(row))


class Moment(Column):
    """A moment as 2026-11-22 14:20."""

    def cell(self, row: object) -> object:
        value = self.fact(row)
        return (
            format_html('<span class="yg-nowrap">{}</span>', words.daytime_words(value, "short"))
            if value
            else _("未记录")
        )

    def plain(self, row: object) -> str:
        return words.daytime_words(self.fact(row))


class Since(Column):
    """How long ago, with the moment beside it."""

    def cell(self, row: object) -> object:
        value = self.fact(row)
        if value is None:
            return _("未记录")
        gone = now() - value
        said = _("刚刚") if gone < timedelta(minutes=1) else _("%(span)s前") % {"span": words.span_words(gone)}
        return format_html('<span class="yg-nowrap" title="{}">{}</span>', words.daytime_words(value), said)

    def plain(self, row: object) -> str:
        return words.daytime_words(self.fact(row))


@dataclass(frozen=True)
class Left(Column):
    """What is left of a time limit; *since* names the fact where the bar begins."""

    named = False

    since: str = ""

    def cell(self, row: object) -> object:
        due = self.fact(row)
        since = marks.fact(row, self.since, None) if self.since else None
        context = (
            {"left": words.left(due, since), "due_at": due, "since": since, "bar": bool(since)}
            if due
            else {"left": None}
        )
        return render_to_string("web/ui/limit.html", context)

    def plain(self, row: object) -> str:
        return words.daytime_words(self.fact(row))


@dataclass(frozen=True)
class State(Column):
    """A state: *words* maps it to (tone, word)."""

    named = False

    words: Mapping[Any, tuple[str, object]]

    def _pair(self, row: object) -> tuple[str, object]:
        value = self.fact(row)
        return self.words.get(value, ("unk", value or _("未记录")))

    def cell(self, row: object) -> object:
        return marks.state(*self._pair(row))

    def plain(self, row: object) -> str:
        return str(self._pair(row)[1])


class Inst(Column):
    """The mark of an institution, from an Institution or its code."""

    named = False

    def cell(self, row: object) -> object:
        return marks.institution(self.fact(row))

    def plain(self, row: object) -> str:
        found = marks.found_institution(self.fact(row))
        return str(marks.fact(found, "name", self.fact(row) or _("未记录")))


@dataclass(frozen=True)
class Link(Column):
    """A word that opens something: *url* is called with the row."""

    url: Callable[[Any], str]

    def cell(self, row: object) -> object:
        address = self.url(row)
        return format_html('<a href="{}">{}</a>', address, self.plain(row)) if address else self.plain(row)


@dataclass(frozen=True)
class Person(Column):
    """Name, sex and age of a person, the number masked under it; facts ``sex`` (word), ``born_on``, ``id_no`` of the row."""

    named = False

    url: Callable[[Any], str] | None = None
    sex: str = "sex"
    born_on: str = "born_on"
    id_no: str = "id_no"

    def cell(self, row: object) -> object:
        name = format_html('<span class="yg-name">{}</span>', self.fact(row) or _("姓名未记录"))
        if self.url and (address := self.url(row)):
            name = format_html('<a href="{}">{}</a>', address, name)
        number = marks.fact(row, self.id_no, "")
        under = format_html("<small>{}</small>", mask_id_no(str(number))) if number else ""
        return format_html("{} {}{}", name, self._who(row), under)

    def _who(self, row: object) -> str:
        return f"{marks.fact(row, self.sex, '')} {words.age(marks.fact(row, self.born_on, None))}".strip()

    def plain(self, row: object) -> str:
        return f"{self.fact(row) or _('姓名未记录')} {self._who(row)}"


@dataclass(frozen=True)
class Drawn(Column):
    """A cell drawn by a template that finds the row as ``row``."""

    template: str

    def cell(self, row: object) -> object:
        return render_to_string(self.template, {"row": row, "value": self.fact(row)})
