"""The charts of a result: ratios, latencies, absolute figures.

Each function returns a `Drawing`; `all_of` names the files. A chart repeats what the tables say, with the same medians.
"""
import math
from dataclasses import dataclass

from . import figure, rows, verdict
from .result import BASELINE, OURS
from .svg import Drawing, LogScale, apart, colour_of, shorten, text_width

WIDTH = 1080
RATIO_TICKS = (1, 2, 0.5, 4, 1.5, 3, 0.75, 8, 6, 1.25, 16, 0.25, 0.9, 10, 32, 64)
PERCENTILES = (50, 75, 90, 95, 99, 99.9, 99.99)
COLUMN_OF_PERCENTILE = {50: "p50_us", 90: "p90_us", 99: "p99_us", 99.9: "p999_us"}
LATENCY_SIZE = (480, 300)


@dataclass(frozen=True)
class Chart:
    name: str  # of the file
    title: str
    drawing: Drawing


def all_of(result):
    """Every chart that has something to show: ratios, absolute figures by group, latencies by scenario."""
    charts = []
    measured = [scenario for scenario in rows.ratio_scenarios(result) if any(scenario.ratio(name) for name in scenario.peers)]
    others = [name for name in result.peers() if name not in (BASELINE, OURS)]
    if measured:
        charts.append(Chart("ratios.svg", "CPU per request, nginx ÷ peer", ratios(measured, others)))
    groups = {}
    for scenario in result.scenarios:
        groups.setdefault(scenario.group or "values", []).extend((verdict.label(scenario, value), value) for value in scenario.values)
    for group, values in groups.items():
        if values:
            charts.append(Chart(f"{group}.svg", group.capitalize(), bars(group.capitalize(), values, others)))
    for scenario in result.scenarios:
        if any(percentiles(peer) for peer in scenario.peers.values()):
            charts.append(Chart(f"latency-{scenario.name}.svg", f"Latency, {scenario.title}", latency(scenario, others)))
    return charts


def ratios(scenarios, others):
    """Dot and whisker a scenario and peer, with the line at 1 and the targets as ticks."""
    drawing = Drawing(WIDTH, "CPU time per request: nginx over each peer")
    shown = [(scenario, name, scenario.ratio(name)) for scenario in scenarios for name in scenario.peers if scenario.ratio(name)]
    bounds = [1.0] + [bound for _, _, ratio in shown for bound in (ratio.lowest, ratio.highest)]
    bounds += [target for scenario in scenarios for target in (scenario.gate, scenario.stretch) if target]
    named = bool(others)
    left = 450 if named else 370
    scale = LogScale([min(bounds) / 1.12, max(bounds) * 1.1], (left, WIDTH - 170))
    heights = [30 if name == OURS or index == 0 or shown[index - 1][0] is not scenario else 22 for index, (scenario, name, _) in enumerate(shown)]
    top, bottom = 96, 96 + sum(heights) + 8
    ratio_legend(drawing, others)
    ratio_axis(drawing, scale, top, bottom)
    y, previous = top + 4, None
    for (scenario, name, ratio), height in zip(shown, heights):
        middle = y + height / 2
        if scenario is not previous:
            drawing.line((12, y), (WIDTH - 12, y), "grid")
            drawing.text((12, middle), shorten(scenario.title, 350))
        if named:
            drawing.text((left - 8, middle), shorten(name, 80), colour_of(name, others), "end")
        ratio_mark(drawing, scale, middle, (scenario, name, ratio), others)
        y, previous = y + height, scenario
    drawing.height = bottom + 34
    return drawing


