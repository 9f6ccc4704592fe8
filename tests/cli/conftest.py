"""Gateways in processes of their own, as the ``customauth gateway`` command starts them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from commands import RunningGateway, gateway
from recorder import Recorder, recording_gateway


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Run the gateway as it is out of the box, with its sample."""
    with gateway(tmp_path_factory.mktemp("sample")) as running:
        yield running


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """Run a gateway that writes down what reaches the authorizer function."""
    with recording_gateway(tmp_path_factory.mktemp("recorder")) as recorder:
        yield recorder


@pytest.fixture
def signed(sample: RunningGateway) -> list[str]:
    """Return the words that connect to the sample with a signed token."""
    key = sample.folder / "customauth-gateway" / "private.pem"
    words = ["connect", "--authorizer", "signed-sample", "--token-key-name", "token", "--token", "open-sesame"]
    return [*words, "--sign-with", str(key), *sample.where()]


@pytest.fixture(scope="session")
def login(sample: RunningGateway) -> list[str]:
    """Return the words behind a command that connect to the sample, whose clients may use the topics sample/…."""
    words = ["--authorizer", "unsigned-sample", "--username", "alice", "--password", "wonderland"]
    return [*words, *sample.where()]


@pytest.fixture
def topic() -> str:
    """Return a topic of the sample that no other test uses."""
    return f"sample/{uuid.uuid4()}"
