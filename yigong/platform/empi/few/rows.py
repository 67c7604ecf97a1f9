"""Registrations as plain values: arranged, fingerprinted and standardised as ``frames`` and ``matching`` do by columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson
import polars as pl

from yigong.kit.errors import Refused
from yigong.kit.text import initials, pinyin
from yigong.platform.empi import alike
from yigong.platform.empi.alike import Facts, narrowed, phone_of
from yigong.platform.empi.engine import pairs, standard
from yigong.platform.empi.engine.model import Model
from yigong.platform.empi.engine.standard import Rows
from yigong.platform.empi.frames import COLUMNS, KEY, REGISTRATION, TEXT, dated, moment, stable_number
from yigong.platform.empi.identity import form_of, trust_word

Key = tuple[str, str, str]
Block = tuple[int, int]  # rule and key
_DAY, _MOMENT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
#: before this year the county's clocks had a summer time: what columns make of such moments is asked of them
_PLAIN_SINCE = 1992


@dataclass(slots=True)
class Row:
    """One registration, its columns as they are kept."""

    org_code: str
    source_system: str
    local_id: str
    full_name: str | None = None
    sex_code: str | None = None
    born_on: date | None = None
    id_type_code: str | None = None
    id_no: str | None = None
    phone: str | None = None
    address: str | None = None
    village_code: str | None = None
    health_card_no: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    ethnic_group_code: str | None = None
    registered_at: datetime | None = None
    facts: str | None = None  # JSON text
    name_key: str | None = None
    name_initials: str | None = None
    id_trust: str = ""
    hash: int = 0
    registration_id: int = 0
    person_id: int | None = None

    @property
    def key(self) -> Key:
        """What a registration is known by."""
        return self.org_code, self.source_system, self.local_id

    def compared(self) -> Facts:
        """What of it is compared."""
        return Facts(
            self.full_name, self.name_key, self.sex_code, self.born_on, self.id_no, self.id_trust, self.phone,
            self.address, self.health_card_no, self.contact_name, self.registered_at,
        )  # fmt: skip


def arranged(frame: pl.DataFrame) -> list[Row]:
    """The rows of a registration frame, fingerprinted. Raises Refused empi.columns_missing or empi.key_empty."""
    if missing := [name for name in KEY if name not in frame.columns]:
        raise Refused("empi.columns_missing", fields=missing)
    columns = [_column(frame, name) for name in REGISTRATION]
    rows = [Row(*values) for values in zip(*columns, strict=True)]
    if not all(row.org_code and row.source_system and row.local_id for row in rows):
        raise Refused("empi.key_empty", fields=KEY)
    for row, values in zip(rows, zip(*columns[len(KEY) :], strict=True), strict=True):
        row.hash = stable_number("\x1f".join(map(_written, values)))
    return rows


def _column(frame: pl.DataFrame, name: str) -> list[Any]:
    if name not in frame.columns:
        return [None] * frame.height
    column = frame.get_column(name)
    if name == "born_on":
        return _days(frame, column)
    if name == "registered_at":
        return _moments(frame, column)
    texts = (column if column.dtype == pl.String else column.cast(pl.String)).to_list()
    return list(map(narrowed, texts)) if name in TEXT else texts


def _days(frame: pl.DataFrame, column: pl.Series) -> list[Any]:
    """Birth dates; what is written otherwise than 2024-01-31 is read as columns read it."""
    values = column.to_list()
    if column.dtype in (pl.Date, pl.Null):
        return values
    if column.dtype == pl.String and all(v is None or _DAY.fullmatch(v) for v in values):
        try:
            return [None if v is None else date.fromisoformat(v) for v in values]
        except ValueError:
            pass  # no such day
    return frame.select(dated(frame)).to_series().to_list()


def _moments(frame: pl.DataFrame, column: pl.Series) -> list[Any]:
    """Moments in UTC; what is not plainly a moment of these years is read as columns read it."""
    values, kind = column.to_list(), column.dtype
    if kind == pl.Null:
        return values
    try:
        if kind == pl.String and _alike_written(values):
            values = [None if v is None else datetime.fromisoformat(v) for v in values]
        elif not isinstance(kind, pl.Datetime) or kind.time_unit == "ns":
            raise ValueError(kind)
        if all(v is None or v.year >= _PLAIN_SINCE for v in values):
            return [None if v is None else alike.in_county(v).astimezone(UTC) for v in values]
    except ValueError:
        pass
    return frame.select(moment(frame)).to_series().to_list()


def _alike_written(values: list[str | None]) -> bool:
    """Whether all are moments in one and the same form: columns read only what is written as their first value is."""
    said = [v for v in values if v is not None]
    return all(map(_MOMENT.fullmatch, said)) and len({v[10] for v in said}) <= 1


def _written(value: object) -> str:
    """A value as the fingerprint of columns sees it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    return value if isinstance(value, str) else str(value)


def standardised(rows: list[Row], model: Model) -> Rows:
    """Brings the rows into the form in which they are kept; their form in the engine."""
    for row in rows:
        name = row.full_name
        if name is not None:
            row.name_key, row.name_initials = pinyin(name).replace(" ", "") or None, initials(name) or None
        row.phone, row.contact_phone = phone_of(row.phone), phone_of(row.contact_phone)
        row.id_no = form_of(row.id_no)
    forms = forms_of(rows, model)
    for row, state in zip(rows, standard.number_states(forms, model).tolist(), strict=True):
        row.id_trust = trust_word(state, row.id_no, row.id_type_code)
    return forms


def forms_of(rows: Iterable[Row], model: Model) -> Rows:
    """The engine's form of rows."""
    return alike.rows_of([row.compared() for row in rows], model)


def blocks_of(forms: Rows, model: Model) -> list[list[Block]]:
    """The blocks of each row."""
    return [pairs.keys_of(form, model) for form in forms.reshape(-1, model.width)]


def written(rows: Iterable[Row]) -> str:
    """Rows as JSON, with the names of ``empi_registration``."""
    return orjson.dumps([_kept(row) for row in rows]).decode()


def _kept(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS} | {"id": row.registration_id, "person_id": row.person_id}
