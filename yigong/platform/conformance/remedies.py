"""What to do about each thing that was not in order: one sentence for each rule of the judgement."""

from __future__ import annotations

#: rule -> Chinese and English
REMEDIES = {
    "reached": ("检查地址、端口、防火墙和证书，确认端点在运行后重测。", "Check address, port, firewall and certificate; run again once the endpoint is up."),
    "wsdl": ("在服务地址后加 ?wsdl 应返回含 HIPMessageServer 操作的 WSDL。", "The address with ?wsdl must give a WSDL that has the operation HIPMessageServer."),
    "bounded": ("XML 解析器须禁用 DTD 和实体，并限制消息大小。", "Turn DTD and entities off in the XML parser and bound the size of messages."),
    "reply": ("HIPMessageServerResult 中须放一条 XML 应答消息，不要返回空值或说明文字。", "HIPMessageServerResult must hold one reply message in XML, not words or nothing."),
    "refused": ("这类消息应返回 AE 或 AR：在办理前检查必填标识、消息类型、调用方和重复登记。", "Answer AE or AR: check essential numbers, kind of message, caller and repeated registration before acting."),
    "reason": ("在 acknowledgementDetail 中写明哪个字段、什么原因。", "Say in acknowledgementDetail which field it is and why."),
    "accepted": ("按应答说明修正处理逻辑；若说明指消息本身，请核对字段路径和代码。", "Mend what the answer names; where it names the message, compare paths and codes of the fields."),
    "answered": ("应答须有 acknowledgement/@typeCode（文档类服务为 Response/@status）。", "The reply needs acknowledgement/@typeCode, or Response/@status for document services."),
    "root": ("应答消息的根元素须是该服务规定的应答消息。", "The root of the reply must be the reply message declared for the service."),
    "target": ("在 targetMessage/id（文档类为 TargetId）中填写请求的消息号。", "Put the id of the request into targetMessage/id, or TargetId for document services."),
    "holds": ("查询结果中须含被查对象的标识；检查登记是否真正保存、查询条件是否按标识匹配。", "The result must hold the number asked for: check that registering stores and that the query compares numbers."),
    "schema": ("按提示的元素修正应答结构，元素次序和必有子元素以架构为准。", "Mend the structure at the element named; order and required children are those of the schema."),
    "alike": ("重发的消息（同一消息号、同样内容）须返回第一次的应答，不得重复办理。", "A message sent again must get its first answer and must not be carried out twice."),
}  # fmt: skip


def remedies(rules: list[str], *, english: bool) -> list[str]:
    """What to do about the rules that failed, each once."""
    return [REMEDIES[rule][english] for rule in dict.fromkeys(rules) if rule in REMEDIES]
