"""The definitions of this installation, and what follows from them for all types."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from yigong.platform.fhir.definitions.api import Definitions, Parameter, load
from yigong.platform.fhir.definitions.shelf import Shelf, shelf
from yigong.platform.fhir.indexing.extracting import Compiled, extractor
from yigong.platform.fhir.indexing.values import parameter_number

#: types that speak of no person by themselves: every application with the scope may read them
PUBLIC = frozenset(
    [
        "ActivityDefinition",
        "CapabilityStatement",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "Endpoint",
        "HealthcareService",
        "ImplementationGuide",
        "Library",
        "Location",
        "Measure",
        "Medication",
        "MedicationKnowledge",
        "NamingSystem",
        "OperationDefinition",
        "Organization",
        "OrganizationAffiliation",
        "PlanDefinition",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "Schedule",
        "SearchParameter",
        "Slot",
        "StructureDefinition",
        "StructureMap",
        "Substance",
        "ValueSet",
    ]
)


@cache
def definitions() -> Definitions:
    """The official definitions of R4. Raises NoDefinitions where `make setup` did not run."""
    return load(package(), Path(settings.LOCAL) / "cache")


@cache
def official_shelf() -> Shelf:
    """The official profiles, value sets and code systems, read one at a time."""
    definitions()  # says plainly when the package is absent
    return shelf(package(), Path(settings.LOCAL) / "cache")


def package() -> Path:
    """Where the official files lie."""
    return Path(settings.NODE_MODULES) / "@medplum" / "definitions" / "dist" / "fhir" / "r4"


def compiled(kind: str) -> Compiled:
    """The extractor of a type."""
    return extractor(definitions(), kind)


def parameter(kind: str, code: str) -> Parameter | None:
    """A search parameter of a type."""
    return definitions().parameters.get(kind, {}).get(code)


@cache
def supported(kind: str) -> tuple[Parameter, ...]:
    """The parameters of a type that this server answers."""
    filled = compiled(kind).filled
    return tuple(
        p
        for code, p in sorted(definitions().parameters[kind].items())
        if code in filled or code in ("_id", "_lastUpdated") or (p.type == "composite" and set(p.components) <= filled)
    )


@cache
def numbers(kind: str, code: str) -> tuple[int, ...]:
    """The numbers under which the values of a parameter stand in its index table."""
    known = definitions().parameters.get(kind)
    if known is None:  # of every type of resource
        return (parameter_number(f"{kind}.{code}"),)
    return tuple(parameter_number(f"{known[c].base}.{c}") for c in compiled(kind).places[code].codes)


@cache
def only(kind: str, code: str) -> str:
    """The type of resource whose references alone are those of this parameter; empty for all that stand under its numbers."""
    return compiled(kind).places[code].only if kind in definitions().parameters else ""


@cache
def compartment(kind: str) -> frozenset[int]:
    """Numbers of the parameters by which a resource of this type lies in a patient's compartment."""
    codes = set(definitions().patient_compartment.get(kind, ()))
    if "subject" in definitions().parameters[kind] or "patient" in definitions().parameters[kind]:
        codes |= {"subject", "patient"}
    return frozenset(n for code in codes if code in compiled(kind).filled for n in numbers(kind, code))


@cache
def subjects(kind: str) -> frozenset[int]:
    """Numbers of the parameters that name the person a resource is about."""
    return frozenset(n for c in ("patient", "subject") if c in compiled(kind).filled for n in numbers(kind, c))
