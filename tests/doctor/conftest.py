"""What the tests of the doctor share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stubbed_aws import StubbedAccount


@pytest.fixture
def account() -> Iterator[StubbedAccount]:
    """Give an AWS account whose answers the test prepares."""
    # boto3 comes with it, which the other tests here do without.
    from stubbed_aws import StubbedAccount

    with contextlib.closing(StubbedAccount()) as account:
        yield account
