"""The fleet of fleet.toml on Locust: ``locust -f locustfile.py --headless``, or with ``--master`` and ``--worker``."""

from pathlib import Path

from customauth.swarm.locust import CustomAuthUser, FleetShape

SCENARIO = Path(__file__).with_name("fleet.toml")


class Device(CustomAuthUser):
    """A client that connects, stays, and publishes as the scenario says."""

    scenario = SCENARIO


class Fleet(FleetShape):
    """As many of them, as fast and for as long as the scenario says."""

    scenario = SCENARIO
