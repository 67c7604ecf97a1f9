"""Which of the two forms a client wants: JSON or XML (RFC 9110, 12.5.1; FHIR R4, RESTful API, 3.1.0.1.10). Pure."""

from __future__ import annotations

from yigong.kit.errors import Refused

JSON_KINDS = ("application/fhir+json", "application/json", "text/json", "application/json+fhir")
XML_KINDS = ("application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir")
#: what ``_format`` may say beside
SHORT = {"json": False, "xml": True}
_VERSIONS = {"4.0", "4.0.1"}


def format_is_xml(wanted: str) -> bool:
    """Whether ``_format`` asks for XML. Raises Refused fhir.format."""
    kind = wanted.partition(";")[0].strip().lower().replace(" ", "+")  # a plus sign that an address turned into a space
    if kind in SHORT:
        return SHORT[kind]
    if kind in JSON_KINDS or kind in XML_KINDS:
        return kind in XML_KINDS
    raise Refused("fhir.format")


def accept_is_xml(accept: str) -> bool:
    """Whether a client that accepts this wants XML rather than JSON. Raises Refused fhir.format where neither will do."""
    ranges = [r for r in map(_range, accept.split(",")) if r is not None]
    json, xml = _best(ranges, JSON_KINDS), _best(ranges, XML_KINDS)
    if not json and not xml:
        raise Refused("fhir.format")
    return xml > json


def _best(ranges: list[tuple[str, float]], kinds: tuple[str, ...]) -> float:
    """How much a form is wanted: by its own name, else by the half of it, else by what is said of everything."""
    for names in (kinds, tuple({f"{k.partition('/')[0]}/*" for k in kinds}), ("*/*", "*")):
        if said := [q for name, q in ranges if name in names]:
            return max(said)
    return 0.0


def _range(text: str) -> tuple[str, float] | None:
    """Name and weight of a media range; None for one that cannot be met: another charset, or another version of FHIR."""
    name, *given = (part.strip().lower() for part in text.split(";"))
    weight = 1.0
    for one in given:
        key, _, value = (p.strip().strip('"') for p in one.partition("="))
        if key == "q":
            try:
                weight = float(value)
            except ValueError:
                return None
        elif (key == "charset" and value not in ("utf-8", "utf8")) or (key == "fhirversion" and value not in _VERSIONS):
            return None
    return (name, weight) if name else None
