"""信息共享中心: person search, person view, documents."""
