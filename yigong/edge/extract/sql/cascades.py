"""Foreign keys of MySQL and MariaDB that change rows of the table that is read, unseen by triggers and by the log.

InnoDB carries out ON DELETE SET NULL, ON UPDATE CASCADE and the like by itself: no trigger fires for such rows, and the binary log in row
format holds the change of the parent alone (measured on MariaDB 10.11: the child's table is named in the log, its rows are not).
Rows that a cascade deletes are missed when the rows are counted, so that keys are compared; rows that it changes are not.
"""

from __future__ import annotations

from typing import Any

from yigong.edge.extract.sql.database import MYSQL, Database

_QUIET = ("RESTRICT", "NO ACTION")
_RULES = """
select c.constraint_name, c.referenced_table_name, upper(c.delete_rule), upper(c.update_rule)
from information_schema.referential_constraints c
where c.constraint_schema = coalesce(:schema, database()) and c.table_name = :table order by 1
"""


def unseen(db: Database, table: str) -> list[tuple[str, dict[str, Any]]]:
    """A warning (code, facts) where cascades may change *table* behind the back of triggers and log; none in other databases."""
    if db.dialect not in MYSQL:
        return []
    *schema, name = table.split(".")
    rows = db.rows(_RULES, {"schema": schema[-1] if schema else None, "table": name})
    found = [(str(r[0]), str(r[1]), str(r[2]), str(r[3])) for r in rows]
    told = [f"{key} → {parent}: {rules}" for key, parent, *acts in found if (rules := _acting(*acts))]
    return [("exchange.cascades_unseen", {"place": table, "keys": told})] if told else []


def _acting(delete: str, update: str) -> str:
    """The rules that change rows, as the database writes them."""
    acts = (("ON DELETE", delete), ("ON UPDATE", update))
    return ", ".join(f"{event} {rule}" for event, rule in acts if rule not in _QUIET)
