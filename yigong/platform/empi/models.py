"""Registrations, the persons they are of, and every decision about them."""

from __future__ import annotations

from django.db import models


class Person(models.Model):
    """One human being, as far as is known; *golden* is worked out from the registrations, never typed in."""

    state = models.TextField(default="provisional")
    origin = models.TextField(default="register")  # register split
    golden = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "empi_person"

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class Registration(models.Model):
    """The identity under which one institution's system knows a person; it never changes its id."""

    org_code = models.TextField()
    source_system = models.TextField()
    local_id = models.TextField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="registrations")
    full_name = models.TextField(null=True)
    name_key = models.TextField(null=True)
    name_initials = models.TextField(null=True)
    sex_code = models.TextField(null=True)
    born_on = models.DateField(null=True)
    id_type_code = models.TextField(null=True)
    id_no = models.TextField(null=True)
    id_trust = models.TextField(default="missing")  # missing bad doubtful shared trusted
    phone = models.TextField(null=True)
    address = models.TextField(null=True)
    village_code = models.TextField(null=True)
    health_card_no = models.TextField(null=True)
    contact_name = models.TextField(null=True)
    contact_phone = models.TextField(null=True)
    ethnic_group_code = models.TextField(null=True)
    state = models.TextField(default="active")  # active attested merged deceased cancelled
    registered_at = models.DateTimeField(null=True)
    facts = models.JSONField(null=True)
    hash = models.BigIntegerField()

    class Meta:
        db_table = "empi_registration"
        constraints = [
            models.UniqueConstraint(fields=["org_code", "source_system", "local_id"], name="empi_registration_key")
        ]

    def __str__(self) -> str:
        return f"{self.org_code} {self.local_id}"


class Decision(models.Model):
    """One decision about who is who; rows are added, never changed or removed (the database refuses it).

    A line carries exactly what it changed: *registration_ids* went from *from_person* to *to_person* where *moved*;
    *pairs* ``[left, right, before, after]``; *states* ``[registration, before, after]``; *changed* the facts
    ``{name: [before, after]}`` of a registration, or the decisions of a batch.
    """

    verb = models.TextField()  # machine: new link change ask join part; people: see domain.VERBS
    act = models.BigIntegerField(default=0)  # the lines of one act of a person, or of one act of registering
    moved = models.BooleanField(default=False)
    registration_ids = models.JSONField(default=list)
    from_person = models.BigIntegerField(null=True)
    to_person = models.BigIntegerField(null=True)
    anchor_id = models.BigIntegerField(null=True)  # the registration whose likeness decided
    score = models.FloatField(null=True)
    pairs = models.JSONField(default=list)
    states = models.JSONField(default=list)
    changed = models.JSONField(null=True)
    #: what hung on the registrations when they moved: {"documents": n, "events": {kind: n}}; null where it was not counted
    carried = models.JSONField(null=True)
    by_id = models.BigIntegerField(default=0)
    by_name = models.TextField(default="system")
    org_code = models.TextField(default="")
    at = models.DateTimeField()
    reason = models.TextField(default="")
    undoes = models.BigIntegerField(null=True)

    class Meta:
        db_table = "empi_decision"
        indexes = [
            models.Index(fields=["to_person"], name="empi_decision_to"),
            models.Index(fields=["from_person"], name="empi_decision_from"),
            models.Index(fields=["-at"], name="empi_decision_at"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.verb}"


class Candidate(models.Model):
    """Two registrations that may be of one person and wait for, or have had, a reviewer's word."""

    left = models.ForeignKey(Registration, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Registration, on_delete=models.PROTECT, related_name="+")
    score = models.FloatField()
    kind = models.TextField(default="alike")
    risk = models.SmallIntegerField(default=0)
    state = models.TextField(default="open")  # open later pending rejected settled
    decision_id = models.BigIntegerField(null=True)
    later_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "empi_candidate"
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="empi_candidate_pair"),
            models.CheckConstraint(condition=models.Q(left__lt=models.F("right")), name="empi_candidate_order"),
        ]
        indexes = [
            models.Index(
                fields=["-risk", "-score", "id"],
                condition=models.Q(state__in=["open", "later"]),
                name="empi_candidate_queue",
            ),
            models.Index(fields=["decision_id"], name="empi_candidate_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.left_id} {self.right_id} {self.score}"


class RuleSet(models.Model):
    """One version of the rules by which pairs are joined, asked about and reviewed; a published one never changes."""

    version = models.IntegerField(unique=True)
    state = models.TextField(default="draft")  # draft published retired
    body = models.JSONField()
    note = models.TextField(default="")
    by_name = models.TextField(default="system")
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "empi_rule_set"
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="published"), name="empi_rule_set_one_published"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="draft"), name="empi_rule_set_one_draft"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.state}"


class Cleaning(models.Model):
    """One run over all registrations: written anew in today's form, compared again under today's rules."""

    state = models.TextField(default="queued")  # queued running done failed stopped
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    reached = models.BigIntegerField(default=0)  # the last registration that was gone through
    mended = models.BigIntegerField(default=0)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    rule_version = models.IntegerField(default=0)
    by_id = models.BigIntegerField(default=0)
    by_name = models.TextField(default="system")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        db_table = "empi_cleaning"
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(state__in=["queued", "running"]), name="empi_cleaning_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.state} {self.done}/{self.total}"
