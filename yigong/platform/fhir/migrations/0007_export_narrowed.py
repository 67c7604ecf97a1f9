"""What a bulk export was narrowed by, and what of its request was passed over."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Three columns of an export."""

    dependencies = [("fhir", "0006_carried_key")]
    operations = [
        migrations.AddField("export", "filters", models.JSONField(default=dict)),
        migrations.AddField("export", "elements", models.JSONField(default=dict)),
        migrations.AddField("export", "passed", models.JSONField(default=list)),
    ]
