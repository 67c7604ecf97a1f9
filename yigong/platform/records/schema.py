"""Tables of standard records, derived from the declared data sets: columns, indexes and migrations are never written by hand.

A correction of the declaration carries `since` = the next schema version; that version's migration is
`operations = schema.operations(version)` and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import polars as pl
from django.apps import apps
from django.db import migrations, models
from django.db.models.functions import Now
from django.utils import timezone

from yigong.standards.api import DataSet, Field, load

APP = "records"


class NumericField(models.Field):
    """A number kept exactly as sent, without a limit: judging its format is the checker's work."""

    def db_type(self, connection: Any) -> str:
        """The type of the column."""
        return "numeric"

    def get_internal_type(self) -> str:
        """The name under which Django converts values."""
        return "DecimalField"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value as bound."""
        return value


#: kind of a field -> its column in the model
COLUMNS: dict[str, Callable[..., models.Field]] = {
    "text": models.TextField,
    "number": NumericField,
    "date": models.DateField,
    "instant": models.DateTimeField,
    "time": models.TimeField,
    "flag": models.BooleanField,
}

INSTANT = pl.Datetime("us", "UTC")
#: kind of a field -> its type in a frame and in PostgreSQL
TYPES: dict[str, tuple[Any, str]] = {
    "text": (pl.String, "text"),
    "number": (pl.Float64, "numeric"),
    "date": (pl.Date, "date"),
    "instant": (INSTANT, "timestamptz"),
    "time": (pl.Time, "time"),
    "flag": (pl.Boolean, "boolean"),
}

#: the waist's own columns as a loader writes them (`id` is given by the database)
WAIST_TYPES: dict[str, tuple[Any, str]] = {
    "registration_id": (pl.Int64, "bigint"),
    "org_code": (pl.String, "text"),
    "source_system": (pl.String, "text"),
    "source_key": (pl.String, "text"),
    "group_key": (pl.String, "text"),
    "encounter_key": (pl.String, "text"),
    "event_at": (INSTANT, "timestamptz"),
    "document_id": (pl.Int64, "bigint"),
    "extra": (pl.String, "jsonb"),
    "row_hash": (pl.Int64, "bigint"),
    "version": (pl.Int64, "integer"),
    "batch_id": (pl.Int64, "bigint"),
    "extracted_at": (INSTANT, "timestamptz"),
    "loaded_at": (INSTANT, "timestamptz"),
}


def model_name(data_set: DataSet) -> str:
    """The class name of a data set: ``laboratory_test_record`` -> ``LaboratoryTestRecord``."""
    return "".join(word.capitalize() for word in data_set.identifier.split("_"))


def waist() -> list[tuple[str, models.Field]]:
    """The columns that every record table has."""
    return [
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        ("registration_id", models.BigIntegerField(db_comment="登记：一家机构所认识的人 empi_registration.id")),
        ("org_code", models.TextField(db_comment="来源机构")),
        ("source_system", models.TextField(db_comment="来源系统")),
        ("source_key", models.TextField(db_comment="来源主键")),
        ("group_key", models.TextField(null=True, db_comment="同一报告或处方的行")),
        ("encounter_key", models.TextField(null=True, db_comment="就诊")),
        ("event_at", models.DateTimeField(null=True, db_comment="发生时间")),
        ("document_id", models.BigIntegerField(null=True, db_comment="原文 records_document.id")),
        ("extra", models.JSONField(null=True, db_comment="标准没有位置的来源字段")),
        ("row_hash", models.BigIntegerField(db_comment="行内容的散列")),
        ("version", models.IntegerField(default=1, db_default=1, db_comment="更正次数加一")),
        ("batch_id", models.BigIntegerField(null=True, db_comment="批次 exchange_job.id")),
        ("extracted_at", models.DateTimeField(null=True, db_comment="抽取时间；空：与入库同时")),
        (
            "loaded_at",
            models.DateTimeField(default=timezone.now, db_default=Now(), db_comment="入库时间"),
        ),
    ]


def column(field: Field) -> models.Field:
    """The column of one field; anything may be missing in what institutions send."""
    said = f"{field.element_id} {field.name_zh}".strip().replace("%", "％")  # psycopg reads % as a place for a value
    return COLUMNS[field.kind](null=True, db_comment=said)


def columns_of(data_set: DataSet, version: int | None = None) -> list[tuple[str, models.Field]]:
    """The columns of a data set's table as it stood in a schema version (now, when none is given)."""
    own = [(f.identifier, column(f)) for f in data_set.fields if version is None or f.since <= version]
    return waist() + own


def options(data_set: DataSet) -> dict[str, Any]:
    """Table name, comment, indexes and the rule that a source row stands once."""
    mark = hashlib.sha256(data_set.identifier.encode()).hexdigest()[:8]
    name = f"{data_set.identifier[:16]}_{mark}"
    return {
        "db_table": f"records_{data_set.identifier}",
        "db_table_comment": f"{data_set.name_zh} {data_set.standard} {data_set.key}",
        "default_permissions": (),
        # of one person there are few enough to be sorted: the moment in the index would cost each row more than it saves
        "indexes": [models.Index(fields=["registration_id"], name=f"{name}_who")],
        # the key first: one comparison decides, and a loader's neighbours lie together
        "constraints": [
            models.UniqueConstraint(
                fields=["source_key", "source_system", "org_code"], name=f"records_{data_set.identifier}_once"
            )
        ],
    }


def build(data_set: DataSet, module: str) -> type[models.Model]:
    """The Django model of one data set."""
    meta = type("Meta", (), {"app_label": APP, **options(data_set)})
    body: dict[str, Any] = {
        "__module__": module,
        "__doc__": f"{data_set.name_en} 《{data_set.name_zh}》.",
        "Meta": meta,
    }
    return type(model_name(data_set), (models.Model,), {**body, **dict(columns_of(data_set))})


def operations(version: int) -> list[Any]:
    """The migration that a schema version is: new tables whole, new fields of older tables added."""
    found: list[Any] = []
    for data_set in load().data_sets.values():
        if data_set.since == version:
            found.append(migrations.CreateModel(model_name(data_set), columns_of(data_set, version), options(data_set)))
        elif data_set.since < version:
            added = (f for f in data_set.fields if f.since == version)
            found += [migrations.AddField(model_name(data_set), f.identifier, column(f)) for f in added]
    return found


def model(identifier: str) -> type[models.Model]:
    """The Django model of a data set; KeyError when there is none of that identifier."""
    return apps.get_model(APP, model_name(load().data_sets[identifier]))


def columns(identifier: str) -> dict[str, tuple[Any, str]]:
    """Column -> its type in a frame and in PostgreSQL, the waist's columns first; `id` is not among them."""
    return {**WAIST_TYPES, **{f.identifier: TYPES[f.kind] for f in load().data_sets[identifier].fields}}
