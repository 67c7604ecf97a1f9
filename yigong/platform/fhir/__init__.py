"""FHIR R4 (资源服务): resources kept whole, searched and answered over HTTP; what arrives becomes standard records."""
