"""Old versions of records are kept; the indexes of records are made for loading."""

from typing import Any

from django.db import migrations, models

from yigong.platform.records import schema
from yigong.standards.api import load

AHEAD = 100  # ids that a connection takes at a time


def lighten(apps: Any, editor: Any) -> None:
    """Tables that were made before: the key first in the index of the key, no index that nobody reads."""
    for data_set in load().data_sets.values():
        if data_set.since > 1:
            continue
        told = schema.options(data_set)
        table, once = told["db_table"], told["constraints"][0]
        old = told["indexes"][0].name.removesuffix("_who") + "_org"
        editor.execute(f'drop index if exists "{old}"')
        editor.execute(f'alter table "{table}" alter column id set cache {AHEAD}')
        if _first_column(editor, table, once.name) == "org_code":
            editor.execute(f'alter table "{table}" drop constraint "{once.name}"')
            editor.execute(f'alter table "{table}" add constraint "{once.name}" unique ({", ".join(once.fields)})')


def _first_column(editor: Any, table: str, constraint: str) -> str:
    with editor.connection.cursor() as cursor:
        cursor.execute(
            """select a.attname from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
               where c.conrelid = %s::regclass and c.conname = %s""",
            [table, constraint],
        )
        return str(cursor.fetchone()[0])


class Migration(migrations.Migration):
    dependencies = [('records', '0001_initial')]
    operations = [
        migrations.CreateModel(
            name='RecordVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('data_set', models.TextField()),
                ('record_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('registration_id', models.BigIntegerField()),
                ('org_code', models.TextField()),
                ('source_system', models.TextField()),
                ('source_key', models.TextField()),
                ('row', models.JSONField()),
                ('known_from', models.DateTimeField()),
                ('known_until', models.DateTimeField()),
                ('withdrawn', models.BooleanField(db_default=False, default=False)),
                ('batch_id', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'records_version',
                'db_table_comment': '记录的旧版本：更正与撤回之前的内容',
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('withdrawn', True)), fields=['data_set', 'source_key'], name='records_version_back')],
                'constraints': [models.UniqueConstraint(fields=('record_id', 'data_set', 'version'), name='records_version_once')],
            },
        ),
        migrations.RemoveConstraint(model_name='recordevent', name='records_event_once'),
        migrations.AddConstraint(
            model_name='recordevent',
            constraint=models.UniqueConstraint(fields=('group_key', 'data_set', 'source_system', 'org_code'), name='records_event_once'),
        ),
        migrations.RunPython(lighten, migrations.RunPython.noop, elidable=False),
    ]
