"""The codes of the value set that ``:in`` and ``:not-in`` name: by canonical address, or ``ValueSet/id`` of this server."""

from __future__ import annotations

from yigong.kit.errors import Refused
from yigong.platform.fhir import db
from yigong.platform.fhir.bodies import read
from yigong.platform.fhir.library import Library
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.terms.systems import Unknown, Unusable

#: codes that one search compares with
MOST = 10_000
_BY_ID = "select body from fhir_resource where type = 'ValueSet' and fhir_id = %(id)s and not deleted"


def codes_in(address: str, base: str) -> list[tuple[str, str]]:
    """(system, code). Raises Refused fhir.definition_unknown, fhir.value_set, fhir.value_set_costly."""
    terminology, url = Terminology(Library()), address[:200]
    kind, _, fhir_id = address.removeprefix(base).partition("/")
    try:
        if kind == "ValueSet" and fhir_id and "/" not in fhir_id:
            rows = db.rows(_BY_ID, {"id": fhir_id}, raw_text=True)
            if not rows:
                raise Unknown("ValueSet", url)
            found = list(terminology.codes(read(rows[0][0])))
        else:
            found = list(terminology.named(address))
    except Unusable as error:
        code = "fhir.value_set_costly" if error.costly else "fhir.value_set"
        raise Refused(code, url=url, zh=error.zh, en=error.en) from error
    except Unknown as error:
        raise Refused("fhir.definition_unknown", url=url, kind=error.kind, missing=error.url[:200]) from error
    if len(found) > MOST:
        zh, en = (
            f"共 {len(found):,} 个代码，检索至多 {MOST:,} 个",
            f"it has {len(found):,} codes, a search compares {MOST:,}",
        )
        raise Refused("fhir.value_set_costly", url=url, zh=zh, en=en)
    return found
