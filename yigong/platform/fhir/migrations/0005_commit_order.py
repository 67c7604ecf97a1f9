"""Which transaction wrote a version, so that an export tells what was committed after another one."""

import django.contrib.postgres.fields
from django.db import migrations, models

# the rows that are there stay without: they are older than every export that will ask
SQL = """
alter table fhir_resource add column written bigint;
alter table fhir_resource alter column written set default pg_current_xact_id()::text::bigint;
create index fhir_resource_written on fhir_resource using brin (written) with (pages_per_range = 16, autosummarize = on);
create index fhir_resource_others on fhir_resource using gin (others) where others is not null;
comment on column fhir_resource.written is 'transaction that wrote the version (xid8 as a number, which BRIN knows)';
"""
BACK = "alter table fhir_resource drop column written; drop index fhir_resource_others;"


class Migration(migrations.Migration):
    """A column of the database's own, and what an export keeps of its moment."""

    dependencies = [("fhir", "0004_publication")]
    operations = [
        migrations.RunSQL(SQL, BACK),
        migrations.AddField("export", "gone", models.JSONField(default=list)),
        migrations.AddField(
            "export",
            "registrations",
            django.contrib.postgres.fields.ArrayField(models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField("export", "snapshot", models.TextField(default="")),
        migrations.AddField("export", "transaction_time", models.DateTimeField(null=True)),
    ]
