"""安全规范体系: identity, access, audit, privacy."""
