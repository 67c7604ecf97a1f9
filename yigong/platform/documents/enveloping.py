"""A copy of a document that carries its institution's signature: W3C XML signature (XMLDSig 1.1), enveloped. Pure.

Exclusive canonical XML, SHA-256, ECDSA over P-256: what every verifier of XML signatures knows; the public key stands inside
as ECKeyValue. The schema of shared documents has no place for a signature, so the stored original stays without: the copy is
made of it when asked for.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from yigong.platform.documents.sealing import key_id

DS, DS11 = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2009/xmldsig11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
P256 = "urn:oid:1.2.840.10045.3.1.7"
SIGNS = 32  # bytes of each half of a signature
_ECDSA = ec.ECDSA(hashes.SHA256())


class Proof(NamedTuple):
    """The value of an enveloped signature and the public key that proves it, an uncompressed point; both in base64."""

    public_key: str
    value: str


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> Proof:
    """The proof over *data* as an enveloped XML signature signs it."""
    r, s = decode_dss_signature(key.sign(_canonical(_signed_info(_parsed(data))), _ECDSA))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    value = r.to_bytes(SIGNS, "big") + s.to_bytes(SIGNS, "big")
    return Proof(base64.b64encode(point).decode(), base64.b64encode(value).decode())


def copy(data: bytes, proof: Proof) -> bytes:
    """The document with its signature as the last part."""
    root = _parsed(data)
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    signature.append(_signed_info(root))
    etree.SubElement(signature, f"{{{DS}}}SignatureValue").text = proof.value
    info = etree.SubElement(signature, f"{{{DS}}}KeyInfo")
    etree.SubElement(info, f"{{{DS}}}KeyName").text = key_name(proof)
    held = etree.SubElement(
        etree.SubElement(info, f"{{{DS}}}KeyValue"), f"{{{DS11}}}ECKeyValue", nsmap={"dsig11": DS11}
    )
    etree.SubElement(held, f"{{{DS11}}}NamedCurve", URI=P256)
    etree.SubElement(held, f"{{{DS11}}}PublicKey").text = proof.public_key
    root.append(signature)
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


def key_name(proof: Proof) -> str:
    """The name of the key that a copy is signed with."""
    return key_id(base64.b64decode(proof.public_key))


def holds(data: bytes) -> str | None:
    """The name of the key whose enveloped signature *data* carries truly; None where it carries none, or a false one."""
    try:
        root = _parsed(data)
        signature = root.find(f"{{{DS}}}Signature")
        if signature is None:
            return None
        told, value = signature.find(f"{{{DS}}}SignedInfo"), signature.findtext(f"{{{DS}}}SignatureValue") or ""
        inside = f"{{{DS}}}KeyInfo/{{{DS}}}KeyValue/{{{DS11}}}ECKeyValue/{{{DS11}}}PublicKey"
        point, signed = base64.b64decode(signature.findtext(inside) or ""), base64.b64decode(value)
        root.remove(signature)
        if told is None or len(signed) != 2 * SIGNS:
            return None
        is_as_we_write = _canonical(told) == _canonical(_signed_info(root))  # algorithms, transforms and digest
        if not is_as_we_write:
            return None
        der = encode_dss_signature(int.from_bytes(signed[:SIGNS], "big"), int.from_bytes(signed[SIGNS:], "big"))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).verify(der, _canonical(told), _ECDSA)
    except (InvalidSignature, ValueError, etree.XMLSyntaxError):
        return None
    return key_id(point)


def _parsed(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(data, parser)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _signed_info(root: etree._Element) -> etree._Element:
    """What is signed: the digest of the document without its signature, and how it was taken."""
    info = etree.Element(f"{{{DS}}}SignedInfo", nsmap={"ds": DS})
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=ECDSA_SHA256)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI="")
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    for algorithm in (ENVELOPED, EXCLUSIVE):
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=algorithm)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    digest = hashlib.sha256(_canonical(root)).digest()
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()
    return info
