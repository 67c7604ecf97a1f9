"""Units of the laboratory that measure the same: UCUM code -> what it is in the unit of its dimension. Pure.

Declared, not worked out: the units that laboratories and wards write. Between amount and mass there is no conversion, since that
hangs on the substance; between arbitrary units ([iU]) and catalytic ones (U) neither.
"""

from __future__ import annotations

from decimal import Decimal

UCUM = "http://unitsofmeasure.org"
#: dimension -> UCUM code -> (factor, offset): value in the first unit of the dimension = value * factor + offset
DIMENSIONS: dict[str, dict[str, tuple[str, str]]] = {
    "mass concentration": {
        "g/L": ("1", "0"), "g/dL": ("10", "0"), "g/mL": ("1000", "0"), "mg/L": ("1e-3", "0"), "mg/dL": ("1e-2", "0"), "mg/mL": ("1", "0"),
        "ug/L": ("1e-6", "0"), "ug/dL": ("1e-5", "0"), "ug/mL": ("1e-3", "0"), "ng/L": ("1e-9", "0"), "ng/dL": ("1e-8", "0"), "ng/mL": ("1e-6", "0"),
        "pg/mL": ("1e-9", "0"),
    },
    "amount concentration": {
        "mmol/L": ("1", "0"), "mol/L": ("1000", "0"), "umol/L": ("1e-3", "0"), "nmol/L": ("1e-6", "0"), "pmol/L": ("1e-9", "0"), "umol/mL": ("1", "0"),
    },
    "catalytic concentration": {"U/L": ("1", "0"), "kU/L": ("1000", "0"), "U/mL": ("1000", "0"), "mU/mL": ("1", "0"), "mU/L": ("1e-3", "0")},
    "arbitrary concentration": {
        "[iU]/L": ("1", "0"), "k[iU]/L": ("1000", "0"), "[iU]/mL": ("1000", "0"), "m[iU]/mL": ("1", "0"), "m[iU]/L": ("1e-3", "0"), "u[iU]/mL": ("1e-3", "0"),
    },
    "number concentration": {
        "10*9/L": ("1", "0"), "10*12/L": ("1000", "0"), "10*6/L": ("1e-3", "0"), "10*3/uL": ("1", "0"), "10*6/uL": ("1000", "0"), "/uL": ("1e-3", "0"),
        "/L": ("1e-9", "0"), "/mL": ("1e-6", "0"),
    },
    "fraction": {"%": ("1", "0"), "1": ("100", "0"), "[ppth]": ("0.1", "0")},
    "volume of cells": {"fL": ("1", "0"), "um3": ("1", "0")},
    "mass": {"g": ("1", "0"), "kg": ("1000", "0"), "mg": ("1e-3", "0"), "ug": ("1e-6", "0"), "ng": ("1e-9", "0"), "pg": ("1e-12", "0")},
    "length": {"cm": ("1", "0"), "m": ("100", "0"), "mm": ("0.1", "0")},
    "pressure": {"mm[Hg]": ("133.322", "0"), "kPa": ("1000", "0"), "Pa": ("1", "0")},
    "temperature": {"Cel": ("1", "0"), "K": ("1", "-273.15")},
    "time": {"s": ("1", "0"), "ms": ("1e-3", "0"), "min": ("60", "0"), "h": ("3600", "0"), "d": ("86400", "0")},
    "rate": {"/min": ("1", "0"), "/s": ("60", "0"), "{beats}/min": ("1", "0")},
    "osmolality": {"mosm/kg": ("1", "0"), "osm/kg": ("1000", "0")},
}  # fmt: skip
_OF = {code: units for units in DIMENSIONS.values() for code in units}


def same(code: str, value: Decimal, half: Decimal) -> list[tuple[str, Decimal, Decimal]]:
    """(unit, value, half width) in every unit that measures what *code* does, this one first; empty for one that is not declared."""
    units = _OF.get(code)
    if units is None:
        return []
    factor, offset = (Decimal(n) for n in units[code])
    base, width = value * factor + offset, half * factor
    found = [(code, value, half)]
    for other, (by, plus) in units.items():
        if other != code:
            found.append((other, (base - Decimal(plus)) / Decimal(by), width / Decimal(by)))
    return found
