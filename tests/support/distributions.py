"""Throwaway distributions with entry points, as pip would install them. Import as ``distributions``.

::

    install(folder, "third-party", version="1.0", backends={"third": "third_backend"}, plugins={}, modules={...})

writes ``folder/third_party-1.0.dist-info`` and the modules beside it; ``folder`` then goes on the path of Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    backends: Mapping[str, str] | None = None,
    plugins: Mapping[str, str] | None = None,
    modules: Mapping[str, str] | None = None,
) -> None:
    """Write a distribution into a folder.

    :param backends: entry points of the group ``customauth.backends``, name to module.
    :param plugins: entry points of the group ``customauth.plugins``.
    :param modules: source text by module name.
    """
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in (("backends", backends), ("plugins", plugins)):
        lines += [f"[customauth.{group}]", *(f"{point} = {module}" for point, module in (points or {}).items())]
    (about / "entry_points.txt").write_text("\n".join(lines))
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)
