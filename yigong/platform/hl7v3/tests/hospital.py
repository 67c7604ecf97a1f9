"""A hospital that calls the services with a real SOAP client (zeep), and messages it writes."""

from __future__ import annotations

from typing import Any

import polars as pl
import requests
from django.test import Client
from lxml import etree
from zeep import Client as Soap
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from yigong.kit import ctx as actors
from yigong.platform.hl7v3.applications import save_application
from yigong.platform.hl7v3.models import Application
from yigong.platform.registry import api as registry

HOSPITAL, CENTRE = "100000001X", "1000000028"
V3 = "urn:hl7-org:v3"


def institutions() -> None:
    """A county hospital and a township centre."""
    rows = [
        {"code": HOSPITAL, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"},
        {"code": CENTRE, "name": "柳溪镇卫生院", "short_name": "柳溪", "kind": "township_centre"},
    ]
    registry.save_institutions(actors.system(), pl.DataFrame(rows))


def application(code: str = "his-qh", org_code: str = HOSPITAL, **more: Any) -> tuple[Application, str]:
    """An application of the hospital with its secret."""
    facts = {"name": "青禾县人民医院 HIS", "source_system": "HIS-QH", **more}
    return save_application(actors.system(), code, org_code=org_code, **facts)


class Inside(requests.adapters.BaseAdapter):
    """Carries zeep's requests into the application without a socket, so that a test's transaction sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client()

    def send(self, request: requests.PreparedRequest, **_more: Any) -> requests.Response:
        """One request, answered."""
        path = request.path_url
        if request.method == "GET":
            found = self.client.get(path)
        else:
            headers = {"SOAPAction": request.headers.get("SOAPAction", "")}
            body = request.body.encode() if isinstance(request.body, str) else request.body
            found = self.client.post(path, body, content_type=request.headers["Content-Type"], headers=headers)
        answer = requests.Response()
        answer.status_code, answer._content = found.status_code, found.content
        answer.headers.update(dict(found.headers.items()))
        answer.url, answer.encoding = str(request.url), "utf-8"
        return answer

    def close(self) -> None:
        """Nothing is open."""


class Caller:
    """A vendor's client for all services, made by zeep from the WSDL it is given."""

    def __init__(
        self, code: str, secret: str, *, address: str = "http://testserver", port: str = "HIPServiceSoap12"
    ) -> None:
        self.address, self.port = address, port
        self.token = UsernameToken(code, secret)
        self.session = requests.Session()
        if address == "http://testserver":
            self.session.mount("http://testserver", Inside())
        self.clients: dict[str, Any] = {}

    def __call__(self, service: str, message: str | bytes, action: str | None = None) -> etree._Element:
        """The reply of a service; *action* is asked for when given, else the service's own name."""
        text = message.decode() if isinstance(message, bytes) else message
        if service not in self.clients:
            wsdl = f"{self.address}/ws/{service}?wsdl"
            client = Soap(wsdl, port_name=self.port, wsse=self.token, transport=Transport(session=self.session))
            self.clients[service] = client
        answer = self.clients[service].service.HIPMessageServer(
            action=service if action is None else action, message=text
        )
        return etree.fromstring(answer.encode())


def type_code(reply: etree._Element) -> str:
    """AA, AE or AR of any reply."""
    if (found := reply.find(f"{{{V3}}}acknowledgement")) is not None:
        return str(found.get("typeCode"))
    if (one := reply.find(f"{{{V3}}}Response")) is not None:
        return str(one.get("status"))
    return str(reply.get("status"))


def detail(reply: etree._Element) -> str:
    """The sentence of any reply: the first, in Chinese."""
    found = [*reply.iter(f"{{{V3}}}acknowledgementDetail"), *reply.iter(f"{{{V3}}}Detail")]
    said = [e for e in found if e.get("typeCode") is None]
    return "".join(t for e in said for t in (*e.itertext(), *(c.get("value", "") for c in e))).strip()


def details(reply: etree._Element) -> list[tuple[str, str, str]]:
    """(E or W, language, sentence) of the details after the first."""
    found = [e for e in reply.iter(f"{{{V3}}}acknowledgementDetail") if e.get("typeCode")]
    texts = [(e.get("typeCode", ""), e[0]) for e in found]
    return [(kind, t.get("language", ""), t.get("value") or t.text or "") for kind, t in texts]


def person(local_id: str = "P1", *, name: str = "王秀兰", id_no: str = "", message_id: str = "M1", **more: str) -> str:
    """A registration (or, by *root*, an update) of a person in the regional writing."""
    root, sex, born = more.get("root", "PRPA_IN201311UV02"), more.get("sex", "2"), more.get("born", "19560312")
    number = f'<id root="{more.get("id_root", "2.16.156.10011.1.3")}" extension="{id_no}"/>' if id_no else ""
    org = more.get("org", HOSPITAL)
    return f"""<{root} xmlns="{V3}" ITSVersion="XML_1.0">
<id root="2.16.156.10011.0" extension="{message_id}"/><creationTime value="20260301080000"/>
<interactionId root="2.16.840.1.113883.1.6" extension="{root}"/>
<processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="AL"/>
<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.16.156.10011.0.1.2" extension="HIS"/></device></sender>
<controlActProcess classCode="CACT" moodCode="EVN"><subject typeCode="SUBJ"><registrationRequest classCode="REG" moodCode="RQO">
<subject1 typeCode="SBJ"><patient classCode="PAT"><id root="2.16.156.10011.0.2.2" extension="{local_id}"/>
<effectiveTime value="20260301080000"/><patientPerson>{number}<name use="L">{name}</name>
<telecom value="{more.get("phone", "")}" use="H"/>
<administrativeGenderCode code="{sex}" codeSystem="2.16.156.10011.2.3.3.4"/><birthTime value="{born}"/>
<addr use="PUB"><streetAddressLine partType="SAL">{more.get("address", "青禾县柳溪镇柳溪村 3 组")}</streetAddressLine></addr>
</patientPerson><providerOrganization classCode="ORG" determinerCode="INSTANCE"><id root="2.16.156.10011.1.5" extension="{org}"/>
</providerOrganization></patient></subject1></registrationRequest></subject></controlActProcess></{root}>"""
