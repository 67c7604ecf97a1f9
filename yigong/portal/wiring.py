"""What is in the house: the one explicit list of modules, addresses, commands and event handlers.

A module joins by lines here and nowhere else. Dotted paths are imported on first use.
"""

#: Django apps, lowest floor first
APPS = [
    "yigong.web",
    "yigong.outbox",
    "yigong.security",
    "yigong.platform.bus",
    "yigong.platform.registry",
    "yigong.platform.empi",
    "yigong.platform.records",
    "yigong.platform.exchange",
    "yigong.platform.exchange.edge",
    "yigong.platform.warehouse",
    "yigong.platform.fhir",
    "yigong.platform.hl7v3",
    "yigong.platform.dicom",
    "yigong.platform.conformance",
    "yigong.platform.documents",
    "yigong.sharing",
    "yigong.collaboration.referral",
    "yigong.supervision",
    "yigong.quality",
    "yigong.portal",
]

#: (prefix, urls module); each urls module sets app_name
URLS = [
    ("account/", "yigong.security.urls"),
    ("platform/standards/", "yigong.platform.registry.urls"),
    ("platform/institutions/", "yigong.platform.registry.institution_urls"),
    ("platform/staff/", "yigong.platform.registry.staff_pages"),
    ("platform/terms/", "yigong.platform.registry.term_pages"),
    ("platform/bus/", "yigong.platform.bus.urls"),
    ("bus/v1/", "yigong.platform.bus.intake_urls"),
    ("platform/services/", "yigong.platform.hl7v3.urls"),
    ("ws/", "yigong.platform.hl7v3.endpoint_urls"),
    ("platform/dicom/", "yigong.platform.dicom.urls"),
    ("platform/conformance/", "yigong.platform.conformance.urls"),
    ("platform/empi/", "yigong.platform.empi.urls"),
    ("platform/exchange/edge/", "yigong.platform.exchange.edge.urls"),
    ("platform/exchange/", "yigong.platform.exchange.urls"),
    ("edge/", "yigong.platform.exchange.edge.node_urls"),
    ("fhir/r4/", "yigong.platform.fhir.urls"),
    ("platform/fhir/", "yigong.platform.fhir.page_urls"),
    ("persons/", "yigong.sharing.urls"),
    ("collaboration/referral/", "yigong.collaboration.referral.urls"),
    ("supervision/", "yigong.supervision.urls"),
    ("quality/", "yigong.quality.urls"),
    ("_ui/", "yigong.web.urls"),
]

#: `yigong NAME …` -> function taking the remaining arguments (list[str]) and returning an exit code
COMMANDS = {
    "demo": "yigong.demo.command:main",
    "ingest": "yigong.platform.exchange.command:ingest",
    "listen": "yigong.platform.bus.listener:listen",
    "kafka": "yigong.platform.bus.kafka:main",
    "bus": "yigong.platform.bus.turning:main",
    "exchange": "yigong.platform.exchange.run_command:main",
    "edge": "yigong.edge.command:main",
    "document": "yigong.standards.cda.command:main",
    "empi": "yigong.platform.empi.command:main",
    "lookup": "yigong.platform.empi.direct.command:main",
    "warehouse": "yigong.platform.warehouse.command:main",
    "fhir": "yigong.platform.fhir.command:main",
    "standards": "yigong.platform.registry.command:main",
    "quality": "yigong.quality.command:main",
    "conformance": "yigong.platform.conformance.command:main",
    "dicom": "yigong.platform.dicom.command:main",
    "hl7v3": "yigong.platform.hl7v3.command:main",
}

#: commands that need neither Django nor a database
PLAIN_COMMANDS = {"empi", "document", "edge"}

#: event name -> handlers, called by the outbox after commit, each idempotent by event id
HANDLERS: dict[str, list[str]] = {
    "records.loaded": ["yigong.platform.fhir.publishing:on_loaded", "yigong.quality.due:loaded"],
    "quality.issues_found": ["yigong.quality.telling:found"],
    "quality.issue_moved": ["yigong.quality.telling:moved"],
    "records.matters_changed": ["yigong.platform.fhir.publishing:on_matters"],
    "staff.changed": ["yigong.platform.fhir.publishing:on_staff"],
    "institution.changed": ["yigong.platform.fhir.publishing:on_institution"],
    "department.changed": ["yigong.platform.fhir.publishing:on_department"],
    "referral.sent": ["yigong.collaboration.referral.lending:on_moved"],
    "referral.moved": ["yigong.collaboration.referral.lending:on_moved"],
    "referral.accepted": ["yigong.collaboration.referral.lending:on_moved"],
    "referral.closed": ["yigong.collaboration.referral.lending:on_moved"],
}

