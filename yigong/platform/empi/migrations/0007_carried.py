"""What hung on registrations when a decision moved them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("empi", "0006_decided_by_people")]
    operations = [migrations.AddField("decision", "carried", models.JSONField(null=True))]
