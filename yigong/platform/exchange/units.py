"""Units of measurement as laboratories write them, brought to one writing: a suggestion, never done silently. Pure."""

from __future__ import annotations

import re
import unicodedata

#: how the unit is written in the records; the same quantity and size only, nothing is converted
UNITS = (
    "mmol/L", "μmol/L", "nmol/L", "pmol/L", "mol/L", "g/L", "mg/L", "μg/L", "ng/L", "mg/dL", "g/dL", "μg/mL", "ng/mL", "pg/mL",
    "U/L", "kU/L", "U/mL", "IU/L", "IU/mL", "mIU/L", "mIU/mL", "μIU/mL", "10^9/L", "10^12/L", "10^6/L", "/μL", "/HP", "/LP", "%", "‰",
    "fL", "pg", "s", "min", "h", "d", "mm/h", "mmHg", "kPa", "℃", "cm", "mm", "kg", "g", "mg", "μg", "mL", "L", "mL/min", "mmol/24h", "g/24h", "mg/24h",
    "次/分", "kg/m²", "mEq/L", "mOsm/kg", "copies/mL", "S/CO", "COI",
)  # fmt: skip
_ALIKE = (
    ("umol", "μmol"), ("ug", "μg"), ("uiu", "μiu"), ("/ul", "/μl"), ("µ", "μ"), ("微", "μ"), ("毫摩尔", "mmol"), ("毫升", "ml"), ("毫克", "mg"),
    ("升", "l"), ("克", "g"), ("秒", "s"), ("分钟", "min"), ("小时", "h"), ("天", "d"), ("度", "℃"), ("°c", "℃"), ("bpm", "次/分"), ("次/min", "次/分"),
    ("kg/m2", "kg/m²"), ("kg/m^2", "kg/m²"), ("百分比", "%"), ("个/hp", "/hp"), ("个/ul", "/μl"), ("个/μl", "/μl"), ("sec", "s"),
)  # fmt: skip
_POWER = re.compile(r"^[×x*]?10(?:\^|\*\*|e\+?|\*)?(6|9|12)/?l$")


def form_of(text: str) -> str:
    """A unit without the differences that mean nothing: width, case, blanks, ways to write powers and Greek letters."""
    form = (
        unicodedata.normalize("NFKC", text.replace("²", "^2"))
        .lower()
        .replace(" ", "")
        .replace("·", "")
        .replace("µ", "μ")
    )
    for other, ours in _ALIKE:
        form = form.replace(other, ours)
    form = form.replace("μμ", "μ")
    if power := _POWER.match(form):
        return f"10^{power[1]}/l"
    return form


_BY_FORM = {form_of(u): u for u in UNITS}


def unit(text: str) -> str:
    """The house's writing of a unit; empty when it is none that is known."""
    return _BY_FORM.get(form_of(text), "")
