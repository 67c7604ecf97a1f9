"""Each decision carries exactly what it changed, and the act it belongs to (ADR 8)."""

from django.db import migrations, models

FORWARD = """
alter table empi_decision disable trigger empi_decision_stands;
update empi_decision set
    act = id,
    verb = case when verb = 'merge' and reason = 'auto' then 'join' when verb = 'split' and reason = 'auto' then 'part'
                else verb end,
    moved = verb in ('new', 'link', 'merge', 'confirm', 'split')
        or (verb = 'undo' and from_person is not null and to_person is not null);
update empi_decision d set pairs = k.pairs from (
    select c.decision_id, jsonb_agg(jsonb_build_array(c.left_id, c.right_id,
        case when c.trail = '[]' then null else now.row || jsonb_build_object(
            'state', c.trail->-1->>0, 'decision_id', c.trail->-1->1, 'decided_at', null, 'later_until', null) end,
        now.row)) as pairs
    from empi_candidate c cross join lateral (select jsonb_build_object('score', c.score, 'kind', c.kind,
        'risk', c.risk, 'state', c.state, 'decision_id', c.decision_id, 'decided_at', c.decided_at,
        'later_until', c.later_until, 'created_at', c.created_at) as row) now
    where c.decision_id is not null group by c.decision_id) k
where d.id = k.decision_id;
alter table empi_decision enable trigger empi_decision_stands;
create index empi_decision_act on empi_decision (act);
"""


class Migration(migrations.Migration):
    dependencies = [("empi", "0003_decisions_by_registration")]
    operations = [
        migrations.AddField("decision", "act", models.BigIntegerField(default=0)),
        migrations.AddField("decision", "moved", models.BooleanField(default=False)),
        migrations.AddField("decision", "pairs", models.JSONField(default=list)),
        migrations.AddField("decision", "states", models.JSONField(default=list)),
        migrations.AddField("decision", "changed", models.JSONField(null=True)),
        migrations.RunSQL(FORWARD, "drop index empi_decision_act"),
        migrations.RemoveField("candidate", "trail"),
        migrations.RemoveField("decision", "steps"),
        migrations.CreateModel(
            name="RuleSet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.IntegerField(unique=True)),
                ("state", models.TextField(default="draft")),
                ("body", models.JSONField()),
                ("note", models.TextField(default="")),
                ("by_name", models.TextField(default="system")),
                ("created_at", models.DateTimeField()),
                ("published_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "empi_rule_set"},
        ),
        migrations.AddConstraint(
            "ruleset",
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(("state", "published")), name="empi_rule_set_one_published"
            ),
        ),
        migrations.AddConstraint(
            "ruleset",
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(("state", "draft")), name="empi_rule_set_one_draft"
            ),
        ),
    ]
