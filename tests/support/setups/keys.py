"""The key pairs of the set-ups. Import as ``setups.keys``."""

from __future__ import annotations

from customauth.signing import generate_key_pair

PUMPS = generate_key_pair()
"""The one whose public half the authorizer ``pumps`` has."""
STRANGER = generate_key_pair()
"""One that no authorizer knows."""
