"""Pure helpers without a domain word: states, errors, ids, clock, text."""
