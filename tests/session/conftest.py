"""Fixtures of the session's tests: gateways with authorizers of a test's own."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

import gateways


@pytest.fixture(scope="session")
def keys() -> gateways.Keys:
    """Give the key pairs of the session; making them is slow."""
    return gateways.Keys()


@pytest.fixture(scope="session")
def ca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the CA that all gateways share; making one is slow."""
    return tmp_path_factory.mktemp("ca")


@pytest.fixture
def start_gateway(tmp_path: Path, ca_folder: Path, keys: gateways.Keys) -> gateways.StartGateway:
    """Give the function that runs a gateway with its files in ``tmp_path``."""
    return functools.partial(gateways.start, tmp_path, ca_folder, keys)
