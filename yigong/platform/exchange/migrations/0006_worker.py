"""Signs of life of the processes that run feeds; rows of quarantine that came in by a later run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the table of workers and a state of rows."""

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
        migrations.AlterField(
            model_name="quarantined",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "待处理"),
                    ("mended", "已修正"),
                    ("resent", "已重送"),
                    ("followed", "后来已入库"),
                    ("discarded", "已弃用"),
                ],
                default="waiting",
                max_length=10,
            ),
        ),
    ]
