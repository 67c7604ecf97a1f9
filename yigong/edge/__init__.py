"""边缘节点: the node at an institution or village clinic; no Django."""
