"""The door of mapping: a mapping compiled, rows filtered, mapped and checked; used by the centre and by nodes alike."""

from yigong.edge.mapping.desk import LEVELS, Desk, Done, is_level, standard_rows
from yigong.edge.mapping.fields import field_kinds, fingerprint
from yigong.edge.mapping.plan import FieldKind, Mapped, Plan, compile_mapping
from yigong.edge.mapping.rows import DOCUMENT, KEY, LINE, OP, PLACE, RAW, REQUIRED, WAIST, Reason

__all__ = [
    "DOCUMENT", "KEY", "LEVELS", "LINE", "OP", "PLACE", "RAW", "REQUIRED", "WAIST", "Desk", "Done", "FieldKind", "Mapped",
    "Plan", "Reason", "compile_mapping", "field_kinds", "fingerprint", "is_level", "standard_rows",
]  # fmt: skip
