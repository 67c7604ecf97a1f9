"""HL7 v2: own parser, writer, and what messages say in the words of the standard."""
