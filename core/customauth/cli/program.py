"""How this command was called, for lines that are to be copied into another terminal."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def program() -> list[str]:
    """Tell how this command was called: by its name where that finds it, else by its path or its module."""
    called = Path(sys.argv[0]).absolute()
    if called.name == "__main__.py":
        return [sys.executable, "-m", "customauth"]
    found = shutil.which("customauth")
    if found is not None and called.exists() and Path(found).samefile(called):
        return ["customauth"]
    return [str(called)]