def ratio_legend(drawing, others):
    drawing.text((12, 18), "CPU time per request, nginx ÷ peer: right of 1 the peer needs less than nginx", strong="strong")
    x = 12
    for name, colour in [("Transom", OURS), ("Transom loses", "bad"), *((name, colour_of(name, others)) for name in others)]:
        drawing.dot((x + 6, 44), 5, colour)
        drawing.text((x + 18, 44), name)
        x += 34 + text_width(name)
    for name, dash in (("gate", ""), ("stretch", "3 2")):
        drawing.line((x + 6, 36), (x + 6, 52), "ink", 2, dash)
        drawing.text((x + 16, 44), name)
        x += 34 + text_width(name)
    drawing.line((x, 44), (x + 24, 44), "muted", 2)
    drawing.text((x + 32, 44), "95 % interval")


def ratio_axis(drawing, scale, top, bottom):
    left, right = scale.pixels
    drawing.rect((left, top), (scale(1) - left, bottom - top), "tint")
    for tick in scale.ticks(RATIO_TICKS, 44, first=(1,)):
        drawing.line((scale(tick), top), (scale(tick), bottom), "ink" if tick == 1 else "grid", 1.5 if tick == 1 else 1)
        drawing.text((scale(tick), bottom + 16), f"{tick:g}", "ink" if tick == 1 else "muted", "middle")
    drawing.text((scale(1) + 8, top - 14), "less CPU than nginx →", "muted")
    if scale(1) - left >= text_width("← more"):
        drawing.text((scale(1) - 8, top - 14), "← more", "bad", "end")
    drawing.text((right + 14, top - 14), "median (95 %)", "muted")


def ratio_mark(drawing, scale, middle, shown, others):
    scenario, name, ratio = shown
    judged = verdict.of_ratio(scenario)
    colour = "bad" if name == OURS and judged.loses else colour_of(name, others)
    text = figure.spread(ratio, figure.ratio)
    if name == OURS:
        for target, dash in ((scenario.gate, ""), (scenario.stretch, "3 2")):
            if target:
                drawing.line((scale(target), middle - 13), (scale(target), middle + 13), "ink", 2, dash)
    drawing.line((scale(ratio.lowest), middle), (scale(ratio.highest), middle), colour, 2)
    for end in (ratio.lowest, ratio.highest):
        drawing.line((scale(end), middle - 4), (scale(end), middle + 4), colour, 2)
    drawing.dot((scale(ratio.median), middle), 6 if name == OURS else 4.5, colour, f"{scenario.title}, {name}: {text}")
    drawing.text((scale.pixels[1] + 14, middle), text, "bad" if colour == "bad" else "ink", strong="strong" if name == OURS else "")


def percentiles(peer):
    """The latency distribution of a peer, from `latency.csv`, else from the columns of `rounds.csv`."""
    found = peer.latency or {percentile: peer.spread(column) for percentile, column in COLUMN_OF_PERCENTILE.items()}
    return {percentile: spread for percentile, spread in sorted(found.items()) if spread and spread.lowest > 0 and percentile < 100}


def nines(percentile):
    """Where a percentile stands on the axis: 90, 99 and 99.9 are equally far apart."""
    return -math.log10(1 - percentile / 100)


def latency(scenario, others):
    """Percentiles to the right, time up, both so that the tail is seen; a band spans the interval of the median."""
    width, height = LATENCY_SIZE
    drawing = Drawing(width, f"Latency of {scenario.title}")
    drawing.height = height
    curves = {name: found for name, peer in scenario.peers.items() if (found := percentiles(peer))}
    times = [bound for found in curves.values() for spread in found.values() for bound in (spread.lowest, spread.highest)]
    known = sorted({percentile for found in curves.values() for percentile in found})
    left, right, top, bottom = 70, width - 92, 44, height - 44
    y = LogScale([min(times) / 1.15, max(times) * 1.15], (bottom, top))
    first, last = nines(known[0]), nines(known[-1])

    def x(percentile):
        return left + (nines(percentile) - first) / ((last - first) or 1) * (right - left)

    drawing.text((12, 16), shorten(scenario.title, width - 24), strong="strong")
    decades = [step * 10 ** power for step in (1, 10, 3, 2, 5) for power in range(-1, 8)]
    for tick in y.ticks(decades, 26):
        drawing.line((left, y(tick)), (right, y(tick)), "grid")
        drawing.text((left - 8, y(tick)), round_time(tick), "muted", "end")
    for percentile in [percentile for percentile in known if percentile in PERCENTILES]:
        drawing.line((x(percentile), bottom), (x(percentile), bottom + 4), "muted")
        drawing.text((x(percentile), bottom + 15), f"{percentile:g}", "muted", "middle")
    drawing.text(((left + right) / 2, bottom + 33), "percentile of requests", "muted", "middle")
    for name, found in curves.items():
        latency_curve(drawing, (x, y), found, colour_of(name, others))
    ends = [y(list(found.values())[-1].median) for found in curves.values()]
    for name, found, place in zip(curves, curves.values(), apart(ends, 17)):
        drawing.text((x(list(found)[-1]) + 10, place), shorten(name, 80), colour_of(name, others), strong="strong")
    return drawing


