"""A plain value, as a case of a rule gives it, in the kind of its field."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from yigong.kit.clock import COUNTY_ZONE


def value_of(value: Any, kind: str) -> Any:
    """The value in that kind; moments without a zone are the county's. Raises ValueError or TypeError."""
    if value is None:
        return None
    match kind:
        case "text":
            return str(value)
        case "number":
            return float(value)
        case "date":
            return value if isinstance(value, date) else date.fromisoformat(value)
        case "instant":
            return _moment(value)
        case "time":
            return time.fromisoformat(value)
        case "flag" if not isinstance(value, bool):
            raise TypeError(value)
    return value


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  - given its zone below
    return (value.replace(tzinfo=COUNTY_ZONE) if value.tzinfo is None else value).astimezone(UTC)
