"""Programs of others that judge what the platform says."""
