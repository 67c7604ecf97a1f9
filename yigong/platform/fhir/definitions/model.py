"""What the official definitions say, in the form the rest of this module reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MANY = -1


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type. *types* are its possible types with the kinds of resource a Reference may point to."""

    name: str  # without [x]
    least: int
    most: int  # MANY for *
    types: tuple[tuple[str, tuple[str, ...]], ...]
    choice: bool = False
    value_set: str = ""  # of a required binding, without its version
    constraints: tuple[tuple[str, str, str, str], ...] = ()  # key, severity, sentence, FHIRPath
    summary: bool = False
    short: str = ""

    @property
    def json_names(self) -> dict[str, str]:
        """Names in JSON with the type each stands for: valueQuantity -> Quantity."""
        if not self.choice:
            return {self.name: self.types[0][0] if self.types else ""}
        return {self.name + code[0].upper() + code[1:]: code for code, _ in self.types}


@dataclass(frozen=True, slots=True)
class Type:
    """A resource, a data type, or a part of one (``Observation.component``)."""

    name: str
    kind: str  # resource complex primitive part
    elements: Mapping[str, Element] = field(default_factory=dict)
    constraints: tuple[tuple[str, str, str, str], ...] = ()
    abstract: bool = False
    pattern: str = ""  # regular expression of a primitive


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one type, with the part of its expression that speaks of that type."""

    base: str
    code: str
    type: str  # token reference string date quantity number uri composite
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[str, ...] = ()  # codes of the parameters that a composite is made of
    url: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Definitions:
    """All of R4 that is needed here."""

    version: str
    types: Mapping[str, Type]
    parameters: Mapping[str, Mapping[str, Parameter]]  # type -> code -> parameter
    value_sets: Mapping[str, Mapping[str, tuple[str, ...]]]  # url -> code -> systems; absent where it cannot be listed
    patient_compartment: Mapping[str, tuple[str, ...]]  # type -> codes of the parameters that lead to the patient

    @property
    def resources(self) -> tuple[str, ...]:
        """Names of all concrete resources."""
        return tuple(sorted(t.name for t in self.types.values() if t.kind == "resource" and not t.abstract))
