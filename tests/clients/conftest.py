"""Fixtures of the tests with other people's clients: one gateway for all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

import gateways
from commands import serving
from customauth import MqttVersion
from logins import Door, Login, door_of, logins, new_client_id


@pytest.fixture(scope="session")
def keys() -> gateways.Keys:
    """Give the key pairs of the session; making them is slow."""
    return gateways.Keys()


@pytest.fixture(scope="session")
def open_door(tmp_path_factory: pytest.TempPathFactory, keys: gateways.Keys) -> Iterator[Door]:
    """Keep the gateway in a thread, while the clients run in this one or in processes of their own."""
    with serving(door_of(tmp_path_factory.mktemp("door"), tmp_path_factory.mktemp("ca"), keys)) as door:
        yield door


@pytest.fixture
def door(open_door: Door, caplog: pytest.LogCaptureFixture) -> Iterator[Door]:
    """Give the gateway without what it remembers of earlier tests; no client may bring it to an error of its own."""
    open_door.forget()
    yield open_door
    # The gateway has a thread of its own; in this one a client may complain of what it likes.
    errors = [record for record in caplog.get_records("call") if record.thread != threading.get_ident()]
    assert [record.getMessage() for record in errors if record.levelno >= logging.ERROR] == []


@pytest.fixture
def client_id() -> str:
    """Give a client id of the test's own."""
    return new_client_id()


@pytest.fixture
def login(request: pytest.FixtureRequest, keys: gateways.Keys) -> Login:
    """Give the login that the test is parametrized with by name."""
    return logins(keys)[request.param]


@pytest.fixture(params=list(MqttVersion), ids=lambda version: version.label)
def version(request: pytest.FixtureRequest) -> MqttVersion:
    """Give each version of MQTT."""
    found: MqttVersion = request.param
    return found