def round_time(us):
    """A tick, without the digits that are zero."""
    value, unit = figure.time(us).split()
    return f"{value.rstrip('0').rstrip('.') if '.' in value else value} {unit}"


def latency_curve(drawing, scales, found, colour):
    x, y = scales
    drawing.area([(x(percentile), y(spread.lowest)) for percentile, spread in found.items()]
                 + [(x(percentile), y(spread.highest)) for percentile, spread in reversed(found.items())], colour)
    drawing.path([(x(percentile), y(spread.median)) for percentile, spread in found.items()], colour)
    for percentile, spread in found.items():
        drawing.dot((x(percentile), y(spread.median)), 3.5, colour, f"{percentile:g} %: {figure.spread(spread, figure.time)}")


def bars(title, values, others):
    """A bar a peer for each figure. Every figure has a scale of its own that starts at zero, for 2 KiB and 12 MiB share none."""
    drawing = Drawing(WIDTH, title)
    left, right = 110, WIDTH - 230
    drawing.text((12, 18), f"{title}: less is better; each figure has its own scale", strong="strong")
    y = 40.0
    if any(value.gate or value.stretch for _, value in values):
        for x, name, dash in ((12, "gate", ""), (82, "stretch", "3 2")):
            drawing.line((x + 2, y - 4), (x + 2, y + 12), "ink", 2, dash)
            drawing.text((x + 12, y + 4), name)
        y += 28
    for label, value in values:
        drawing.text((12, y + 8), shorten(label, WIDTH - 24))
        y = bar_panel(drawing, (left, right, y + 22), value, others) + 16
    drawing.height = y
    return drawing


def bar_panel(drawing, frame, value, others):
    left, right, y = frame
    targets = [(value.gate, ""), (value.stretch, "3 2")]
    most = max([spread.highest for spread in value.peers.values()] + [target for target, _ in targets if target]) or 1
    judged = verdict.of_value(value)
    start = y
    for name, spread in value.peers.items():
        bad = name == OURS and judged.bad
        bar(drawing, (left, y + 2), (right - left) / most, (spread, colour_of(name, others)))
        drawing.text((left - 8, y + 11), shorten(name, 90), colour_of(name, others), "end")
        text = figure.quantities(spread, value.unit)
        drawing.text((right + 14, y + 11), text, "bad" if bad else "ink", strong="strong" if name == OURS else "")
        y += 22
    for target, dash in targets:
        if target:
            x = left + target * (right - left) / most
            drawing.line((x, start - 3), (x, y + 1), "ink", 2, dash)
    return y


def bar(drawing, corner, scale, drawn):
    spread, colour = drawn
    drawing.rect(corner, (max(spread.median * scale, 1.5), 18), colour)
    # Memory a connection is a difference and may come out below zero.
    if spread.highest > max(spread.lowest, 0):
        middle = corner[1] + 9
        drawing.line((corner[0] + max(spread.lowest, 0) * scale, middle), (corner[0] + spread.highest * scale, middle), "ink", 1.5)
