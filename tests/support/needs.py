"""Marks for tests that need a library of which the test matrix installs one at a time. Import as ``needs``.

::

    needs("paho-mqtt") -> a mark that skips, with the pip command, only where that distribution is not installed
    needs_feature(feature) -> a mark that skips where the default backend cannot do it, or none is installed
    needs_backend      -> a mark that skips where no MQTT library at all is installed
    needs_all_or_none  -> a mark that skips where some of the MQTT libraries are installed: for what takes long, and is
                          the same with each of them
"""

from __future__ import annotations

from importlib import metadata

import pytest

from customauth import Feature, PluginManager

_MISSING = [info.problem is not None for info in PluginManager().describe()]
_DEFAULT = next((info for info in PluginManager().describe() if info.problem is None), None)


def needs(distribution: str) -> pytest.MarkDecorator:
    """Return the mark for a distribution, named as pip names it."""
    try:
        metadata.version(distribution)
        missing = False
    except metadata.PackageNotFoundError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"{distribution} is not installed; run: pip install {distribution}")


def needs_feature(feature: Feature) -> pytest.MarkDecorator:
    """Return the mark for a feature of the default backend."""
    able = _DEFAULT is not None and feature in _DEFAULT.features
    return pytest.mark.skipif(not able, reason=f"the default backend does not declare {feature.value}")


needs_backend = pytest.mark.skipif(
    all(_MISSING), reason='no MQTT library is installed; run: pip install "customauth[paho]"'
)

needs_all_or_none = pytest.mark.skipif(
    any(_MISSING) and not all(_MISSING),
    reason='it is the same with every MQTT library, and runs where all are there: pip install "customauth[all]"',
)
