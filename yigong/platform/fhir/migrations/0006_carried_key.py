"""What was made of a resource is known by its key, so that it can be taken back when the resource is gone or says another."""

from django.db import migrations, models

# rows that were made before: an order of a stay and a matter by the first number of the resource, any other by the resource
SQL = """
update fhir_carried c set key = case when c.data_set not in ('', 'inpatient_order') then r.type || '/' || r.fhir_id
    else left(coalesce(jsonb_path_query_first(r.body::jsonb, '$.identifier[*].value') #>> '{}', r.fhir_id), 100) end
from fhir_resource r where r.id = c.resource_id and r.body <> ''
    and (c.data_set <> '' or (c.outcome = 'loaded' and r.type in ('ServiceRequest', 'Appointment')));
"""


class Migration(migrations.Migration):
    """One column, filled for what is there."""

    dependencies = [("fhir", "0005_commit_order")]
    operations = [
        migrations.AddField("carried", "key", models.TextField(default="", db_default="")),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
        migrations.AddIndex(
            "carried",
            models.Index(fields=["key"], name="fhir_carried_order", condition=models.Q(("data_set", "inpatient_order"))),
        ),
    ]
