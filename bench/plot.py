"""Plots as SVG, with the standard library alone: lines and points over two axes, linear or logarithmic, with a legend.

Dark on light, in colours that people with any kind of colour blindness tell apart (Okabe and Ito), each with a mark of its own. 640 units
wide, so that it is read on a page without zooming.
"""

import dataclasses
import html
import math

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 44, 52
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKS = ("circle", "square", "diamond", "up", "down", "cross", "plus")
LEGEND_ROW = 18
CHARACTER = 7.0  # the width of one in 12 units, nearly always less


class PlotError(Exception):
    """One line: which plot, and what is wrong with its data."""


@dataclasses.dataclass
class Series:
    name: str
    points: list  # of (x, y)
    line: bool = True  # joined by a line; points alone otherwise
    dashed: bool = False  # a line without marks: a fit, a limit
    of_previous: bool = False  # in the colour of the series before it


@dataclasses.dataclass
class Plot:
    title: str
    x: str  # label and unit of each axis
    y: str
    series: list
    log_x: bool = False
    log_y: bool = False
    from_zero: bool = True  # of a linear y axis


def check(plot):
    if not plot.series:
        raise PlotError(f"plot '{plot.title}': there is no series")
    for series in plot.series:
        where = f"plot '{plot.title}', series '{series.name}'"
        if not series.points:
            raise PlotError(f"{where}: there are no points")
        for point in series.points:
            if len(point) != 2 or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in point):
                raise PlotError(f"{where}: {point} is not a point of two finite numbers")
            for value, log, axis in ((point[0], plot.log_x, "x"), (point[1], plot.log_y, "y")):
                if log and value <= 0:
                    raise PlotError(f"{where}: {axis} is {value}, and a logarithmic axis begins above 0")


def number(value):
    """Short, for people: 1.5k, 20M, 0.25."""
    if value == 0:
        return "0"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9999:
            return f"{value / size:.4g}{letter}"
    return f"{value:.3g}"


