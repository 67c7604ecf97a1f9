from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_reason_and_xml_signature")]

    operations = [
        migrations.AddField("issueddocument", "xml_public_key", models.TextField(default="")),
    ]
