"""What a column says, as the element of FHIR that it goes to can say it. Pure but for the definitions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from yigong.platform.fhir.bodies import Digits
from yigong.platform.fhir.mapping import Place
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.validation import narrative
from yigong.platform.fhir.validation.primitives import trouble

#: a day where FHIR has only moments stands as an extension: no time of day is invented
DAY = "urn:yigong:fhir:day"
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_WHOLE = ("integer", "positiveInt", "unsignedInt")


def plain(value: Any) -> Any:
    """A value of a column as JSON of FHIR has it."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00") if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return Digits(str(value))
    return value


def said(kind: str, value: Any) -> Any:
    """The value as an element of type *kind*; an object is what extends the element; None where it cannot be said so."""
    found = plain(value)
    if isinstance(found, str) and _NUMBER.fullmatch(found) and (kind == "decimal" or kind in _WHOLE):
        found = Digits(found) if kind == "decimal" else int(found) if found.isdigit() else found
    if kind == "xhtml":
        found = narrative.made(str(found))
    if kind not in definitions().types or definitions().types[kind].kind != "primitive":
        return found
    if not trouble(kind, found):
        return found
    if kind == "instant" and not trouble("date", found):
        return {"extension": [{"url": DAY, "valueDate": found}]}
    return None


@lru_cache(maxsize=4096)
def kind_at(resource: str, where: Place) -> str:
    """The type of the element at the first way of a place; nothing where it is no element."""
    kind = resource
    for step in where.ways[0]:
        known = definitions().types.get(kind)
        names = {n: c for e in known.elements.values() for n, c in e.json_names.items()} if known else {}
        kind = names.get(step.name, "")
    return kind
