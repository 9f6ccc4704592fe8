"""What the turns of a scenario add up to."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from customauth import CustomAuth, SignedToken
from customauth.compare import Behaviour, Cell, State, Subject, Turn
from customauth.compare.tally import Tally
from made_scenarios import Made

SUBJECT = Subject(backend="one")
SIGNATURE = base64.b64encode(bytes(range(256))).decode()


def tally() -> Tally:
    made = Tally("here", Made.name, Made.measures)
    made.expect(SUBJECT)
    return made


def only(found: Tally) -> Cell:
    (cell,) = found.cells()
    return cell


def behaved(message: str, *, as_expected: bool = True, milliseconds: float = 1.0) -> Turn:
    behaviour = Behaviour(expected="a refusal", as_expected=as_expected, message=message, milliseconds=(milliseconds,))
    return Turn(behaviour=behaviour)


def test_the_values_of_all_turns_are_kept_in_their_order() -> None:
    found = tally()
    found.add(SUBJECT, Turn(measurements={"made": (3.0, 1.0)}))
    found.add(SUBJECT, Turn(measurements={"made": (2.123456789,)}))
    assert only(found).measurements == {"made": (3.0, 1.0, 2.1235)}


def test_a_turn_that_gives_no_turn_is_said_in_words_that_help_its_author() -> None:
    with pytest.raises(TypeError, match="scenario made gave NoneType; its turn must return a Turn"):
        tally().add(SUBJECT, None)  # type: ignore[arg-type]


def test_of_several_behaviours_the_first_that_was_not_expected_is_shown_with_the_times_of_all() -> None:
    found = tally()
    for turn in (
        behaved("right", milliseconds=1.0),
        behaved("wrong", as_expected=False, milliseconds=2.0),
        behaved("worse", as_expected=False, milliseconds=3.0),
    ):
        found.add(SUBJECT, turn)
    shown = only(found).behaviour
    assert shown is not None
    assert (shown.message, shown.as_expected, shown.milliseconds) == ("wrong", False, (1.0, 2.0, 3.0))


def test_trace_ids_are_left_out_so_that_runs_compare() -> None:
    found = tally()
    found.add(SUBJECT, behaved("refused: not authorized:0f0e0d0c-0b0a-0908-0706-050403020100"))
    shown = only(found).behaviour
    assert shown is not None
    assert shown.message == "refused: not authorized"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        tally().add(SUBJECT, Turn(measurements={"made": (value,)}))


@pytest.mark.parametrize("secret", ["open sesame", SIGNATURE, quote(SIGNATURE, safe=""), "the password"])
def test_a_strangers_error_that_quotes_a_secret_is_masked(secret: str) -> None:
    token = SignedToken(key_name="token", value="open sesame", signature=SIGNATURE)
    found = tally()
    found.broke_down(
        SUBJECT, RuntimeError(f"it said {secret}\nand more"), CustomAuth(token=token, password=b"the password")
    )
    assert (only(found).state, only(found).why) == (State.ERROR, "RuntimeError: it said *** and more")
