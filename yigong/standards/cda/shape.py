"""The frame that CDA gives a document: the order of parts, and the attributes that its classes ask for."""

from __future__ import annotations

from lxml import etree

V3 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ACT = "id code text statusCode effectiveTime priorityCode repeatNumber languageCode value interpretationCode methodCode routeCode approachSiteCode targetSiteCode doseQuantity rateQuantity administrationUnitCode subject specimen consumable performer author informant participant entryRelationship reference precondition referenceRange component"
#: order of the parts of those elements where several can stand
ORDERS = {
    name: {part: at for at, part in enumerate(order.split())}
    for names, order in (
        ("ClinicalDocument", "realmCode typeId templateId id code title effectiveTime confidentialityCode languageCode setId versionNumber recordTarget author dataEnterer informant custodian legalAuthenticator authenticator participant documentationOf relatedDocument componentOf component"),
        ("patientRole", "id patientType addr telecom patient providerOrganization"),
        ("patient", "id name administrativeGenderCode birthTime maritalStatusCode raceCode ethnicGroupCode birthplace nationality age employerOrganization household nativePlace educationLevel occupation"),
        ("assignedAuthor assignedEntity associatedEntity relatedEntity participantRole", "id code addr telecom assignedPerson associatedPerson relatedPerson scopingOrganization representedOrganization playingDevice playingEntity"),
        ("author authenticator legalAuthenticator participant performer encounterParticipant informant", "functionCode time awarenessCode modeCode signatureCode assignedAuthor assignedEntity associatedEntity participantRole relatedEntity"),
        ("representedCustodianOrganization providerOrganization wholeOrganization representedOrganization scopingOrganization serviceProviderOrganization employerOrganization manufacturerOrganization", "id name telecom addr asOrganizationPartOf"),
        ("encompassingEncounter", "id code effectiveTime dischargeDispositionCode responsibleParty encounterParticipant location"),
        ("observation procedure substanceAdministration act organizer supply encounter", _ACT),
        ("section", "id code title text entry component"),
        ("playingEntity", "code quantity name desc"),
        ("addr", "country state county city township postalCode houseNumber streetName"),
        ("assignedPerson associatedPerson", "name birthTime professionalTechnicalPosition occupation"),
        ("manufacturedMaterial manufacturedLabeledDrug serviceEvent", "id code effectiveTime name lotNumberText performer"),
        ("manufacturedProduct", "id manufacturedLabeledDrug manufacturedMaterial manufacturerOrganization"),
        ("effectiveTime", "low high"),
    )
    for name in names.split()
}  # fmt: skip
SIGNED = "S"  # HL7 ParticipationSignature: the records say who signed, and when
_MOOD = {"moodCode": "EVN"}
ATTRIBUTES: dict[str, dict[str, str]] = {
    "recordTarget": {"typeCode": "RCT", "contextControlCode": "OP"},
    "patientRole": {"classCode": "PAT"},
    "patient": {"classCode": "PSN", "determinerCode": "INSTANCE"},
    "author": {"typeCode": "AUT", "contextControlCode": "OP"},
    "assignedAuthor": {"classCode": "ASSIGNED"},
    "custodian": {"typeCode": "CST"},
    "observation": {"classCode": "OBS", **_MOOD},
    "procedure": {"classCode": "PROC", **_MOOD},
    "act": {"classCode": "ACT", **_MOOD},
    "organizer": {"classCode": "CLUSTER", **_MOOD},
    "substanceAdministration": {"classCode": "SBADM", **_MOOD},
    "supply": {"classCode": "SPLY", **_MOOD},
    "entryRelationship": {"typeCode": "COMP"},
    "associatedEntity": {"classCode": "ASSIGNED"},
    "relatedEntity": {"classCode": "PRS"},
}
#: parts that must stand although nothing may be known of them
NEEDED: dict[str, tuple[str, ...]] = {
    "patientRole": ("id",),
    "author": ("time", "assignedAuthor"),
    "assignedAuthor": ("id",),
    "assignedEntity": ("id",),
    "authenticator": ("time", "signatureCode", "assignedEntity"),
    "legalAuthenticator": ("time", "signatureCode", "assignedEntity"),
    "encompassingEncounter": ("effectiveTime",),
    "representedCustodianOrganization": ("id",),
    "organizer": ("statusCode",),
    "substanceAdministration": ("consumable",),
    "consumable": ("manufacturedProduct",),
    "manufacturedProduct": ("manufacturedLabeledDrug",),
    "informant": ("assignedEntity",),
    "employerOrganization": ("name",),
    "section": ("code", "text"),
    "performer": ("assignedEntity",),
    "observation": ("code",),
    "act": ("code",),
}


def add(parent: etree._Element, tag: str) -> etree._Element:
    """A new part of an element, put where the order of its class has it, with the attributes of its own."""
    order = ORDERS.get(str(parent.tag), {})
    rank = order.get(tag, 99)
    before = sum(order.get(str(child.tag), 99) <= rank for child in parent)
    node = etree.Element(tag, ATTRIBUTES.get(tag, {}))
    parent.insert(before, node)
    return node


def complete(root: etree._Element) -> None:
    """Adds the parts that must stand, empty where nothing is known."""
    for node in list(root.iter()):
        _complete(node)
    for signer in root.iterchildren("legalAuthenticator", "authenticator"):
        when, code = signer.find("time"), signer.find("signatureCode")
        if signer.findtext("assignedEntity/assignedPerson/name") and when is not None and when.get("value"):
            code.set("code", SIGNED)  # type: ignore[union-attr]


def _complete(node: etree._Element) -> None:
    tag = str(node.tag)
    if tag in ("manufacturedProduct",) and node.find("manufacturedMaterial") is not None:
        return
    if tag == "informant" and node.find("relatedEntity") is not None:
        return
    inner = node.getparent() is not None and node.getparent().tag != "ClinicalDocument"  # type: ignore[union-attr]
    if tag == "participant":
        node.set("typeCode", node.get("typeCode") or ("CSM" if inner else "IND"))
    for part in ("participantRole" if inner else "associatedEntity",) if tag == "participant" else NEEDED.get(tag, ()):
        if node.find(part) is None:
            _complete(add(node, part))


def serialized(root: etree._Element) -> bytes:
    """The document in the namespace of HL7 v3, as bytes that are the same each time."""
    top = etree.Element(f"{{{V3}}}ClinicalDocument", nsmap={None: V3, "xsi": XSI})  # type: ignore[dict-item]
    _copy(root, top)
    etree.indent(top)
    return etree.tostring(top, encoding="UTF-8", xml_declaration=True)


def _copy(source: etree._Element, target: etree._Element) -> None:
    for name, value in source.attrib.items():
        if name == "_mark":
            continue
        target.set(f"{{{XSI}}}type" if name == "type" and source.tag == "value" else str(name), value)
    target.text = source.text
    for child in source:
        _copy(child, etree.SubElement(target, f"{{{V3}}}{child.tag}"))