#: what `yigong work` does in turn: functions without arguments that answer how much they did
WORK = [
    "yigong.platform.bus.api:process",
    "yigong.platform.bus.api:work",
    "yigong.platform.bus.api:clean",
    "yigong.platform.bus.api:tell_troubles",
    "yigong.platform.exchange.edge.api:work",
    "yigong.platform.exchange.api:tell_alarms",
    "yigong.platform.fhir.api:work",
    "yigong.platform.dicom.api:work",
    "yigong.quality.api:work",
    "yigong.quality.api:tell",
    "yigong.platform.empi.api:clean_some",
    "yigong.platform.hl7v3.api:work",
    "yigong.outbox.api:dispatch",
    "yigong.outbox.api:forward",
]

#: format of a journalled message -> its handler, called (ctx, messages) in the transaction that marks them
BUS_HANDLERS = {
    "hl7v2": "yigong.platform.exchange.inbound:hl7v2",
    "hl7v3": "yigong.platform.hl7v3.inbound:handle",
}

#: name -> function that gives all resources which a module lends to FHIR (fhir.api.Lent)
FHIR_PUBLISHERS = {"referral": "yigong.collaboration.referral.lending:everything"}

#: dotted paths of lists of transformations (`bus.api.Step`) that languages lend to the routes of the bus
BUS_STEPS: list[str] = ["yigong.platform.exchange.bus_steps:STEPS"]

#: module -> function that gives the services it declares, for the register of the bus
BUS_SERVICES = {"hl7v3": "yigong.platform.hl7v3.offers:offers", "fhir": "yigong.platform.fhir.offers:offers"}

#: dotted paths of {table name: select} that modules lend to the warehouse
EXTRACTS: list[str] = ["yigong.collaboration.referral.extracts:EXTRACTS"]

#: dotted paths of the tables of actions: {"referral.accept": _("接收转诊")}; a role is a set of these names
ACTIONS = [
    "yigong.security.actions:ACTIONS",
    "yigong.platform.bus.actions:ACTIONS",
    "yigong.platform.registry.actions:ACTIONS",
    "yigong.platform.empi.actions:ACTIONS",
    "yigong.platform.exchange.actions:ACTIONS",
    "yigong.platform.exchange.edge.actions:ACTIONS",
    "yigong.platform.fhir.actions:ACTIONS",
    "yigong.platform.hl7v3.actions:ACTIONS",
    "yigong.platform.dicom.actions:ACTIONS",
    "yigong.platform.conformance.actions:ACTIONS",
    "yigong.platform.documents.actions:ACTIONS",
    "yigong.sharing.actions:ACTIONS",
    "yigong.collaboration.referral.actions:ACTIONS",
    "yigong.supervision.actions:ACTIONS",
    "yigong.quality.actions:ACTIONS",
]

#: dotted paths of the tables of refusals: {"no_actor": _("没有说明是谁…")}; facts of the refusal stand in as %(name)s
SENTENCES = [
    "yigong.security.sentences:SENTENCES",
    "yigong.platform.bus.sentences:SENTENCES",
    "yigong.platform.registry.sentences:SENTENCES",
    "yigong.platform.exchange.sentences:SENTENCES",
    "yigong.platform.exchange.edge.sentences:SENTENCES",
    "yigong.platform.hl7v3.sentences:SENTENCES",
    "yigong.platform.dicom.sentences:SENTENCES",
    "yigong.platform.conformance.sentences:SENTENCES",
    "yigong.platform.documents.sentences:SENTENCES",
    "yigong.platform.exchange.readers.sentences:SENTENCES",
    "yigong.platform.fhir.sentences:SENTENCES",
    "yigong.sharing.sentences:SENTENCES",
    "yigong.collaboration.referral.words:SENTENCES",
    "yigong.platform.empi.sentences:SENTENCES",
    "yigong.quality.words:SENTENCES",
]
