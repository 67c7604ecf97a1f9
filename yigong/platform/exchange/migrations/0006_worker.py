"""Signs of life of the processes that run feeds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the table of workers."""

    dependencies = [("exchange", "0005_notices")]

    operations = [
        migrations.CreateModel(
            name="WorkerBeat",
            fields=[
                ("name", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("beat_at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "exchange_worker"},
        ),
    ]
