"""A vendor's own endpoint of EHR-PL-01 as a process of its own, with the standard library alone: nothing of this house is in it.

``python vendor.py PORT NAME SECRET [careless]``: it answers AA and AE by SOAP 1.2, keeps what it was sent in memory, and gives its WSDL.
A careless one takes in persons without a number and callers with a wrong secret.
"""

import sys
import uuid
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

PORT, NAME, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CARELESS = "careless" in sys.argv[4:]
V3, SOAP = "urn:hl7-org:v3", "http://www.w3.org/2003/05/soap-envelope"
WSDL = f"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="{V3}" name="Vendor"><message name="In"/>
<portType name="P"><operation name="HIPMessageServer"><input message="In"/></operation></portType>
<service name="Vendor"><port name="P" binding="B"/></service></definitions>"""
REPLY = """<{root} xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><id root="2.16.156.10011.0" extension="{own}"/><creationTime value="20260301080000"/>
<interactionId root="2.16.840.1.113883.1.6" extension="{root}"/><processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>
<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.16.156.10011.0.1.2"/></device></receiver>
<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.16.156.10011.0.1.1"/></device></sender>
<acknowledgement typeCode="{word}"><targetMessage><id root="2.16.156.10011.0" extension="{asked}"/></targetMessage>
<acknowledgementDetail><text>{said}</text></acknowledgementDetail></acknowledgement></{root}>"""


FAULT = (
    "<S:Fault><S:Code><S:Value>S:Sender</S:Value></S:Code>"
    "<S:Reason><S:Text xml:lang='zh'>{said}</S:Text></S:Reason></S:Fault>"
)


def answer(text: str) -> str:
    """AA for a person with a number, AE for one without, AR for what is no registration."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return REPLY.format(root="MCCI_IN000002UV01", own=uuid.uuid4(), word="AR", asked="", said="不是 XML")
    asked = next((e.get("extension", "") for e in root if e.tag == f"{{{V3}}}id"), "")
    if root.tag != f"{{{V3}}}PRPA_IN201311UV02":
        return REPLY.format(root="MCCI_IN000002UV01", own=uuid.uuid4(), word="AR", asked=asked, said="不是个人注册消息")
    numbers = [e.get("extension") for e in root.iterfind(f".//{{{V3}}}patient/{{{V3}}}id")]
    if not any(numbers) and not CARELESS:
        return REPLY.format(
            root="PRPA_IN201313UV02", own=uuid.uuid4(), word="AE", asked=asked, said="缺少患者号 patient/id/@extension"
        )
    return REPLY.format(root="PRPA_IN201312UV02", own=uuid.uuid4(), word="AA", asked=asked, said="成功")


class Endpoint(BaseHTTPRequestHandler):
    """SOAP 1.2, one operation."""

    def do_GET(self) -> None:
        self._say(200, WSDL, "text/xml")

    def do_POST(self) -> None:
        status, inner = self._answered(self.rfile.read(int(self.headers["Content-Length"])))
        self._say(status, f'<S:Envelope xmlns:S="{SOAP}"><S:Body>{inner}</S:Body></S:Envelope>')

    def _answered(self, body: bytes) -> tuple[int, str]:
        try:
            envelope = ET.fromstring(body)
        except ET.ParseError:
            return 400, FAULT.format(said="不是 XML")
        said = {e.tag.rpartition("}")[2]: (e.text or "") for e in envelope.iter()}
        if not CARELESS and (said.get("Username"), said.get("Password")) != (NAME, SECRET):
            return 401, FAULT.format(said="未知的接入应用")
        message = next((e for e in envelope.iter() if e.tag.rpartition("}")[2] == "message"), None)
        text = "" if message is None else message.text or (ET.tostring(message[0], "unicode") if len(message) else "")
        result = f"<HIPMessageServerResult>{escape(answer(text))}</HIPMessageServerResult>"
        return 200, f'<HIPMessageServerResponse xmlns="{V3}">{result}</HIPMessageServerResponse>'

    def _say(self, status: int, text: str, media: str = "application/soap+xml") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{media}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


server = ThreadingHTTPServer(("127.0.0.1", PORT), Endpoint)
print(f"vendor {server.server_port}", flush=True)
server.serve_forever()
