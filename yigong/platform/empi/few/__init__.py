"""Registering a few without frames: the decisions of the batch's way, at a record's own cost (ADR 28)."""
