"""HL7 v3 Web Services (交互服务): persons, institutions, terms, documents and business messages over SOAP."""
