"""Schema version 1: every data set's table from the declaration, the event index and the documents."""

import django.db.models.functions
from django.db import migrations, models

from yigong.platform.records import schema


class Migration(migrations.Migration):
    """Derived from the declaration: rows whose `since` is 1."""

    initial = True
    dependencies = []
    operations = [
        *schema.operations(1),
        migrations.CreateModel(
            name='RecordDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('registration_id', models.BigIntegerField()),
                ('document_code', models.TextField()),
                ('title', models.TextField()),
                ('sha256', models.TextField()),
                ('media_type', models.TextField()),
                ('size', models.BigIntegerField()),
                ('org_code', models.TextField()),
                ('authored_at', models.DateTimeField(null=True)),
                ('author_name', models.TextField(null=True)),
                ('set_id', models.TextField(null=True)),
                ('version', models.IntegerField(db_default=1, default=1)),
                ('encounter_key', models.TextField(null=True)),
                ('findings', models.JSONField(null=True)),
                ('text', models.TextField(db_default='', default='')),
                ('original_path', models.TextField()),
            ],
            options={
                'db_table': 'records_document',
                'db_table_comment': '共享文档：原文按内容存放',
                'default_permissions': (),
                'indexes': [models.Index(models.F('registration_id'), models.OrderBy(models.F('authored_at'), descending=True), name='records_document_person'), models.Index(fields=['sha256'], name='records_document_content'), models.Index(fields=['set_id', 'version'], name='records_document_set')],
                'constraints': [models.UniqueConstraint(fields=('registration_id', 'sha256'), name='records_document_once')],
            },
        ),
        migrations.CreateModel(
            name='RecordEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('registration_id', models.BigIntegerField()),
                ('event_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('kind', models.TextField()),
                ('org_code', models.TextField()),
                ('source_system', models.TextField()),
                ('title', models.TextField()),
                ('summary', models.JSONField(null=True)),
                ('flag', models.TextField(db_default='normal', default='normal')),
                ('data_set', models.TextField()),
                ('group_key', models.TextField()),
                ('encounter_key', models.TextField(null=True)),
                ('document_id', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'records_event',
                'db_table_comment': '事件索引：一个人的时间线',
                'default_permissions': (),
                'indexes': [models.Index(models.F('registration_id'), models.OrderBy(models.F('event_at'), descending=True), name='records_event_person')],
                'constraints': [models.UniqueConstraint(fields=('data_set', 'org_code', 'source_system', 'group_key'), name='records_event_once')],
            },
        ),
    ]
