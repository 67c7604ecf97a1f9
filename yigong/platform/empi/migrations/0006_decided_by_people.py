"""What people decided and what the machine joined, found by person at once."""

from django.db import migrations

_INDEXES = """
create index empi_decision_people_to on empi_decision (to_person)
    where verb not in ('new', 'link', 'change', 'ask', 'join', 'part');
create index empi_decision_people_from on empi_decision (from_person)
    where verb not in ('new', 'link', 'change', 'ask', 'join', 'part');
create index empi_decision_joined on empi_decision (to_person) where verb in ('join', 'part');
"""
_GONE = "drop index empi_decision_people_to, empi_decision_people_from, empi_decision_joined"


class Migration(migrations.Migration):
    dependencies = [("empi", "0005_cleaning")]
    operations = [migrations.RunSQL(_INDEXES, _GONE)]
