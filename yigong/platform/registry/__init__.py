"""注册服务: institutions, staff, administrative divisions, terms."""
