"""All set-ups for the doctor. Import as ``setups.table``."""

from __future__ import annotations

from setups import credentials, healthy, network, resources

BROKEN = (*network.CASES, *credentials.CASES, *resources.CASES)
HEALTHY = healthy.CASES

CANNOT_TELL = frozenset({"a letter less, with nobody to ask", "a wrong password, with nobody to ask"})
"""The names of those whose cause the doctor cannot know from what it has; it has to say so. Two at most."""
