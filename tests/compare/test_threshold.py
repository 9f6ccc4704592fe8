"""The little grammar of thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.compare.threshold import Against, Threshold, ThresholdError
from made_reports import speeds

_NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters=":/.<>", exclude_categories=("Z", "Cc", "Cs")),
    min_size=1,
    max_size=8,
)
_THRESHOLDS = st.builds(
    Threshold,
    measure=_NAMES,
    limit=st.floats(0, 1e300) | st.integers(0, 10**9).map(float),
    above=st.booleans(),
    statistic=st.sampled_from(["min", "max", "mean", "p0", "p9", "p50", "p99", "p100"]),
    scenario=st.none() | _NAMES,
    backend=st.none() | _NAMES,
) | st.builds(Threshold, measure=_NAMES, limit=st.just(1.2), against=st.sampled_from([Against.BASELINE, Against.RAW]))


@given(_THRESHOLDS)
def test_a_threshold_is_read_as_it_is_written(threshold: Threshold) -> None:
    assert Threshold.parse(str(threshold)) == threshold


@given(st.text(max_size=30) | st.text(alphabet="abp:/.<>0159x ", max_size=20))
def test_any_text_is_a_threshold_or_an_error_with_the_mend(text: str) -> None:
    try:
        threshold = Threshold.parse(text)
    except ThresholdError as error:
        assert "; " in str(error)  # noqa: PT017 - most texts are no thresholds
    else:
        assert Threshold.parse(str(threshold)) == threshold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect>50", Threshold(measure="connect", limit=50)),
        ("connect.p95 > 50 ms", Threshold(measure="connect", limit=50, statistic="p95", unit="ms")),
        ("connect.p50>1.2x", Threshold(measure="connect", limit=1.2, against=Against.BASELINE)),
        ("connect>1.1xraw", Threshold(measure="connect", limit=1.1, against=Against.RAW)),
        ("qos1.max<900/s", Threshold(measure="qos1", limit=900, above=False, statistic="max", unit="/s")),
        ("paho:publish/qos1<0.95xraw", Threshold(
            measure="qos1", scenario="publish", backend="paho", above=False, limit=0.95, against=Against.RAW)),
        ("behaviour", Threshold(measure="")),
    ],
)  # fmt: skip
def test_what_is_written_means(text: str, expected: Threshold) -> None:
    assert Threshold.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write .*such as connect.p50>1.2x"),
        ("connect", "write .*such as connect.p50>1.2x"),
        ("connect>", "write "),
        ("connect>-1", "write "),
        ("connect>=2", "write "),
        ("connect>0,1ms", "write "),
        ("connect>1.2.3", "write "),
        ("connect.p101>2", "no statistic 'p101'; take p0 to p100, min, max or mean"),
        ("connect.p050>2", "no statistic"),
        ("connect>" + "9" * 400, "too large; give a smaller one"),
    ],
)
def test_what_is_no_threshold_is_refused_with_the_mend(text: str, said: str) -> None:
    with pytest.raises(ThresholdError, match=said):
        Threshold.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conect>2", "nothing measures that here; there are connect/connect"),
        ("other/connect>2", "nothing measures that here; there are connect/connect"),
        ("connect>2s", "'connect' is in 'ms'; write that, or leave the unit out"),
        ("nobody:connect>2", "no backend 'nobody' takes part; there are a"),
        ("nobody:connect>2x", "no backend 'nobody' takes part; there are a"),
    ],
)
def test_what_would_never_be_judged_is_refused_with_what_there_is(text: str, said: str) -> None:
    report = speeds({"a": (1, 2)})
    with pytest.raises(ThresholdError, match=said):
        Threshold.parse(text).check(report.scenarios, ["a"])


def test_what_can_be_judged_is_accepted() -> None:
    report = speeds({"a": (1, 2)})
    for text in ("connect>2", "a:connect/connect.p95>2ms", "connect<3xraw", "behaviour"):
        Threshold.parse(text).check(report.scenarios, ["a"])


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("min", 1), ("p0", 1), ("p50", 3.5), ("p99", 10), ("p100", 10), ("max", 10), ("mean", 4.5)],
)
def test_a_statistic_is_of_all_values(statistic: str, expected: float) -> None:
    cell = speeds({"a": (10, 1, 4, 3)}).cells[0]
    assert Threshold(measure="connect", statistic=statistic).value(cell, "connect") == expected
    assert Threshold(measure="other", statistic=statistic).value(cell, "other") is None
