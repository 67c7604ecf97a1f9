"""Signatures of institutions."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml import SignatureConfiguration, SignatureMethod, XMLVerifier
from signxml.exceptions import InvalidDigest

from yigong.kit.errors import Refused
from yigong.platform.documents.enveloping import copy, key_name, sign
from yigong.platform.documents.enveloping import holds as carried
from yigong.platform.documents.sealing import Seal, copy_key_of, holds, key_of, seal
from yigong.standards.api import load
from yigong.standards.cda.write import write_document

ORG = "100000001X"


@pytest.mark.feature("A04")
@given(st.binary(min_size=1, max_size=200), st.integers(0, 10**6))
def test_a_signature_holds_for_its_bytes_only(data: bytes, at: int) -> None:
    """One changed bit anywhere, another key, a spoiled signature: the seal is no longer true."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made, other = seal(Ed25519PrivateKey.generate(), data), seal(Ed25519PrivateKey.generate(), data)
    changed = bytearray(data)
    changed[at % len(data)] ^= 1 << at % 8
    assert holds(data, made)
    assert not holds(bytes(changed), made)
    assert not holds(data, made._replace(public_key=other.public_key))
    assert not holds(data, made._replace(public_key=other.public_key, key_id=other.key_id))
    assert not holds(data, Seal(made.key_id, made.public_key, "no base64!"))


DOCUMENT = '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"><title>检验 &amp; 报告</title></ClinicalDocument>'.encode()


@pytest.mark.feature("A04")
def test_a_copy_carries_its_signature(tmp_path: Path) -> None:
    """The copy proves itself without the platform; a changed name, another key or digest, a lost signature do not."""
    proof = sign(copy_key_of(tmp_path, ORG), DOCUMENT)
    signed = copy(DOCUMENT, proof)
    assert carried(signed) == key_name(proof)
    assert carried(signed.replace("检验".encode(), "检查".encode())) is None
    assert carried(signed.replace(b"#sha256", b"#sha384")) is None
    assert carried(signed.replace(proof.value.encode(), b"AAAA")) is None
    assert carried(DOCUMENT) is None
    other = sign(copy_key_of(tmp_path / "other", ORG), DOCUMENT)
    assert carried(copy(DOCUMENT, proof._replace(public_key=other.public_key))) is None
    root = etree.fromstring(signed)
    assert root[-1].tag == "{http://www.w3.org/2000/09/xmldsig#}Signature"
    root.remove(root[-1])
    assert etree.tostring(root, method="c14n") == etree.tostring(etree.fromstring(DOCUMENT), method="c14n")


@pytest.mark.feature("A04")
@pytest.mark.parametrize("code", ["C0004", "C0007", "C0034", "C0053", "HSDA00.01"])
def test_another_verifier_believes_the_copy(tmp_path: Path, code: str) -> None:
    """signxml, which is not ours, finds the signature of whole documents true, sees what is signed, and refuses a changed one."""
    document = write_document(
        code, {"head": {"document_id": "D1", "full_name": "测试 甲", "nulls": True}, "rows": {}}, load()
    )
    proof = sign(copy_key_of(tmp_path, ORG), document)
    signed = copy(document, proof)
    settings = SignatureConfiguration(
        require_x509=False, signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}), location="./"
    )
    seen = XMLVerifier().verify(signed, require_x509=False, expect_config=settings)
    assert canonical(seen.signed_data) == canonical(document)
    with pytest.raises(InvalidDigest):
        XMLVerifier().verify(
            signed.replace("测试 甲".encode(), "测试 乙".encode()), require_x509=False, expect_config=settings
        )
    other = sign(copy_key_of(tmp_path / "other", ORG), document)
    wrong = copy(document, proof._replace(public_key=other.public_key))
    with pytest.raises(InvalidSignature):
        XMLVerifier().verify(wrong, require_x509=False, expect_config=settings)


def canonical(data: bytes) -> bytes:
    """The exclusive canonical form."""
    return etree.tostring(etree.fromstring(data), method="c14n", exclusive=True)


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """The second signature is by the same key; its file is readable by nobody else, else nothing is signed."""
    first, second = seal(key_of(tmp_path / "keys", ORG), b"x"), seal(key_of(tmp_path / "keys", ORG), b"y")
    assert first.key_id == second.key_id
    path = tmp_path / "keys" / f"{ORG}.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Refused) as refusal:
        key_of(tmp_path / "keys", ORG)
    assert refusal.value.code == "documents.key_open"
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(Refused) as refusal:
        key_of(tmp_path / "keys", ORG)
    assert refusal.value.code == "documents.key_broken"


@pytest.mark.parametrize("code", ["../../etc/passwd", "", "a/b", "x" * 40])
def test_no_code_leads_out_of_the_folder(tmp_path: Path, code: str) -> None:
    """A code that is none of an institution names no file."""
    with pytest.raises(Refused):
        key_of(tmp_path, code)
