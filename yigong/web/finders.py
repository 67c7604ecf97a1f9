"""Browser assets from installed packages, by a white list: nothing else of node_modules is ever served."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

#: folder under static/ -> (package folder, patterns)
WHITE_LIST: dict[str, tuple[str, tuple[str, ...]]] = {
    "vendor/tabler": ("@tabler/core/dist", ("css/tabler.min.css", "js/tabler.min.js")),
    "vendor/icons": ("@tabler/icons-webfont/dist", ("tabler-icons.min.css", "fonts/tabler-icons.woff2")),
    "vendor/echarts": ("echarts/dist", ("echarts.min.js",)),
    "vendor/noto-sans-sc": ("@fontsource-variable/noto-sans-sc", ("index.css", "wght.css", "files/*.woff2")),
}


class PackageFinder(BaseFinder):
    """Finds the white-listed files of the npm packages."""

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        """The file behind *path* under static/, or nothing."""
        found = self._file(path)
        if find_all:
            return [str(found)] if found else []
        return str(found) if found else None

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """All white-listed files with the storage they come from."""
        for prefix, (package, patterns) in WHITE_LIST.items():
            root = settings.NODE_MODULES / package
            storage = FileSystemStorage(location=root)
            storage.prefix = prefix  # type: ignore[attr-defined]
            for pattern in patterns:
                for file in sorted(root.glob(pattern)):
                    yield str(file.relative_to(root)), storage

    def check(self, **_: Any) -> Any:
        return []

    def _file(self, path: str) -> Path | None:
        for prefix, (package, patterns) in WHITE_LIST.items():
            rest = path.removeprefix(prefix + "/")
            if rest != path and ".." not in rest and any(fnmatch(rest, p) for p in patterns):
                file = settings.NODE_MODULES / package / rest
                return file if file.is_file() else None
        return None
