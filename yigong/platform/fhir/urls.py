"""Addresses under /fhir/r4/."""

from django.urls import URLPattern, path, re_path

from yigong.platform.fhir import bulk_views, everything, oauth, operations, terminology, views

app_name = "fhir"
TYPE = r"(?P<kind>[A-Z][A-Za-z]+)"
ID = r"(?P<fhir_id>[^/$_][^/$]*)"
urlpatterns: list[URLPattern] = [
    # asked most, and no other address looks like them
    re_path(rf"^{TYPE}/{ID}$", views.instance, name="instance"),
    re_path(rf"^{TYPE}$", views.type_level, name="type"),
    path("", views.system_level, name="system"),
    path("openapi.json", views.openapi_document, name="openapi"),
    path("metadata", views.metadata, name="metadata"),
    path(".well-known/smart-configuration", oauth.smart_configuration, name="smart-configuration"),
    path("auth/token", oauth.token, name="token"),
    re_path(rf"^{TYPE}/\$validate$", operations.validate, name="validate"),
    re_path(rf"^{TYPE}/{ID}/\$validate$", operations.validate, name="validate-stored"),
    re_path(rf"^Patient/{ID}/\$everything$", everything.everything, name="everything"),
    path("Patient/$match", operations.match, name="match"),
    path("Patient/$ihe-pix", operations.ihe_pix, name="pix"),
    path("ValueSet/$expand", terminology.expand, name="expand"),
    re_path(rf"^ValueSet/{ID}/\$expand$", terminology.expand, name="expand-stored"),
    re_path(r"^(?P<kind>ValueSet|CodeSystem)/\$validate-code$", terminology.validate_code, name="validate-code"),
    re_path(
        rf"^(?P<kind>ValueSet|CodeSystem)/{ID}/\$validate-code$", terminology.validate_code, name="validate-code-stored"
    ),
    path("CodeSystem/$lookup", terminology.lookup, name="lookup"),
    path("CodeSystem/$subsumes", terminology.subsumes, name="subsumes"),
    re_path(rf"^CodeSystem/{ID}/\$subsumes$", terminology.subsumes, name="subsumes-stored"),
    path("$export", bulk_views.start, name="export"),
    path("Patient/$export", bulk_views.start, {"level": "patient"}, name="patient-export"),
    re_path(rf"^Group/{ID}/\$export$", bulk_views.start, {"level": "group"}, name="group-export"),
    path("export/<str:key>", bulk_views.state, name="export-state"),
    path("export/<str:key>/<str:kind>.ndjson", bulk_views.file, name="export-file"),
    path("_search", views.system_search, name="system-search"),
    path("_history", views.system_history, name="system-history"),
    re_path(rf"^{TYPE}/$", views.type_level),
    re_path(rf"^{TYPE}/_search$", views.type_search, name="search"),
    re_path(rf"^{TYPE}/_history$", views.type_history, name="type-history"),
    re_path(rf"^{TYPE}/{ID}/_history$", views.instance_history, name="instance-history"),
    re_path(rf"^{TYPE}/{ID}/_history/(?P<number>[^/]+)$", views.instance_version, name="version"),
    re_path(
        r"^Patient/(?P<fhir_id>[^/$_][^/$]*)/(?P<kind>[A-Z][A-Za-z]+)(?:/_search)?$",
        views.compartment_search,
        name="compartment",
    ),
    re_path(r"^(?P<place>.*)$", views.elsewhere),
]
