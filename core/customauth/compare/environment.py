"""Where a comparison runs: the machine, the interpreter, the libraries with their versions and features."""

from __future__ import annotations

import os
import platform
import re
import ssl
from pathlib import Path

from customauth import PluginManager
from customauth.compare.result import BackendInfo, Environment


def this_environment(plugins: PluginManager, backends: tuple[str, ...], name: str | None = None) -> Environment:
    """Describe this machine and interpreter.

    :param backends: those that take part.
    :param name: the environment's id; such as ``py3.11`` unless given.
    """
    described = {info.name: info for info in plugins.describe()}
    return Environment(
        id=name or "py" + ".".join(platform.python_version_tuple()[:2]),
        python=f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        processors=_processors(),
        backends={
            backend: BackendInfo(
                library=info.library,
                library_version=info.library_version or "",
                distribution=info.distribution,
                distribution_version=info.version,
                features=tuple(sorted(feature.value for feature in info.features)),
            )
            for backend in backends
            if (info := described.get(backend)) is not None
        },
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor()


def _processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
