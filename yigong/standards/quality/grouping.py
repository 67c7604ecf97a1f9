"""Rules over groups, put together so that stored rows can be judged some whole groups at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from yigong.standards.quality.engine import looked_at
from yigong.standards.quality.language import Scope, compiled
from yigong.standards.quality.model import Rule
from yigong.standards.quality.subjects import subject


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rules whose groups all lie within the groups of *keys*, as SQL over `r` and `p`; None where SQL cannot say one.

    *looked* says in SQL which rows one of the rules looks at: of the others no group matters.
    """

    rules: tuple[Rule, ...]
    keys: tuple[str, ...] | None
    looked: str


def groupings(rules: Iterable[Rule], data_set: str, context: Mapping[str, Any]) -> list[Grouping]:
    """Rules with ``per`` in as few groupings as do: a rule whose keys include those of another goes with it."""
    some: dict[tuple[str, ...], list[Rule]] = {}
    for rule in sorted(rules, key=lambda r: len(r.per)):
        home = next((per for per in some if set(per) <= set(rule.per)), rule.per)
        some.setdefault(home, []).append(rule)
    scope = Scope(subject(data_set), context)
    return [Grouping(tuple(theirs), _keys(per, scope), _looked(theirs, scope)) for per, theirs in some.items()]


def _keys(per: Iterable[str], scope: Scope) -> tuple[str, ...] | None:
    said = [compiled(key, scope).sql for key in dict.fromkeys(("org_code", *per))]
    return None if None in said else tuple(str(key) for key in said)


def _looked(rules: Iterable[Rule], scope: Scope) -> str:
    terms = [looked_at(rule, scope) for rule in rules]
    if any(term is None or term.sql is None for term in terms):
        return "true"
    return " or ".join(f"coalesce({term.sql}, false)" for term in terms if term is not None)
