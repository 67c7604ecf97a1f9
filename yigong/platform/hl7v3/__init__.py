"""HL7 v3 Web Services of the platform: the regional set, the hospital set, and the services of health records."""
