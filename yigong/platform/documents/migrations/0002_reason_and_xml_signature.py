from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0001_initial")]

    operations = [
        migrations.AddField("issueddocument", "xml_signature", models.TextField(default="")),
        migrations.AddField("issueddocument", "reason", models.TextField(default="")),
    ]
