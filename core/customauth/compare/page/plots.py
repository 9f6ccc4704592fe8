"""The drawings: SVG that the browser stretches to the room at hand, each place made from the values alone.

A drawing has no text; what it shows stands as numbers beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from customauth.compare.figures import value_text
from customauth.compare.page.boxes import Box
from customauth.compare.page.markup import Html, element
from customauth.compare.page.scales import WIDTH, Scale

_HEIGHT = 24
_MIDDLE = _HEIGHT // 2


def strip(values: Sequence[float], summed: Box, scale: Scale) -> Html:
    """Draw every value as a dot, over the middle half as a box and p50, p95 and p99 as lines."""
    left, right = scale.place(summed.lower_quartile), scale.place(summed.upper_quartile)
    marks = [_grid(scale), _path("middle", _rectangle(left, right, 5, 19)), _dots(values, scale)]
    marks.append(_path("p50", _line(scale.place(summed.median), 1, 23)))
    if summed.p95 is not None:
        marks.append(_path("p95", _line(scale.place(summed.p95), 4, 20)))
    if summed.p99 is not None:
        marks.append(_path("p99", _line(scale.place(summed.p99), 4, 20)))
    return _plot(marks)


def bar(values: Sequence[float], summed: Box, scale: Scale) -> Html:
    """Draw the median as a bar from zero, and every value as a dot."""
    filled = _path("bar", _rectangle(scale.place(0), scale.place(summed.median), 4, 20))
    return _plot([_grid(scale), filled, _dots(values, scale)])


def axis(scale: Scale) -> Html:
    """Draw the numbers below the drawings of one chart."""
    ticks = scale.ticks()
    labels = []
    for tick in ticks:
        anchor = "start" if tick == ticks[0] else "end" if tick == ticks[-1] else "middle"
        # Every other one is left out where there is little room.
        labels.append(
            element(
                "text",
                _short(tick),
                x=f"{100 * scale.place(tick) / WIDTH:g}%",
                y=11,
                text_anchor=anchor,
                class_="odd" if ticks.index(tick) % 2 and tick != ticks[-1] else None,
            )
        )
    return element("svg", *labels, class_="axis", aria_hidden="true", focusable="false")


def _short(tick: float) -> str:
    if tick >= 1000:
        # Written out, neighbours would run into each other.
        return f"{tick / 1e6:g}M" if tick >= 1e6 else f"{tick / 1000:g}k"
    return f"{tick:.0f}" if tick >= 100 else f"{tick:g}" if tick >= 0.001 or not tick else value_text(tick, "")


def _plot(marks: Iterable[Html]) -> Html:
    return element(
        "svg",
        *marks,
        class_="plot",
        viewBox=f"0 0 {WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def _grid(scale: Scale) -> Html:
    return _path("grid", "".join(_line(scale.place(tick), 0, _HEIGHT) for tick in scale.ticks()))


def _dots(values: Iterable[float], scale: Scale) -> Html:
    # Lines of no length with round ends stay round however the drawing is stretched. They are spread over the height
    # by their order, the same at each drawing, so that equal values do not hide each other.
    return _path(
        "dots", "".join(f"M{scale.place(value)} {_MIDDLE - 5 + turn * 7 % 11}h0" for turn, value in enumerate(values))
    )


def _line(x: int, top: int, bottom: int) -> str:
    return f"M{x} {top}V{bottom}"


def _rectangle(left: int, right: int, top: int, bottom: int) -> str:
    return f"M{left} {top}H{right}V{bottom}H{left}z"


def _path(kind: str, drawing: str) -> Html:
    return element("path", class_=kind, d=drawing)
