"""Filters of declared lists: each stands in the URL, is shown as a chip while it is set, and offers its choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.web.links import with_query
from yigong.web.parts import Chip, Tab

Options = Iterable[tuple[Any, object]]


@dataclass(frozen=True)
class Choice:
    """One of several values; *options* are (value, word), or a function of the actor that gives them."""

    name: str
    word: object
    options: Options | Callable[[Ctx | None], Options]
    default: str = ""

    def listed(self, ctx: Ctx | None) -> list[tuple[str, str]]:
        """The values offered, with their words."""
        found = self.options(ctx) if callable(self.options) else self.options
        return [(str(value), str(word)) for value, word in found]

    def value(self, query: Mapping[str, str], ctx: Ctx | None) -> str | None:
        """The chosen value when it is one of those offered."""
        chosen = query.get(self.name, self.default)
        return chosen if chosen in {v for v, _w in self.listed(ctx)} else None

    def chip(self, request: HttpRequest, value: Any, ctx: Ctx | None) -> Chip:
        """The chip of a chosen value."""
        return Chip(self.word, dict(self.listed(ctx)).get(str(value), value), with_query(request, **{self.name: None}))

    def choices(self, request: HttpRequest, ctx: Ctx | None) -> list[Tab]:
        """The values as links."""
        chosen = request.GET.get(self.name, self.default)
        return [
            Tab(word, with_query(request, **{self.name: value}), None, value == chosen)
            for value, word in self.listed(ctx)
        ]


@dataclass(frozen=True)
class Flag:
    """A yes or nothing."""

    name: str
    word: object

    def value(self, query: Mapping[str, str], ctx: Ctx | None) -> bool | None:
        """True when it is set."""
        return True if query.get(self.name) == "1" else None

    def chip(self, request: HttpRequest, value: Any, ctx: Ctx | None) -> Chip:
        """The chip of the set flag."""
        return Chip(self.word, _("是"), with_query(request, **{self.name: None}))

    def choices(self, request: HttpRequest, ctx: Ctx | None) -> list[Tab]:
        """The flag as a link."""
        return [Tab(_("只看"), with_query(request, **{self.name: "1"}), None, request.GET.get(self.name) == "1")]


@dataclass(frozen=True)
class Days:
    """A span of days, given as ``7`` (the last seven days) or ``2026-11-01..2026-11-21``."""

    name: str
    word: object
    spans: tuple[int, ...] = (1, 7, 30, 365)
    default: str = ""

    def value(self, query: Mapping[str, str], ctx: Ctx | None) -> tuple[date, date] | None:
        """First and last day, both inside."""
        return span_of(query.get(self.name, self.default))

    def chip(self, request: HttpRequest, value: Any, ctx: Ctx | None) -> Chip:
        """The chip of a chosen span."""
        return Chip(self.word, f"{value[0]} – {value[1]}", with_query(request, **{self.name: None}))

    def choices(self, request: HttpRequest, ctx: Ctx | None) -> list[Tab]:
        """The usual spans as links."""
        chosen = request.GET.get(self.name, self.default)
        words = {1: _("今天"), 365: _("近一年")}
        return [
            Tab(
                words.get(n) or _("近 %(n)s 天") % {"n": n},
                with_query(request, **{self.name: n}),
                None,
                chosen == str(n),
            )
            for n in self.spans
        ]


def span_of(text: str) -> tuple[date, date] | None:
    """The days a text means; None for what is no span."""
    if text.isdigit() and 0 < int(text) <= 36500:
        return today() - timedelta(days=int(text) - 1), today()
    try:
        first, last = (date.fromisoformat(part) for part in text.split(".."))
    except ValueError:
        return None
    return (first, last) if first <= last else None


Filter = Choice | Flag | Days
