"""What changed since an earlier report, and the thresholds that it breaks."""

from __future__ import annotations

import pytest
from attrs import evolve

from customauth.compare.baseline import Judgement, changes, judge
from customauth.compare.result import Measure, Report
from customauth.compare.threshold import Threshold, ThresholdError
from made_reports import behaviour, endings, joined, speeds
from sample_report import sample_report

STEADY = (10, 10.1, 9.9, 10, 10.2)
SLOWER = (15, 15.1, 14.9, 15, 15.2)
NOISY = (8, 19, 15, 9, 15)
RATE = Measure(name="rate", title="rate", unit="/s", lower_is_better=False)


def _judge(text: str, report: Report, baseline: Report | None = None) -> Judgement:
    (judgement,) = judge(report, baseline, [Threshold.parse(text)])
    return judgement


def test_a_report_has_not_changed_since_itself() -> None:
    found = changes(sample_report(), sample_report())
    assert (found.notes, found.behaviours, found.speeds) == ((), (), ())


def test_a_median_that_changed_is_told_with_its_ratio() -> None:
    found = changes(speeds({"a": SLOWER, "b": STEADY}), speeds({"a": STEADY, "b": STEADY}))
    assert found.speeds == ("connect, a, MQTT 5, py3.11, connect: 1.50x worse, 10.0 ms before, 15.0 ms now",)


def test_more_of_a_rate_is_better() -> None:
    found = changes(speeds({"a": SLOWER}, measure=RATE), speeds({"a": STEADY}, measure=RATE))
    assert "1.50x better" in found.speeds[0]


def test_a_change_within_the_noise_is_not_told() -> None:
    assert changes(speeds({"a": NOISY}), speeds({"a": STEADY})).speeds == ()


def test_a_behaviour_that_changed_is_told_before_and_after() -> None:
    before = endings({"a": behaviour("ConnackRefused"), "b": behaviour("ConnackRefused"), "c": None})
    now = endings({"a": behaviour("ConnectTimeout", as_expected=False), "b": behaviour("ConnackRefused"), "c": None})
    found = changes(now, before)
    assert found.behaviours == (
        "refused, a, MQTT 5, py3.11: ConnackRefused before, ConnectTimeout (not as expected) now",
    )


def test_another_text_of_the_same_error_is_no_change() -> None:
    before = endings({"a": behaviour("ConnackRefused")})
    now = endings({"a": evolve(behaviour("ConnackRefused"), message="in other words", milliseconds=(5.0,))})
    assert changes(now, before).behaviours == ()


def test_other_libraries_and_machines_are_noted() -> None:
    report = speeds({"a": STEADY})
    (environment,) = report.environments
    older = evolve(
        environment,
        platform="Linux aarch64",
        python="3.11.1",
        backends={"a": evolve(environment.backends["a"], library_version="0.9")},
    )
    notes = changes(report, evolve(report, environments=(older,))).notes
    assert notes == (
        "py3.11: another machine, so times do not compare: Linux aarch64, Any before",
        "py3.11: Python 3.11.1 before, 3.11.9 now",
        "py3.11: liba 0.9 before, 1.0 now",
    )


def test_reports_of_one_environment_each_are_compared_whatever_these_are_called() -> None:
    found = changes(speeds({"a": SLOWER}, environment="here"), speeds({"a": STEADY}, environment="there"))
    assert len(found.speeds) == 1


def test_cells_of_one_report_only_are_counted() -> None:
    notes = changes(speeds({"a": STEADY, "b": STEADY}), speeds({"a": STEADY, "c": STEADY, "d": STEADY})).notes
    assert notes == ("1 cells are not in the baseline", "2 cells of the baseline are not in this report")


def test_an_environment_that_the_baseline_lacks_is_noted() -> None:
    report = speeds({"a": STEADY}).merged_with([speeds({"a": STEADY}, environment="py3.12")])
    assert changes(report, speeds({"a": STEADY})).notes[0].startswith("the baseline has nothing of environment py3.12")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("connect>1.2x", True),
        ("connect>1.6x", False),
        ("connect<0.9x", False),
        ("connect>14", True),
        ("connect>14ms", True),
        ("connect.max>15.1", True),
        ("connect>16", False),
        ("connect<16", True),
        ("a:connect>1.2x", True),
        ("connect/connect>1.2x", True),
    ],
)
def test_a_threshold_is_broken_by_what_is_beyond_it(text: str, broken: bool) -> None:
    assert _judge(text, speeds({"a": SLOWER}), speeds({"a": STEADY})).broken is broken


def test_a_broken_threshold_names_the_cell_and_both_values() -> None:
    found = _judge("connect>1.2x", speeds({"a": SLOWER, "b": STEADY}), speeds({"a": STEADY, "b": STEADY}))
    assert found.lines == ("connect, a, MQTT 5, py3.11, connect: 15.0 ms, 1.50x of the baseline's 10.0 ms",)


def test_a_ratio_within_the_noise_breaks_nothing() -> None:
    assert not _judge("connect>1.2x", speeds({"a": NOISY}), speeds({"a": STEADY})).broken


def test_of_few_values_the_ratio_alone_decides() -> None:
    assert _judge("connect>1.2x", speeds({"a": (15, 9)}), speeds({"a": (10, 8)})).broken


def test_a_ratio_to_raw_needs_no_baseline() -> None:
    report = speeds({"a": SLOWER}, raw={"a": STEADY})
    assert _judge("connect>1.2xraw", report).lines[0].endswith("1.50x of raw's 10.0 ms")
    assert not _judge("connect>1.6xraw", report).broken


def test_a_behaviour_that_got_worse_breaks_the_threshold_and_one_that_got_better_does_not() -> None:
    good, bad = endings({"a": behaviour("E")}), endings({"a": behaviour("F", as_expected=False)})
    assert _judge("behaviour", bad, good).broken
    assert _judge("behaviour", endings({"a": None}), good).broken
    assert not _judge("behaviour", good, bad).broken
    assert not _judge("behaviour", bad, bad).broken


@pytest.mark.parametrize("text", ["connect>1.2x", "behaviour"])
def test_a_threshold_on_a_change_needs_a_baseline(text: str) -> None:
    with pytest.raises(ThresholdError, match="add --baseline FILE"):
        _judge(text, joined(speeds({"a": STEADY}), endings({"a": None})))


@pytest.mark.parametrize("text", ["connect>9x", "connect>9xraw", "b:connect>9"])
def test_a_threshold_that_nothing_can_judge_counts_as_broken(text: str) -> None:
    found = _judge(text, speeds({"a": STEADY}), speeds({"c": STEADY}))
    assert found.broken
    assert found.lines[0].startswith("nothing to judge it by")


def test_a_misspelled_measure_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(ThresholdError, match="there are connect/connect"):
        _judge("conect>2", speeds({"a": STEADY}))
