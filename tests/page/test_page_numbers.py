"""What is drawn comes from the data: places, percentiles, ratios."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import sample_report
from customauth.compare.page.boxes import box
from customauth.compare.page.plots import axis, bar, strip
from customauth.compare.page.scales import WIDTH, Scale, scale_of
from customauth.compare.page.slices import slices_of
from customauth.compare.result import Cell, State

values = st.lists(st.floats(min_value=1e-6, max_value=1e9), min_size=1, max_size=50)


def _starts(drawing: str, kind: str) -> list[int]:
    """Return where each line of a path begins, from the left."""
    found = re.search(rf'<path class="{kind}" d="([^"]*)"', drawing)
    assert found, f"nothing of class {kind} in {drawing}"
    return [int(x) for x in re.findall(r"M(\d+)", found[1])]


@given(values, st.booleans())
def test_every_value_has_its_place_in_the_plot_in_the_order_of_the_values(
    taken: list[float], may_be_logarithmic: bool
) -> None:
    scale = scale_of(taken, may_be_logarithmic=may_be_logarithmic)
    assert scale.low <= min(taken)
    assert max(taken) <= scale.high * (1 + 1e-9)
    places = [scale.place(value) for value in sorted(taken)]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= WIDTH


@given(values, st.booleans())
def test_the_axis_goes_from_edge_to_edge_in_a_few_steps(taken: list[float], may_be_logarithmic: bool) -> None:
    scale = scale_of(taken, may_be_logarithmic=may_be_logarithmic)
    ticks = scale.ticks()
    assert list(ticks) == sorted(set(ticks))
    assert scale.place(ticks[0]) == 0
    assert scale.place(ticks[-1]) == WIDTH
    if not scale.logarithmic:
        assert 4 <= len(ticks) <= 10


def test_equal_steps_of_a_linear_scale_are_equal_steps_of_the_plot() -> None:
    scale = scale_of([3.0, 40.0])
    assert (scale.low, scale.high) == (0, 40)
    assert [scale.place(value) for value in (0, 10, 20, 40)] == [0, 250, 500, 1000]


def test_values_far_apart_get_a_logarithmic_scale_where_that_is_allowed() -> None:
    scale = scale_of([1.0, 1000.0], may_be_logarithmic=True)
    assert scale.logarithmic
    assert [scale.place(value) for value in (1, 10, 100, 1000)] == [0, 333, 667, 1000]
    assert scale.ticks() == (1, 10, 100, 1000)
    assert not scale_of([1.0, 1000.0]).logarithmic


@pytest.mark.parametrize("taken", [[], [0.0], [0.0, 0.0], [-3.0]])
def test_nothing_above_zero_is_drawn_at_the_left_edge(taken: list[float]) -> None:
    scale = scale_of(taken)
    assert [scale.place(value) for value in taken] == [0] * len(taken)


@given(values)
def test_a_strip_has_a_dot_for_every_value_where_the_scale_has_it(taken: list[float]) -> None:
    scale = scale_of(taken)
    assert _starts(strip(taken, box(taken), scale), "dots") == [scale.place(value) for value in taken]


def test_the_lines_of_a_strip_are_the_percentiles() -> None:
    taken = [float(value) for value in range(1, 101)]
    drawn = strip(taken, box(taken), Scale(low=0, high=100))
    assert _starts(drawn, "p50") == [505]
    assert _starts(drawn, "p95") == [960]
    assert _starts(drawn, "p99") == [1000]
    assert re.search(r'class="middle" d="M260 5H760', drawn)


def test_a_percentile_of_too_few_values_is_not_drawn() -> None:
    drawn = strip([1.0] * 19, box([1.0] * 19), Scale(low=0, high=2))
    assert "p95" not in drawn
    assert "p99" not in drawn
    assert "p99" not in strip([1.0] * 99, box([1.0] * 99), Scale(low=0, high=2))


def test_a_bar_ends_at_the_median() -> None:
    assert 'class="bar" d="M0 4H300V20H0z"' in bar([20.0, 30.0, 80.0], box([80.0, 20.0, 30.0]), Scale(low=0, high=100))


def test_the_axis_writes_each_tick_where_it_lies() -> None:
    drawn = axis(Scale(low=0, high=4000))
    labels = dict(re.findall(r'<text x="([^"]*)"[^>]*>([^<]*)<', drawn))
    assert labels == {"0%": "0", "25%": "1k", "50%": "2k", "75%": "3k", "100%": "4k"}


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=100, max_size=150))
def test_the_percentiles_are_those_of_the_cell(taken: list[float]) -> None:
    cell = Cell(environment="e", scenario="s", backend="b", version="5", measurements={"m": tuple(taken)})
    summed = box(taken)
    assert summed.median == cell.median("m")
    assert summed.p95 == cell.percentile("m", 0.95)
    assert summed.p99 == cell.percentile("m", 0.99)


def test_the_page_opens_on_the_slice_in_which_most_was_run() -> None:
    report = sample_report.sample_report()
    emptied = [
        evolve(cell, state=State.NOT_RUN, measurements={}, behaviour=None)
        if (cell.environment, cell.version) != ("py3.13-lowest", "3.1.1")
        else cell
        for cell in report.cells
    ]
    first = slices_of(evolve(report, cells=tuple(emptied))).first
    assert first is not None
    assert (first.environment, first.version, first.transport) == ("py3.13-lowest", "3.1.1", "mqtt")
