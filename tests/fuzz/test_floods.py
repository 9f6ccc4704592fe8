"""What a stranger sends too much of costs no more than it should."""

from __future__ import annotations

from urllib.parse import quote

from customauth import _parameters as grammar
from customauth.gateway.origin import HttpRequest
from customauth.gateway.redaction import MASK, redacted, secrets_of
from customauth.mqtt import Connect, MqttVersion


class Counted(str):
    """A text that counts how often any of its kind is compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_names_are_told_apart_in_linear_time() -> None:
    pairs: grammar.Parameters = [(Counted(f"X-AMZ-{number}"), "1") for number in range(500)]
    pairs += [(Counted("SDK"), "1")] * 500
    pairs += [(Counted("Metadata"), "1")] * 500
    Counted.comparisons = 0
    grammar.showable_names(pairs)
    assert Counted.comparisons < 20 * len(pairs)


def with_values(count: int) -> Connect:
    username = "?" + "&".join(f"a={number:06}" for number in range(count))
    return Connect(version=MqttVersion.V5, client_id="device", username=username)


def test_a_few_values_are_masked_one_by_one() -> None:
    assert redacted("the token 000007 is wrong", secrets_of(with_values(20), None)) == f"the token {MASK} is wrong"


def test_of_thousands_of_values_none_is_looked_for_and_none_is_shown() -> None:
    secrets = secrets_of(with_values(8000), None)
    assert len(secrets) == 1
    assert redacted("the token 007999 is wrong", secrets) == MASK


def test_headers_with_thousands_of_values_are_masked_wholly() -> None:
    words = " ".join(quote(f"word {number}") for number in range(1000))
    http = HttpRequest(method="GET", path="/mqtt", query="", headers={"cookie": words})
    assert redacted("the function said word%20999", secrets_of(None, http)) == MASK
