"""Tables of standard records are what the declaration says."""

import polars as pl
import pytest
from django.core.management import call_command
from django.db import connection

from yigong.platform.records import schema
from yigong.standards.api import load


def _ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


@pytest.mark.django_db
@pytest.mark.feature("A02")
def test_each_data_set_is_a_table_with_its_columns():
    """Every data set has its table; columns, types and comments are those declared."""
    rows = _ask(
        """select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
           where c.relname like 'records\\_%%' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"""
    )
    there = {(table, column): (kind, said) for table, column, kind, said in rows}
    words = {"timestamptz": "timestamp with time zone", "time": "time without time zone"}
    for identifier, data_set in load().data_sets.items():
        for name, (_, kind) in schema.columns(identifier).items():
            assert there[f"records_{identifier}", name][0] == words.get(kind, kind)
        for field in data_set.fields:
            said = there[f"records_{identifier}", field.identifier][1]
            assert said.startswith(field.element_id) and said.endswith(field.name_zh.replace("%", "％"))


@pytest.mark.django_db
@pytest.mark.feature("A13")
def test_a_source_row_stands_once():
    """Institution, source system and source key identify a row in every table."""
    found = {name for (name,) in _ask("select conname from pg_constraint where contype = 'u'")}
    assert {f"records_{identifier}_once" for identifier in load().data_sets} <= found


@pytest.mark.django_db
def test_migrations_say_what_the_models_say():
    """The derived migration leaves nothing to migrate."""
    call_command("makemigrations", "records", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_a_table_says_which_standard_it_keeps():
    """The comment of a table is the data set's name and number."""
    assert "HDSD00.02" in _ask("select obj_description('records_patient_basic_information'::regclass)")[0][0]


@pytest.mark.django_db
@pytest.mark.feature("A13")
def test_a_number_is_kept_as_sent():
    """A number longer than its declared format is kept whole; judging it is the checker's work."""
    model = schema.model("laboratory_test_record")
    column = next(f.identifier for f in load().data_sets["laboratory_test_record"].fields if f.kind == "number")
    _ask(
        f"insert into records_laboratory_test_record (registration_id, org_code, source_system, source_key, row_hash, {column})"
        " values (1, 'A', 'LIS', 'k', 7, 123456789012345678901234567890.125) returning id"
    )
    row = model.objects.get(source_key="k")
    assert str(getattr(row, column)) == "123456789012345678901234567890.125"
    assert row.version == 1 and row.loaded_at is not None


def test_columns_tell_the_types_of_a_frame():
    """A frame for a table has Polars types that fit its columns."""
    columns = schema.columns("laboratory_test_record")
    assert columns["event_at"][0] == pl.Datetime("us", "UTC")
    assert columns["registration_id"] == (pl.Int64, "bigint")
