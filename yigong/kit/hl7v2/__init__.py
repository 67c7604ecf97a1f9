"""HL7 v2, pure: messages read lazily, written, and the signs their bytes mean."""
