"""Rules that speak of rows, by their names in the language of the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.utils.translation import get_language

from yigong.standards.quality import api as quality


def rule_word(code: str) -> str:
    """The name of a declared rule of quality; empty for others, whose sentences say it all."""
    rule = _declared().get(code)
    return "" if rule is None else rule.name.en if get_language() == "en" else rule.name.zh


@cache
def _declared() -> Mapping[str, quality.Rule]:
    return {r.code: r for r in quality.rules()}
