"""SOAP 1.2 and 1.1 envelopes in and out, and the WSDL of the one operation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from yigong.kit.errors import Refused
from yigong.kit.xml import parse

NAMESPACE = "urn:hl7-org:v3"
ENVELOPES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}
MEDIA = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}
OPERATION = "HIPMessageServer"
LIMIT = 24 * 1024 * 1024  # bytes of one envelope; the parser itself bounds one text to 10 MB
DEPTH = 100  # elements inside one another; no standard message has more than 25
ELEMENTS = 60_000  # of one message


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks: the action, the message as bytes, and with which name and secret."""

    version: str
    action: str
    message: bytes
    user: str = ""
    secret: str = ""


def open_envelope(body: bytes) -> Asked:
    """Read an envelope. Raises Refused xml_*, v3.no_envelope, v3.no_operation, v3.too_deep, v3.too_many."""
    version = _version(body)
    root = bounded(parse(body, limit=LIMIT).root)
    if root.tag != "Envelope":
        raise Refused("v3.no_envelope", root=str(root.tag)[:60])
    content = root.find("Body")
    call = next((child for child in content if child.tag == OPERATION), None) if content is not None else None
    if call is None:
        raise Refused("v3.no_operation", operation=OPERATION)
    user, secret = _token(root)
    return Asked(version, (call.findtext("action") or "").strip(), _message(call), user, secret)


def bounded(root: etree._Element) -> etree._Element:
    """The tree itself, when it is neither deeper nor larger than any message is. Raises Refused v3.too_deep, v3.too_many."""
    depth = count = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            depth, count = depth + 1, count + 1
            if depth > DEPTH:
                raise Refused("v3.too_deep", limit=DEPTH)
            if count > ELEMENTS:
                raise Refused("v3.too_many", limit=ELEMENTS)
        else:
            depth -= 1
    return root


def _version(body: bytes) -> str:
    return "1.1" if ENVELOPES["1.1"].encode() in body[:2000] else "1.2"


def _message(call: etree._Element) -> bytes:
    """The message: text (or CDATA) of the argument, or an element inside it; sites differ."""
    argument = next((child for child in call if child.tag in ("message", "data", "Message")), None)
    if argument is None:
        return b""
    if len(argument):
        return etree.tostring(argument[0], encoding="utf-8")
    return (argument.text or "").strip().encode()


def _token(root: etree._Element) -> tuple[str, str]:
    """Name and secret of a WS-Security UsernameToken."""
    token = next(root.iter("UsernameToken"), None)
    if token is None:
        return "", ""
    return (token.findtext("Username") or "").strip(), (token.findtext("Password") or "").strip()


def reply(version: str, message: str) -> bytes:
    """The envelope around an answer, which travels as text."""
    inside = f'<{OPERATION}Response xmlns="{NAMESPACE}"><{OPERATION}Result>{escape(message)}</{OPERATION}Result></{OPERATION}Response>'
    return _envelope(version, inside)


def fault(version: str, sentence: str, *, sender: bool = True) -> bytes:
    """The envelope around a fault; *sender* says whose it is."""
    said = escape(sentence)
    if version == "1.1":
        return _envelope(
            version,
            f"<e:Fault><faultcode>e:{'Client' if sender else 'Server'}</faultcode><faultstring>{said}</faultstring></e:Fault>",
        )
    code = "Sender" if sender else "Receiver"
    return _envelope(
        version,
        f'<e:Fault><e:Code><e:Value>e:{code}</e:Value></e:Code><e:Reason><e:Text xml:lang="zh">{said}</e:Text></e:Reason></e:Fault>',
    )


def _envelope(version: str, inside: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{ENVELOPES[version]}"><e:Body>{inside}</e:Body></e:Envelope>'
    ).encode()


def wsdl(address: str, words: str, root: str) -> bytes:
    """The description of the operation at *address*, with bindings for SOAP 1.2 and 1.1."""
    return WSDL.format(
        namespace=NAMESPACE, address=quoteattr(address), operation=OPERATION, words=escape(words), root=escape(root)
    ).encode()


def call(version: str, action: str, message: str, user: str = "", secret: str = "") -> bytes:
    """The envelope of a call, as a client writes it."""
    head = ""
    if user:
        wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
        token = f"<w:Username>{escape(user)}</w:Username><w:Password>{escape(secret)}</w:Password>"
        head = (
            f'<e:Header><w:Security xmlns:w="{wsse}"><w:UsernameToken>{token}</w:UsernameToken></w:Security></e:Header>'
        )
    body = f"<action>{escape(action)}</action><message>{escape(message)}</message>"
    inside = f'<e:Body><{OPERATION} xmlns="{NAMESPACE}">{body}</{OPERATION}></e:Body>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{ENVELOPES[version]}">{head}{inside}</e:Envelope>'
    ).encode()


WSDL = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="{namespace}" xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    name="HIPService" targetNamespace="{namespace}">
  <documentation>{words} ({root})</documentation>
  <types>
    <xs:schema targetNamespace="{namespace}" elementFormDefault="qualified">
      <xs:element name="{operation}"><xs:complexType><xs:sequence>
        <xs:element name="action" type="xs:string" minOccurs="0"/>
        <xs:element name="message" type="xs:string" minOccurs="0"/>
      </xs:sequence></xs:complexType></xs:element>
      <xs:element name="{operation}Response"><xs:complexType><xs:sequence>
        <xs:element name="{operation}Result" type="xs:string" minOccurs="0"/>
      </xs:sequence></xs:complexType></xs:element>
    </xs:schema>
  </types>
  <message name="{operation}SoapIn"><part name="parameters" element="tns:{operation}"/></message>
  <message name="{operation}SoapOut"><part name="parameters" element="tns:{operation}Response"/></message>
  <portType name="HIPServiceSoap">
    <operation name="{operation}"><input message="tns:{operation}SoapIn"/><output message="tns:{operation}SoapOut"/></operation>
  </portType>
  <binding name="HIPServiceSoap12" type="tns:HIPServiceSoap">
    <soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="{operation}">
      <soap12:operation soapAction="{namespace}/{operation}" style="document"/>
      <input><soap12:body use="literal"/></input><output><soap12:body use="literal"/></output>
    </operation>
  </binding>
  <binding name="HIPServiceSoap" type="tns:HIPServiceSoap">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="{operation}">
      <soap:operation soapAction="{namespace}/{operation}" style="document"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output>
    </operation>
  </binding>
  <service name="HIPService">
    <port name="HIPServiceSoap12" binding="tns:HIPServiceSoap12"><soap12:address location={address}/></port>
    <port name="HIPServiceSoap" binding="tns:HIPServiceSoap"><soap:address location={address}/></port>
  </service>
</definitions>
"""