def linear_ticks(low, high, most=7, whole=False):
    """Round numbers that cover the range; whole ones, if it is about things that are counted."""
    if high <= low:
        high = low + (abs(low) or 1)
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.9999)
    step = max(1, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low, high):
    """Tens; where they are few, also two and five of them."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    if last - first > 3:
        return [10.0 ** power for power in range(first, last + 1)]
    ticks = [factor * 10.0 ** power for power in range(first, last + 1) for factor in (1, 2, 5)]
    lowest = max((tick for tick in ticks if tick <= low * 1.0001), default=ticks[0])
    highest = min((tick for tick in ticks if tick >= high * 0.9999), default=ticks[-1])
    if lowest == highest:
        highest = ticks[ticks.index(lowest) + 1]
    return [tick for tick in ticks if lowest <= tick <= highest]


class Axis:
    """From values to places between `begin` and `end`."""

    def __init__(self, values, log, begin, end, from_zero=False):
        self.log, self.begin, self.end = log, begin, end
        low, high = min(values), max(values)
        if log:
            self.ticks = log_ticks(low, high)
        else:
            begins, ends = min(low, 0) if from_zero else low, high if high > low or not from_zero else max(high, 0) or 1
            self.ticks = linear_ticks(begins, ends, whole=all(float(value).is_integer() for value in values))
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def place(self, value):
        if self.log:
            part = math.log10(value / self.low) / math.log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)


def fit(points):
    """(slope, intercept, r squared) of the straight line with the least squares."""
    if len({x for x, _ in points}) < 2:
        raise PlotError(f"a line is fitted to two or more different x, and these are {len({x for x, _ in points})}")
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    over = sum((x - mean_x) * (y - mean_y) for x, y in points)
    slope = over / sum((x - mean_x) ** 2 for x, _ in points)
    intercept = mean_y - slope * mean_x
    whole = sum((y - mean_y) ** 2 for _, y in points)
    rest = sum((y - slope * x - intercept) ** 2 for x, y in points)
    return slope, intercept, 1.0 if whole == 0 else max(0.0, 1 - rest / whole)


def fitted(name, points):
    """The points, and the straight line through them as a dashed series, for linear axes."""
    slope, intercept, square = fit(points)
    ends = (min(x for x, _ in points), max(x for x, _ in points))
    words = f"{number(intercept)} {'+' if slope >= 0 else '−'} {number(abs(slope))} x, R² {square:.2f}"
    return [Series(name, points, line=False), Series(words, [(x, slope * x + intercept) for x in ends], dashed=True, of_previous=True)]


def fitted_power(name, points):
    """The same for two logarithmic axes: a straight line there is a power of x, of which 0 is what stays as it is and 1 what grows in proportion."""
    power, factor, square = fit([(math.log(x), math.log(y)) for x, y in points])
    ends = (min(x for x, _ in points), max(x for x, _ in points))
    words = f"grows as x^{round(power, 2) + 0.0:.2f}, R² {square:.2f}"
    line = [(x, math.exp(factor + power * math.log(x))) for x in ends]
    return [Series(name, points, line=False), Series(words, line, dashed=True, of_previous=True)]


def mark(kind, x, y, colour):
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}"/>'
    if kind == "square":
        return f'<rect x="{x - 3.3:.1f}" y="{y - 3.3:.1f}" width="6.6" height="6.6" fill="{colour}"/>'
    if kind in ("cross", "plus"):
        ends = ((-3.5, -3.5, 3.5, 3.5), (-3.5, 3.5, 3.5, -3.5)) if kind == "cross" else ((-4.5, 0, 4.5, 0), (0, -4.5, 0, 4.5))
        path = " ".join(f"M{x + a:.1f},{y + b:.1f}L{x + c:.1f},{y + d:.1f}" for a, b, c, d in ends)
        return f'<path d="{path}" stroke="{colour}" stroke-width="2"/>'
    corners = {"diamond": ((0, -4.8), (4.8, 0), (0, 4.8), (-4.8, 0)), "up": ((0, -4.8), (4.5, 3.6), (-4.5, 3.6)),
               "down": ((0, 4.8), (4.5, -3.6), (-4.5, -3.6))}[kind]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'


def styles(series):
    """[(colour, mark)] of each."""
    found, index = [], -1
    for one in series:
        index += 0 if one.of_previous and index >= 0 else 1
        found.append((COLOURS[index % len(COLOURS)], MARKS[index % len(MARKS)]))
    return found


def draw_series(series, style, across, up):
    """Its line, and its marks."""
    colour, kind = style
    places = [(across.place(x), up.place(y)) for x, y in series.points]
    parts = []
    if series.line and len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dashes = ' stroke-dasharray="5 4"' if series.dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{1.4 if series.dashed else 1.8}"{dashes}/>')
    if not series.dashed:
        parts += [mark(kind, x, y, colour) for x, y in places]
    return parts


def text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>'


def legend_rows(series):
    """[[(x, index)]]: the names side by side as far as they fit."""
    rows, x = [[]], float(LEFT)
    for index, one in enumerate(series):
        width = 30 + CHARACTER * len(one.name)
        if rows[-1] and x + width > WIDTH - RIGHT:
            rows.append([])
            x = float(LEFT)
        rows[-1].append((x, index))
        x += width
    return rows


def draw_legend(series, rows):
    parts, all_styles = [], styles(series)
    for row, entries in enumerate(rows):
        y = TOP - 8 + row * LEGEND_ROW
        for x, index in entries:
            (colour, kind), one = all_styles[index], series[index]
            if one.line:
                dashes = ' stroke-dasharray="5 4"' if one.dashed else ""
                parts.append(f'<path d="M{x:.1f},{y - 4}h18" stroke="{colour}" stroke-width="1.8"{dashes}/>')
            if not one.dashed:
                parts.append(mark(kind, x + 9, y - 4, colour))
            parts.append(text(x + 23, y, one.name, "start"))
    return parts


def draw_axes(plot, across, up):
    parts = []
    for tick in up.ticks:
        y = up.place(tick)
        parts.append(f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(text(LEFT - 7, y + 4, number(tick), "end"))
    for tick in across.ticks:
        x = across.place(tick)
        parts.append(f'<path d="M{x:.1f},{up.begin}v5" stroke="#444444"/>')
        parts.append(text(x, up.begin + 19, number(tick)))
    parts.append(f'<path d="M{LEFT},{up.end}V{up.begin}H{WIDTH - RIGHT}" fill="none" stroke="#444444"/>')
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, up.begin + 40, plot.x))
    middle = (up.begin + up.end) / 2
    parts.append(text(17, middle, plot.y, "middle", f' transform="rotate(-90 17 {middle:.1f})"'))
    return parts


def svg(plot):
    """The plot as one SVG element. Errors: PlotError, where there is nothing that can be drawn."""
    check(plot)
    rows = legend_rows(plot.series)
    top = TOP + len(rows) * LEGEND_ROW - 10
    height = HEIGHT + (len(rows) - 1) * LEGEND_ROW
    points = [point for series in plot.series for point in series.points]
    across = Axis([x for x, _ in points], plot.log_x, LEFT, WIDTH - RIGHT - 8)
    up = Axis([y for _, y in points], plot.log_y, height - BOTTOM, top, plot.from_zero)
    parts = draw_axes(plot, across, up)
    for series, style in zip(plot.series, styles(plot.series)):
        parts += draw_series(series, style, across, up)
    parts += draw_legend(plot.series, rows)
    size = min(15.0, (WIDTH - LEFT - RIGHT) / (0.64 * max(1, len(plot.title))))
    title = text(LEFT, 20, plot.title, "start", f' font-size="{size:.1f}" font-weight="bold"')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
            f'aria-label="{html.escape(plot.title, quote=True)}" font-family="sans-serif" font-size="12" fill="#222222">'
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{title}{"".join(parts)}</svg>')
