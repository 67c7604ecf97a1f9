"""Since when a feed's alarms are judged, and by which later run what a day lacked came in."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a moment to feeds and a run to sheets."""

    dependencies = [("exchange", "0008_withdrawn_by_filter")]

    operations = [
        migrations.AddField("feed", "watched_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "sheet",
            "made_good",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="exchange.job"
            ),
        ),
    ]
