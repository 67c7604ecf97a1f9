"""The index of the person holds the person only: entries of 16 bytes instead of 24."""

from typing import Any

from django.db import migrations

from yigong.platform.records import schema
from yigong.standards.api import load


def narrow(apps: Any, editor: Any) -> None:
    """Tables that were made with the moment in that index."""
    for data_set in load().data_sets.values():
        told = schema.options(data_set)
        table, who = told["db_table"], told["indexes"][0]
        with editor.connection.cursor() as cursor:
            cursor.execute(
                """select i.indnatts > 1 from pg_index i join pg_class c on c.oid = i.indexrelid
                   where c.relname = %s and i.indrelid = to_regclass(%s)""",
                [who.name, table],
            )
            wide = cursor.fetchone()
        if wide and wide[0]:
            editor.execute(f'drop index "{who.name}"')
            editor.execute(f'create index "{who.name}" on "{table}" ({", ".join(who.fields)})')


class Migration(migrations.Migration):
    dependencies = [('records', '0002_versions')]
    operations = [migrations.RunPython(narrow, migrations.RunPython.noop, elidable=False)]
