"""The cleaning of what is there already, as a job."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("empi", "0004_exact_undo")]
    operations = [
        migrations.CreateModel(
            name="Cleaning",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.TextField(default="queued")),
                ("total", models.BigIntegerField(default=0)),
                ("done", models.BigIntegerField(default=0)),
                ("reached", models.BigIntegerField(default=0)),
                ("mended", models.BigIntegerField(default=0)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("rule_version", models.IntegerField(default=0)),
                ("by_id", models.BigIntegerField(default=0)),
                ("by_name", models.TextField(default="system")),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("error", models.TextField(default="")),
            ],
            options={"db_table": "empi_cleaning"},
        ),
        migrations.AddConstraint(
            "cleaning",
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(("state__in", ["queued", "running"])), name="empi_cleaning_one"
            ),
        ),
    ]
