"""The data sets of the standard as a mapping must know them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from yigong.edge.mapping.plan import FieldKind
from yigong.standards import api as standards

#: a kind of the standards -> a kind of a mapping
KINDS = {
    "text": "text", "number": "number", "date": "date", "instant": "datetime", "time": "time", "flag": "boolean",
}  # fmt: skip


@cache
def field_kinds() -> Mapping[str, Mapping[str, FieldKind]]:
    """All data sets by identifier, with their fields."""
    return {name: _kinds_of(name) for name in standards.load().data_sets}


def _kinds_of(data_set: str) -> Mapping[str, FieldKind]:
    declared = standards.load()
    sets = declared.value_sets
    return {
        f.identifier: FieldKind(KINDS[f.kind], f.name_zh, f.name_en, _by_name(sets.get(f.value_set_id)))
        for f in declared.data_sets[data_set].fields
    }


def _by_name(value_set: Any) -> Mapping[str, str] | None:
    return {c.name_zh: c.code for c in value_set.codes.values()} if value_set else None


def fingerprint(data_set: str) -> str:
    """What a mapping depends on of a data set's declaration, as one short text: equal where both sides know the same.

    Raises KeyError for a data set that is not declared here.
    """
    facts = [[name, kind.type, sorted((kind.codes or {}).items())] for name, kind in field_kinds()[data_set].items()]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:16]
