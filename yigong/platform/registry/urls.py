"""Addresses of this module."""

from django.urls import URLPattern, path

from yigong.platform.registry import standards_pages as standards

app_name = "registry"
urlpatterns: list[URLPattern] = [
    path("", standards.standards, name="standards"),
    path("report/", standards.report, name="standards_report"),
    path("elements/<str:id>/", standards.element, name="standards_element"),
    path("value-sets/<path:id>/", standards.value_set, name="standards_value_set"),
    path("data-sets/<slug:identifier>/", standards.data_set, name="standards_data_set"),
    path("documents/<str:code>/", standards.document, name="standards_document"),
    path("services/<str:name>/", standards.service, name="standards_service"),
    path("oids/<str:oid>/", standards.oid, name="standards_oid"),
    path("forms/<path:name>/", standards.form, name="standards_form"),
    path(
        "download/data-sets/<slug:identifier>/<slug:form>/", standards.download_data_set, name="standards_data_set_file"
    ),
    path("download/documents/<str:code>/<slug:form>/", standards.download_document, name="standards_document_file"),
    path("download/value-sets/<slug:form>/<path:id>/", standards.download_value_set, name="standards_value_set_file"),
]
