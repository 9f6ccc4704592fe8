"""The verdict: every sentence is what the numbers say, and nothing else is said."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from attrs import evolve
from hypothesis import given

from customauth.compare.figures import speed_rows
from customauth.compare.result import Measure, Report, State
from customauth.compare.verdict import BackendVerdict, verdict
from made_reports import SCENARIO, behaviour, endings, joined, reports, speeds, with_cells
from sample_report import BACKENDS, hostile_report, sample_report

FAST, MIDDLE, SLOW = (10, 10.1, 9.9, 10, 10.2), (12, 12.1, 11.9, 12, 12.2), (30, 30.1, 29.9, 30, 30.2)
NOISY = (6, 30, 12, 9, 25)
NOTHING = "Nothing that could be judged sets it apart."
FEW = "Fewer than 4 values, or all from one round, so nothing is said of:"
FOUR = (("5", "mqtt"), ("5", "wss"), ("3.1.1", "mqtt"), ("3.1.1", "wss"))


def _of(report: Report, name: str) -> BackendVerdict:
    return next(each for each in verdict(report).backends if each.backend == name)


def test_the_fastest_and_the_slowest_are_told_with_ratio_and_neighbour() -> None:
    report = speeds({"a": FAST, "b": MIDDLE, "c": SLOW})
    assert _of(report, "a").best_for == ("Best for Connect (10.0 ms, 1.20x ahead of b).",)
    assert _of(report, "a").apart == ()
    assert _of(report, "b").sentences == (NOTHING,)
    assert _of(report, "c").apart == ("Last at Connect (3.00x behind a).",)


def test_far_behind_is_told_with_both_values() -> None:
    report = speeds({"a": FAST, "b": [300 * value for value in FAST]})
    assert _of(report, "b").apart == ("Last at Connect (300x behind a, 3,000 ms beside 10.0 ms).",)
    report = joined(report, speeds({"a": FAST, "b": SLOW}, version="3.1.1"))
    said = "Last at Connect (3.00x to 300x behind a, at the farthest 3,000 ms beside 10.0 ms)."
    assert _of(report, "b").apart == (said,)


def test_what_was_not_run_for_one_reason_is_counted() -> None:
    report = speeds({"a": FAST, "b": FAST})
    scenarios = [evolve(report.scenarios[0], name=name) for name in ("one", "two")]
    cells = [
        evolve(report.cells[1], scenario=each.name, state=State.NOT_RUN, why="backend b cannot do x", measurements={})
        for each in scenarios
    ]
    report = with_cells(evolve(report, scenarios=(*report.scenarios, *scenarios)), *cells)
    assert _of(report, "b").cannot == ("Not run: 2 scenarios: cannot do x.",)


def test_measures_of_one_scenario_are_counted_and_not_named() -> None:
    scenario = evolve(SCENARIO, measures=tuple(Measure(name=name, title=name, unit="ms") for name in "xyz"))
    report = speeds({"a": FAST, "b": FAST})
    cells = tuple(evolve(cell, measurements={"x": FAST, "y": FAST}) for cell in report.cells)
    level = "Nowhere ahead of all others; not told apart from the best at Connect (2 of 3 measures)."
    assert _of(evolve(report, scenarios=(scenario,), cells=cells), "a").best_for == (level,)


def test_more_of_a_rate_is_better() -> None:
    rate = Measure(name="rate", title="rate", unit="/s", lower_is_better=False)
    report = speeds({"a": FAST, "b": MIDDLE, "c": SLOW}, measure=rate)
    assert _of(report, "c").best_for == ("Best for Connect (30.0 /s, 2.50x ahead of b).",)
    assert _of(report, "a").apart == ("Last at Connect (3.00x behind c).",)


def test_two_that_differ_within_the_noise_are_level() -> None:
    report = speeds({"a": FAST, "b": NOISY, "c": SLOW})
    for name in ("a", "b"):
        assert _of(report, name).best_for == ("Nowhere ahead of all others; not told apart from the best at Connect.",)
    assert _of(speeds({"a": FAST, "b": NOISY}), "b").apart == ()


def test_of_few_values_nothing_is_said() -> None:
    found = verdict(evolve(speeds({"a": (1, 1, 1), "b": (9, 9, 9)}), rounds=3))
    assert [each.sentences for each in found.backends] == [(NOTHING,)] * 2
    assert found.general[0] == f"{FEW} Connect; more rounds give more."


def test_more_values_are_promised_only_where_they_can_be_had() -> None:
    few = speeds({"a": (1, 1, 1), "b": (9, 9, 9)})
    assert verdict(evolve(few, rounds=5)).general[0] == f"{FEW} Connect."
    quick = f"{FEW} Connect; a comparison that is not quick has more."
    assert verdict(evolve(few, quick=True)).general[0] == quick


def test_whoever_is_last_in_some_settings_is_not_as_good_as_the_best_in_the_others() -> None:
    report = joined(speeds({"a": FAST, "b": SLOW}), speeds({"a": FAST, "b": FAST}, version="3.1.1"))
    found = _of(report, "b")
    assert found.best_for == ()
    assert found.apart == ("Last at Connect (3.00x behind a, MQTT 5).",)


def test_a_backend_alone_is_ahead_of_nobody() -> None:
    assert _of(speeds({"a": FAST}), "a").sentences == (NOTHING,)


def test_what_the_layer_costs_is_told_beside_the_library_alone() -> None:
    report = speeds({"a": MIDDLE, "b": FAST}, raw={"a": FAST, "b": FAST})
    assert "Cost of customauth's layer, beside the library alone: Connect (1.20x)." in _of(report, "a").apart
    assert _of(report, "b").apart == ()
    assert _of(speeds({"a": FAST}, raw={"a": MIDDLE}), "a").apart == ()


def test_a_claim_that_holds_on_one_version_only_says_so() -> None:
    report = joined(speeds({"a": FAST, "b": SLOW}), speeds({"a": FAST, "b": FAST}, version="3.1.1"))
    assert _of(report, "a").best_for == ("Best for Connect (10.0 ms, 3.00x ahead of b, MQTT 5).",)


def test_a_claim_that_holds_in_one_environment_only_says_so() -> None:
    there = speeds({"a": FAST, "b": FAST}, environment="py3.12")
    report = speeds({"a": FAST, "b": SLOW}).merged_with([there])
    assert _of(report, "a").best_for == ("Best for Connect (10.0 ms, 3.00x ahead of b, in py3.11).",)


def _in_four_settings(**values: dict[tuple[str, str], Sequence[float]]) -> Report:
    """Return a report of both versions over both transports; what a backend has no values for it was not run with."""
    return joined(
        *(
            speeds(
                {name: taken[setting] for name, taken in values.items() if setting in taken},
                version=setting[0],
                transport=setting[1],
            )
            for setting in FOUR
        )
    )


def test_what_rests_on_one_setting_of_several_that_were_measured_says_so() -> None:
    everywhere = dict.fromkeys(FOUR, FAST)
    report = _in_four_settings(a=everywhere, b=everywhere, c={("5", "mqtt"): SLOW})
    assert _of(report, "c").apart == ("Last at Connect (3.00x behind a, MQTT 5 over mqtt).",)


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        (FOUR[:3], "3.00x behind a, not MQTT 3.1.1 over wss"),
        ((FOUR[0], FOUR[3]), "3.00x behind a, MQTT 3.1.1 over wss and MQTT 5 over mqtt"),
        (FOUR[:2], "3.00x behind a, MQTT 5"),
        (FOUR, "3.00x behind a"),
    ],
)
def test_where_something_holds_is_named_and_not_counted(slow: Sequence[tuple[str, str]], said: str) -> None:
    report = _in_four_settings(a=dict.fromkeys(FOUR, FAST), b={each: SLOW if each in slow else FAST for each in FOUR})
    assert _of(report, "b").apart == (f"Last at Connect ({said}).",)


def test_ahead_in_so_few_settings_that_it_may_be_chance_is_not_nowhere() -> None:
    found = _of(_in_eight_settings(("here", "5", "wss")), "a")
    assert found.best_for == ("Not told apart from the best at Connect.",)


def test_nobody_is_first_or_last_beside_one_with_too_few_values() -> None:
    found = verdict(speeds({"a": FAST, "b": SLOW, "c": (1, 1, 1)}))
    assert [each.sentences for each in found.backends] == [(NOTHING,)] * 3
    assert found.general[0] == f"{FEW} Connect."


@pytest.mark.parametrize(
    ("values", "rank"),
    [
        ((20, 20, 20, 20, 20, 20), True),
        ((5, 20, 20, 20, 20, 20), False),
        ((10, 20, 20, 20, 20, 20), False),
    ],
    ids=["behind in all rounds", "ahead in one", "level in one"],
)
def test_what_changes_from_round_to_round_is_no_rank(values: tuple[float, ...], rank: bool) -> None:
    many = [value + place / 1000 for value in values for place in range(20)]
    steady = [10 + place / 1000 for _ in values for place in range(20)]
    report = speeds({"a": steady, "b": many}, raw={"b": steady}, turns=len(values))
    found = _of(report, "b")
    assert bool(found.apart) is rank
    assert (found.best_for == ()) is rank
    (row,) = speed_rows(report)
    assert row.best() == ("a" if rank else None)


def test_in_many_rounds_one_that_goes_otherwise_may_be_chance() -> None:
    many = [5.0, *[20.0] * 14]
    found = _of(speeds({"a": [10.0] * 15, "b": many}, turns=15), "b")
    assert found.apart == ("Last at Connect (2.00x behind a).",)


def test_of_one_round_nothing_is_said() -> None:
    found = verdict(speeds({"a": FAST, "b": SLOW}, raw={"b": FAST}, turns=1))
    assert [each.sentences for each in found.backends] == [(NOTHING,)] * 2
    assert found.general[0] == f"{FEW} Connect."


def test_what_nothing_is_said_of_in_one_setting_says_in_which() -> None:
    report = joined(speeds({"a": FAST, "b": FAST}), speeds({"a": (1, 2), "b": (3, 4)}, version="3.1.1"))
    assert verdict(report).general[0] == f"{FEW} Connect (MQTT 3.1.1)."


def test_measures_that_are_counted_and_hold_in_different_settings_say_so() -> None:
    scenario = evolve(SCENARIO, measures=tuple(Measure(name=name, title=name, unit="ms") for name in "xyz"))
    both = {("5", "x"): FAST, ("5", "y"): SLOW, ("3.1.1", "x"): SLOW, ("3.1.1", "y"): FAST}
    # The third is slower than both, so that nobody else is last.
    names = ("a", "b", "c")
    report = joined(*(speeds(dict.fromkeys(names, FAST), version=version) for version in ("5", "3.1.1")))
    slower = tuple(10 * value for value in SLOW)
    taken = {(name, at): {"a": FAST, "b": both[at], "c": slower}[name] for name in names for at in both}
    cells = tuple(
        evolve(cell, measurements={name: taken[cell.backend, (cell.version, name)] for name in "xy"})
        for cell in report.cells
    )
    found = _of(evolve(report, scenarios=(scenario,), cells=cells), "b")
    assert found.best_for[0].endswith("the best at Connect (2 of 3 measures, not in all settings).")


def test_being_the_only_one_right_on_one_version_says_so() -> None:
    right, wrong = behaviour("ConnackRefused"), behaviour("ConnectTimeout", as_expected=False)
    report = joined(endings({"a": right, "b": wrong}), endings({"a": right, "b": right}, version="3.1.1"))
    assert _of(report, "a").best_for == ("The only one that ends as it should: refused (MQTT 5).",)


def test_scenarios_that_are_counted_and_were_not_run_in_different_settings_say_so() -> None:
    report = joined(*(speeds({"a": FAST, "b": FAST}, version=version) for version in ("5", "3.1.1")))
    one, two = (evolve(report.scenarios[0], name=name) for name in ("one", "two"))
    away = {("one", "5"), ("two", "5"), ("two", "3.1.1")}
    cells = [
        evolve(cell, scenario=each.name, state=State.NOT_RUN, why="it has no wheels", measurements={})
        if (each.name, cell.version) in away
        else evolve(cell, scenario=each.name)
        for each in (one, two)
        for cell in report.cells
        if cell.backend == "b"
    ]
    found = _of(with_cells(evolve(report, scenarios=(*report.scenarios, one, two)), *cells), "b")
    assert found.cannot == ("Not run: 2 scenarios (not in all settings): it has no wheels.",)


def test_what_others_can_and_one_cannot_is_told() -> None:
    report = speeds({"a": FAST, "b": FAST}, features={"a": ("mqtt5", "websocket"), "b": ("mqtt5",)})
    assert _of(report, "a").cannot == ()
    assert _of(report, "b").cannot == ("Cannot do what others here can: websocket.",)


def test_what_was_not_run_is_told_with_the_reason() -> None:
    report = speeds({"a": FAST, "b": FAST})
    cell = evolve(report.cells[1], version="3.1.1", state=State.NOT_RUN, why="b does not do mqtt311", measurements={})
    found = _of(with_cells(report, cell), "b")
    assert found.cannot == ("Not run: connect (MQTT 3.1.1): does not do mqtt311.",)


def test_what_is_missing_says_so() -> None:
    report = speeds({"a": FAST, "b": FAST}, features={"c": ()})
    broken = evolve(report.cells[1], transport="wss", state=State.ERROR, why="RuntimeError: fell over", measurements={})
    other = evolve(report.cells[0], transport="wss")
    report = with_cells(report, broken, other)
    assert _of(report, "b").missing == ("Broke down at connect (over wss): RuntimeError: fell over.",)
    assert _of(report, "c").missing == ("Nothing was run with it.",)
    without = evolve(report, cells=tuple(cell for cell in report.cells if cell is not broken))
    assert _of(without, "b").missing == ("No values of Connect (over wss).",)


def test_a_library_that_was_not_measured_alone_says_why() -> None:
    report = speeds({"a": FAST, "b": FAST}, raw={"a": FAST})
    cell = evolve(report.cells[2], backend="b", state=State.NOT_RUN, why="b brings no driver.", measurements={})
    found = _of(with_cells(report, cell), "b")
    assert found.missing == ("The library alone was not measured: connect: brings no driver.",)


def test_a_reason_that_holds_for_both_is_told_once() -> None:
    report = speeds({"a": FAST, "b": FAST}, raw={"a": FAST})
    cell = evolve(report.cells[1], version="3.1.1", state=State.NOT_RUN, why="it has no wheels", measurements={})
    found = _of(with_cells(report, cell, evolve(cell, raw=True)), "b")
    assert found.sentences[-1] == "Not run: connect (MQTT 3.1.1): it has no wheels."


def test_a_behaviour_that_is_not_as_expected_sets_apart_and_so_does_being_the_only_one_right() -> None:
    wrong = behaviour("ConnectTimeout", as_expected=False)
    report = endings({"a": behaviour("ConnackRefused"), "b": wrong, "c": evolve(wrong, error=None)})
    assert _of(report, "a").best_for == ("The only one that ends as it should: refused.",)
    assert _of(report, "b").apart == ("Not as expected: refused: ConnectTimeout.",)
    assert _of(report, "c").apart == ("Not as expected: refused: no error.",)
    assert verdict(report).general == ("0 of 1 behaviours end as they should with every backend that ran them.",)


def test_a_behaviour_that_nobody_ran_is_not_said_to_end_as_it_should() -> None:
    report = endings({"a": behaviour("ConnackRefused"), "b": behaviour("ConnackRefused")})
    assert "1 of 1 behaviours" in verdict(report).general[0]
    cells = tuple(evolve(cell, state=State.NOT_RUN, why="it has no wheels", behaviour=None) for cell in report.cells)
    assert verdict(evolve(report, cells=cells)).general == ()
    one = evolve(report, cells=(cells[0], *report.cells[1:]))
    assert "1 of 1 behaviours" in verdict(one).general[0]


def test_behaviours_that_all_end_as_they_should_set_nobody_apart() -> None:
    found = verdict(endings({"a": behaviour("ConnackRefused"), "b": behaviour("ConnackRefused")}))
    assert [each.sentences for each in found.backends] == [(NOTHING,)] * 2
    assert found.general == ("1 of 1 behaviours end as they should with every backend that ran them.",)


def _in_eight_settings(*slow: tuple[str, str, str]) -> Report:
    """Return a report of two environments, versions and transports, ``b`` slow in those that are given."""
    environments = [
        joined(
            *(
                speeds(
                    {"a": FAST, "b": SLOW if (environment, version, transport) in slow else FAST},
                    environment=environment,
                    version=version,
                    transport=transport,
                )
                for version in ("5", "3.1.1")
                for transport in ("mqtt", "wss")
            )
        )
        for environment in ("here", "there")
    ]
    return environments[0].merged_with(environments[1:])


def test_chance_in_one_of_many_settings_is_not_told() -> None:
    assert _of(_in_eight_settings(("here", "5", "wss")), "b").apart == ()


def test_what_holds_in_every_environment_is_told_though_on_one_version_and_transport_only() -> None:
    found = _of(_in_eight_settings(("here", "5", "wss"), ("there", "5", "wss")), "b")
    assert found.apart == ("Last at Connect (3.00x behind a, MQTT 5 over wss).",)


def test_the_names_are_those_of_the_report() -> None:
    renamed = {name: f"lib-{number}" for number, name in enumerate(BACKENDS)}
    report = sample_report()
    other = evolve(
        report,
        environments=tuple(
            evolve(each, backends={renamed[name]: info for name, info in each.backends.items()})
            for each in report.environments
        ),
        cells=tuple(
            evolve(cell, backend=renamed[cell.backend], why=cell.why and re.sub(r"^\w+", "it", cell.why))
            for cell in report.cells
        ),
    )
    for before, after in zip(verdict(report).backends, verdict(other).backends, strict=True):
        assert after.backend == renamed[before.backend]
        assert len(after.sentences) == len(before.sentences)
        assert not any(re.search(rf"\b{name}\b", " ".join(after.sentences)) for name in BACKENDS)


def test_it_reads_in_one_screen() -> None:
    found = verdict(sample_report())
    sentences = [sentence for each in found.backends for sentence in each.sentences]
    assert len(sentences) + len(found.general) <= 30
    assert max(map(len, sentences)) < 400


@given(reports())
def test_any_report_has_a_verdict_on_each_of_its_backends(report: Report) -> None:
    found = verdict(report)
    assert {cell.backend for cell in report.cells} <= {each.backend for each in found.backends}
    assert all(each.sentences for each in found.backends)


def test_a_hostile_report_has_a_verdict() -> None:
    assert len(verdict(hostile_report()).backends) == 2
