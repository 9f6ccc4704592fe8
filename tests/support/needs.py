"""Marks for tests that need a library of which the test matrix installs one at a time. Import as ``needs``.

::

    needs("paho-mqtt") -> a mark that skips, with the pip command, only where that distribution is not installed
    needs_backend      -> a mark that skips where no MQTT library at all is installed
"""

from __future__ import annotations

from importlib import metadata

import pytest

from customauth import PluginManager


def needs(distribution: str) -> pytest.MarkDecorator:
    """Return the mark for a distribution, named as pip names it."""
    try:
        metadata.version(distribution)
        missing = False
    except metadata.PackageNotFoundError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"{distribution} is not installed; run: pip install {distribution}")


needs_backend = pytest.mark.skipif(
    all(info.problem for info in PluginManager().describe()),
    reason='no MQTT library is installed; run: pip install "customauth[paho]"',
)
