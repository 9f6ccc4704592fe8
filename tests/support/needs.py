"""Marks for tests that need a library of which the test matrix installs one at a time. Import as ``needs``.

::

    needs("paho-mqtt") -> a mark that skips, with the pip command, only where that distribution is not installed
    needs_backend      -> a mark that skips where no MQTT library at all is installed
    needs_all_or_none  -> a mark that skips where some of the MQTT libraries are installed: for what takes long, and is
                          the same with each of them
"""

from __future__ import annotations

from importlib import metadata

import pytest

from customauth import PluginManager

_MISSING = [info.problem is not None for info in PluginManager().describe()]


def needs(distribution: str) -> pytest.MarkDecorator:
    """Return the mark for a distribution, named as pip names it."""
    try:
        metadata.version(distribution)
        missing = False
    except metadata.PackageNotFoundError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"{distribution} is not installed; run: pip install {distribution}")


needs_backend = pytest.mark.skipif(
    all(_MISSING), reason='no MQTT library is installed; run: pip install "customauth[paho]"'
)

needs_all_or_none = pytest.mark.skipif(
    any(_MISSING) and not all(_MISSING),
    reason='it is the same with every MQTT library, and runs where all are there: pip install "customauth[all]"',
)
