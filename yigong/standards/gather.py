"""Writes the project's own tables under ``data/`` from a folder of gathered fact tables.

``python -m yigong.standards.gather FOLDER``. Only identifiers, names, codes, paths and formats are taken; definitions are not.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

NO_ROLE = "签名人姓名（标准事实未载明角色）"
DATA = Path(__file__).parent / "data"
Row = dict[str, str]

#: day from which a standard is in force, as generally known; empty where not known for sure
IN_FORCE = {"WS 364-2011": "2012-02-01", "WS 445-2014 / WS 500-2016 annex": "2014-10-01"}
REPLACED_BY = {"WS 364-2011": "WS/T 364-2023"}
#: provinces that came into being later than the code table: a code is not in force before that day
CODE_IN_FORCE = {("GB/T 2260", "重庆"): "1997-03-14", ("GB/T 2260", "海南"): "1988-04-13"}


def main(folder: Path) -> None:
    """Read every fact table of *folder* and write ours."""
    names = Names(folder)
    write("elements", elements(folder, names))
    write("value_sets", value_sets(folder))
    write("codes", codes(folder))
    write("data_sets", data_sets(folder))
    write("fields", fields(folder, names))
    write("documents", documents(folder))
    write("sections", sections(folder))
    write("places", places(folder, names))
    write("record_fields", record_fields(folder, names))
    write("form_fields", form_fields(folder, names))
    write("oids", oids(folder))
    write("services", services(folder))
    write("service_fields", service_fields(folder))


def facts(folder: Path, name: str) -> list[Row]:
    """The rows of one fact table."""
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return [{key: (value or "").strip() for key, value in row.items()} for row in csv.DictReader(file)]


def write(name: str, rows: Iterable[Row]) -> None:
    """Write one of our tables."""
    listed = list(rows)
    with (DATA / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)


class Names:
    """English names by element and Chinese name."""

    def __init__(self, folder: Path) -> None:
        rows = facts(folder, "names_en") + facts(folder, "elements_en")
        self.exact = {(r["data_element_id"], r["name_zh"]): r for r in reversed(rows)}
        self.by_name = {r["name_zh"]: r["name_en"] for r in reversed(rows + facts(folder, "document_places_en"))}
        self.by_element = {r["data_element_id"]: r["name_en"] for r in reversed(rows)}

    def english(self, element: str, name: str) -> str:
        """English of a name; of the element where the name itself has none."""
        if name == NO_ROLE:
            return "Signer name (role not stated in the facts)"
        found = self.exact.get((element, name))
        if found:
            return found["name_en"]
        return self.by_name.get(name) or (self.by_element.get(element, "") if element else "")


def certainty(words: str) -> str:
    """One of our levels for the words of the gathering."""
    table = [
        ("disagree", "doubtful"), ("unverified", "doubtful"), ("sample only", "sample"), ("derived", "derived"),
        ("verified", "agreed"), ("stated", "agreed"),
    ]  # fmt: skip
    for word, level in table:
        if word in words:
            return level
    count = re.search(r"(\d+) (?:source|files|repositor)", words)
    return "agreed" if count and int(count[1]) > 1 else "single"


def by_count(count: str) -> str:
    """The level for a number of sources."""
    return "agreed" if count.isdigit() and int(count) > 1 else "single"


def origin(standard: str) -> str:
    """Whose standard it is: national, industry, draft, international, local."""
    if standard.startswith("GB"):
        return "national"
    if standard.startswith("ICD"):
        return "international"
    if "draft" in standard or "trial" in standard:
        return "draft"
    return "industry" if standard.startswith(("WS", "hospital", "regional")) and "local" not in standard else "local"


def elements(folder: Path, names: Names) -> Iterable[Row]:
    """Data elements with their English names."""
    for r in facts(folder, "data_elements"):
        yield {
            "id": r["data_element_id"], "name_zh": r["name_zh"],
            "name_en": names.english(r["data_element_id"], r["name_zh"]),
            "type": r["type"], "format": r["format"], "value_set": r["value_set_id"],
            "format_agrees": r["format_agrees"], "other_names": r["other_names"],
            "sources": r["sources"], "certainty": certainty(r["certainty"]),
        }  # fmt: skip


COMPLETENESS = {"codes present": "full", "only codes seen in samples": "sample"}


def value_sets(folder: Path) -> Iterable[Row]:
    """Value sets with origin and, where known, the day they are in force from."""
    english = {r["value_set_id"]: r["name_en"] for r in facts(folder, "value_sets_en")}
    for r in facts(folder, "value_sets"):
        completeness = COMPLETENESS.get(r["completeness"], "ordered" if "name list" in r["completeness"] else "absent")
        partial = r["note"].startswith(("one-digit", "provinces only"))
        yield {
            "id": r["value_set_id"], "name_zh": r["name_zh"], "name_en": english.get(r["value_set_id"], ""),
            "oid": r["code_system_oid"], "oid_certainty": certainty(r["oid_certainty"]) if r["code_system_oid"] else "",
            "standard": r["standard"], "origin": origin(r["standard"]), "format": r["code_format"],
            "completeness": "partial" if partial else completeness, "note": r["note"],
            "valid_from": IN_FORCE.get(r["standard"], ""), "replaced_by": REPLACED_BY.get(r["standard"], ""),
            "name_sources": r["name_sources"],
        }  # fmt: skip


def codes(folder: Path) -> Iterable[Row]:
    """Codes; where a source lists one code twice the second name becomes another wording of the first."""
    kept: dict[tuple[str, str], Row] = {}
    for row in _codes(folder):
        first = kept.setdefault((row["value_set"], row["code"]), row)
        if first is not row:
            first["other_wordings"] = "; ".join(filter(None, [first["other_wordings"], row["name_zh"]]))
            first["certainty"] = "doubtful"
    return kept.values()


def _codes(folder: Path) -> Iterable[Row]:
    for r, en in zip(facts(folder, "value_set_codes"), facts(folder, "codes_en"), strict=True):
        padded = r["code_padded"] or r["code"]
        since = next(
            (d for (s, n), d in CODE_IN_FORCE.items() if s == r["value_set_id"] and r["name_zh"].startswith(n)), ""
        )
        yield {
            "value_set": r["value_set_id"], "code": padded, "as_found": r["code"], "name_zh": r["name_zh"],
            "name_en": en["name_en"], "other_wordings": r["other_wordings"], "valid_from": since, "valid_to": "",
            "sources": r["sources"], "certainty": certainty(r["certainty"]),
        }  # fmt: skip


def family(key: str) -> str:
    """The branch of the tree under which a data set stands."""
    if key.startswith(("HRA", "HRB", "HRC")):
        return "trial-2009"
    if key.startswith("HDSA"):
        return "WS 365"
    return "WS 37x" if key.startswith("HDSB") else "WS 445"


def data_sets(folder: Path) -> Iterable[Row]:
    """Data sets with their table names."""
    english = {r["dataset_key"]: r for r in facts(folder, "datasets_en")}
    for r in facts(folder, "datasets"):
        both = r["fields_source_W"] not in ("", "0") and r["fields_source_T"] not in ("", "0")
        yield {
            "key": r["dataset_key"], "code": r["dataset_code"], "subset_code": r["subset_code"],
            "identifier": english[r["dataset_key"]]["identifier"], "name_zh": r["name_zh"],
            "name_en": english[r["dataset_key"]]["name_en"], "standard": r["standard"], "family": family(r["dataset_key"]),
            "origin": origin(r["standard"].strip("( ")) if "older draft" not in r["standard"] else "draft",
            "part_zh": r["part_title_zh"], "document": r["document_code"], "since": "1",
            "sources": sources_of(folder)[r["dataset_key"]], "certainty": "agreed" if both else "single",
        }  # fmt: skip


def sources_of(folder: Path, known: dict[str, str] = {}) -> dict[str, str]:  # noqa: B006  - filled once
    """Data set -> the letters of all sources of its fields."""
    if not known:
        for r in facts(folder, "dataset_fields"):
            letters = set(known.get(r["dataset_key"], "").split("+")) | set(r["sources"].split("+"))
            known[r["dataset_key"]] = "+".join(sorted(letters - {""}))
    return known


def fields(folder: Path, names: Names) -> Iterable[Row]:
    """Fields of data sets with column names; the overrides tell repeated fields apart."""
    special = {(r["dataset_key"], r["seq"]): r for r in facts(folder, "names_en_overrides")}
    places: Counter[str] = Counter()
    for r in facts(folder, "dataset_fields"):
        places[r["dataset_key"]] += 1  # the sources leave some rows without a number
        name = names.exact[r["data_element_id"], r["name_zh"]]
        other = special.get((r["dataset_key"], r["seq"]), {})
        yield {
            "data_set": r["dataset_key"], "seq": str(places[r["dataset_key"]]), "inner_id": r["inner_id"], "element": r["data_element_id"],
            "name_zh": r["name_zh"], "name_en": name["name_en"], "identifier": other.get("identifier", name["identifier"]),
            "type": r["type"], "format": r["format"], "value_set": r["value_set_id"], "since": "1",
            "note": re.sub(r"[:;]? see names_en\S*", "", other.get("note", name.get("note", ""))), "sources": r["sources"], "certainty": by_count(r["source_count"]),
        }  # fmt: skip


def documents(folder: Path) -> Iterable[Row]:
    """Shared documents; one whose elements are known and whose data set is not named takes the trial set that names it."""
    known = {r["document_code"] for r in facts(folder, "document_elements")}
    trial = {r["document_code"]: r["dataset_key"] for r in facts(folder, "datasets") if r["document_code"] in known}
    for r in facts(folder, "documents"):
        yield {
            "code": r["document_code"], "name_zh": r["title_zh"], "name_en": american(r["title_en"]), "standard": r["standard_part"],
            "family": "WS/T 500" if r["document_code"].startswith("C") else "WS/T 483", "origin": "industry",
            "template_oid": r["template_oid"], "data_sets": r["dataset_keys"] or trial.get(r["document_code"], ""), "name_variants": r["title_variants"],
            "sources": r["sources (count)"] if "sources (count)" in r else r["sources"], "certainty": certainty(r["certainty"]),
        }  # fmt: skip


def american(words: str) -> str:
    """American spelling."""
    return re.sub("ae(?=sth|mo|mia)", "e", words).replace("rganis", "rganiz").replace("aemorr", "emorr")


def sections(folder: Path) -> Iterable[Row]:
    """Sections in order."""
    english = {(r["title_zh"], r["loinc"]): r["name_en"] for r in facts(folder, "sections_en")}
    for r in facts(folder, "document_sections"):
        yield {
            "document": r["document_code"], "seq": r["seq"], "loinc": r["loinc_code"], "display": r["display_name"],
            "title_zh": r["title_zh"], "title_en": english.get((r["title_zh"], r["loinc_code"]), ""),
            "sources": r["sources"], "certainty": by_count(r["source_count"]),
        }  # fmt: skip


def places(folder: Path, names: Names) -> Iterable[Row]:
    """Places in documents with their paths."""
    for r in facts(folder, "document_elements"):
        name = named(r)
        yield {
            "document": r["document_code"], "seq": r["seq"], "part": r["place"], "section_loinc": r["section_loinc"],
            "section_zh": r["section_title_zh"], "element": r["data_element_id"], "inner_id": r["inner_id"],
            "name_zh": name, "name_en": names.english(r["data_element_id"], name), "xpath": r["xpath"].replace("/effectiveTime/location/", "/location/"),  # a time holds no place
            "cda_type": r["cda_type_or_element"], "type": r["data_type"], "format": r["format"], "unit": r["unit"],
            "value_set": r["value_set_id"], "code_system": r["code_system_name"], "code_system_oid": r["code_system_oid"],
            "cardinality": r["cardinality"], "group_cardinality": r["group_cardinality"].replace("1.*", "1..*")
            if r["group_cardinality"] == "1.*" else r["group_cardinality"],
            "group_zh": r["group_name"], "id_basis": r["element_id_source"].split(" (")[0],
            "sources": r["sources"], "certainty": by_count(r["source_count"]),
        }  # fmt: skip


def named(r: Row) -> str:
    """The name of a place; what the facts call only "x" by the catalogue, or by what is known of it."""
    if r["name_in_document"] == "x姓名":
        return NO_ROLE
    return r["name_in_catalogue"] if r["name_in_document"] == "x" else r["name_in_document"] or r["name_in_catalogue"]


def record_fields(folder: Path, names: Names) -> Iterable[Row]:
    """Fields of health-record documents as one system keeps them."""
    for r in facts(folder, "ehr_document_fields"):
        yield {
            "document": r["document_code"], "seq": r["seq"], "section_zh": r["section_title_zh"], "name_zh": r["field_name_zh"],
            "name_en": names.english("", r["field_name_zh"]), "element": r["data_element_id"], "match": r["data_element_match"],
            "type": r["value_type"], "max_length": r["max_length"], "required": r["required_by_vendor"],
            "value_set": r["value_set"], "sources": r["source"], "certainty": "single",
        }  # fmt: skip


def form_fields(folder: Path, names: Names) -> Iterable[Row]:
    """Fields of public-health forms as one system shows them."""
    for r in facts(folder, "ehr_forms"):
        yield {
            "form": r["form"], "seq": r["seq"], "name_zh": r["field_name_zh"], "name_en": names.english("", r["field_name_zh"]),
            "unit": r["unit"], "options": r["options"], "required": r["required_by_vendor"], "element": r["data_element_id"],
            "match": r["data_element_match"], "sources": r["source"].strip("-"),
            "certainty": "doubtful" if "unverified" in r["certainty"] else "single",
        }  # fmt: skip


def oids(folder: Path) -> Iterable[Row]:
    """Object identifiers."""
    for r in facts(folder, "oids"):
        yield {
            "oid": r["oid"], "kind": r["kind"], "name_zh": plain_name(r["name_zh"]), "meaning": r["meaning_or_id"],
            "seen": r["where_seen"], "certainty": certainty(r["certainty"]),
        }  # fmt: skip


def plain_name(seen: str) -> str:
    """The first name in a list of names as they were seen in messages (`name<tag>×64; ...`)."""
    names = [re.sub(r"<[^>]*>|×\d+", "", part).strip(" -") for part in seen.split(";")]
    return next((n for n in names if re.search(r"[\u4e00-\u9fff]", n)), names[0]) or seen


def services(folder: Path) -> Iterable[Row]:
    """Interconnection services of both editions."""
    for r in facts(folder, "services"):
        newer = r["edition"].startswith("hospital platform")
        yield {
            "code": r["service_code"], "action": r["action"], "name_zh": r["name_zh"],
            "edition": "newer" if newer else "older", "origin": "industry", "part_zh": r["part"],
            "request": r["request_message"].split(" (")[0], "response": r["response_message"].split(" (")[0],
            "operation": r["soap_operation"].split(" or ")[0], "twin": r["corresponding_action_in_other_edition"],
            "note": r["note"], "sources": r["sources"], "certainty": "single",
        }  # fmt: skip


def service_fields(folder: Path) -> Iterable[Row]:
    """Fields of service messages."""
    for r in facts(folder, "service_fields"):
        yield {
            "action": r["action"], "side": r["side"], "seq": r["seq"], "name_zh": r["name_zh"], "name": r["field_name"],
            "element": element_id(r["data_element_id"]), "length": r["length"],
            "xpath": r["xpath (after the root element)"].split(" (")[0],
        }  # fmt: skip


def element_id(written: str) -> str:
    """The first well-formed element id in a cell; empty when there is none."""
    found = re.search(r"DE\d\d\.\d\d\.\d{3}\.\d\d", re.sub(r"\.0(\d{3})\.", r".\1.", written))
    return found[0] if found else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
