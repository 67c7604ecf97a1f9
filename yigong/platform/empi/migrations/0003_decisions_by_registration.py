"""The history of one registration is found without reading the whole log."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("empi", "0002_search")]
    operations = [
        migrations.RunSQL(
            "create index if not exists empi_decision_registrations on empi_decision using gin (registration_ids jsonb_path_ops)",
            "drop index if exists empi_decision_registrations",
        )
    ]
