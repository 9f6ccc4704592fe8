"""What is known of a backend without importing its MQTT library."""

from __future__ import annotations

from attrs import frozen

from customauth.feature import Feature


@frozen(kw_only=True)
class BackendInfo:
    """What is known of a backend without importing its MQTT library.

    :ivar distribution: the distribution that brings the plug-in, and its version.
    :ivar library_version: None when the library is not installed.
    :ivar problem: why the backend cannot be used, with the next step; None when it can.
    """

    name: str
    distribution: str
    version: str
    library: str = ""
    library_version: str | None = None
    features: frozenset[Feature] = frozenset()
    problem: str | None = None
