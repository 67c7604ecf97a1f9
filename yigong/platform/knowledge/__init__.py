"""知识库: clinical knowledge."""
