"""标准规范体系: the national standards as data, with a pure loader and checker."""
