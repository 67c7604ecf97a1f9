"""A copy of a document that carries its institution's signature: W3C XML signature (XMLDSig 1.1), enveloped. Pure.

Exclusive canonical XML, SHA-256, Ed25519 (RFC 9231); the public key stands inside as DEREncodedKeyValue. The schema of
shared documents has no place for a signature, so the stored original stays without: the copy is made of it when asked for.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from lxml import etree

from yigong.platform.documents.sealing import key_id

DS, DS11 = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2009/xmldsig11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ED25519 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
_DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    """The signature value over *data* as an enveloped XML signature signs it."""
    return base64.b64encode(key.sign(_canonical(_signed_info(_parsed(data))))).decode()


def copy(data: bytes, public_key: str, value: str) -> bytes:
    """The document with its signature as the last part; *public_key* and *value* in base64."""
    root = _parsed(data)
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    signature.append(_signed_info(root))
    etree.SubElement(signature, f"{{{DS}}}SignatureValue").text = value
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    info = etree.SubElement(signature, f"{{{DS}}}KeyInfo")
    etree.SubElement(info, f"{{{DS}}}KeyName").text = key_id(base64.b64decode(public_key))
    holder = etree.SubElement(info, f"{{{DS11}}}DEREncodedKeyValue", nsmap={"dsig11": DS11})
    holder.text = base64.b64encode(public.public_bytes(*_DER)).decode()
    root.append(signature)
    return etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True)


def holds(data: bytes) -> str | None:
    """The name of the key whose enveloped signature *data* carries truly; None where it carries none, or a false one."""
    try:
        root = _parsed(data)
        signature = root.find(f"{{{DS}}}Signature")
        if signature is None:
            return None
        told, value = signature.find(f"{{{DS}}}SignedInfo"), signature.findtext(f"{{{DS}}}SignatureValue") or ""
        der = base64.b64decode(signature.findtext(f"{{{DS}}}KeyInfo/{{{DS11}}}DEREncodedKeyValue") or "")
        key = serialization.load_der_public_key(der)
        root.remove(signature)
        if told is None or not isinstance(key, Ed25519PublicKey):
            return None
        is_as_we_write = _canonical(told) == _canonical(_signed_info(root))  # algorithms, transforms and digest
        if not is_as_we_write:
            return None
        key.verify(base64.b64decode(value), _canonical(told))
    except (InvalidSignature, ValueError, etree.XMLSyntaxError):
        return None
    return key_id(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def _parsed(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(data, parser)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _signed_info(root: etree._Element) -> etree._Element:
    """What is signed: the digest of the document without its signature, and how it was taken."""
    info = etree.Element(f"{{{DS}}}SignedInfo", nsmap={"ds": DS})
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=ED25519)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI="")
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    for algorithm in (ENVELOPED, EXCLUSIVE):
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=algorithm)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    digest = hashlib.sha256(_canonical(root)).digest()
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()
    return info
