from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("quality", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="QualityDue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("data_set", models.CharField(max_length=60)),
                ("org_code", models.CharField(max_length=10)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "db_table": "quality_due",
                "constraints": [
                    models.UniqueConstraint(fields=("data_set", "org_code"), name="quality_due_once")
                ],
            },
        ),
    ]
