"""Numbers as text, the same in the terminal, in Markdown and on the page.

It decides digits and units and nothing else; what a number means is in `result.py` and `verdict.py`.
"""
import math

UNKNOWN = "–"
TIMES = (("s", 1_000_000), ("ms", 1_000), ("µs", 1))
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def ratio(value):
    """Two digits, cut instead of rounded: a printed ratio never reaches a gate that the measured one missed."""
    return UNKNOWN if value is None else f"{math.floor(value * 100 + 1e-6) / 100:.2f}"


def number(value):
    """Three significant digits, thousands separated."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def time(us):
    """A time given in microseconds, in the unit that reads best."""
    if us is None:
        return UNKNOWN
    for unit, scale in TIMES:
        if us >= scale:
            return f"{number(us / scale)} {unit}"
    return f"{number(us)} µs"


def quantity(value, unit):
    """A value in its own unit; bytes and KiB move up once they pass four digits."""
    if value is None:
        return UNKNOWN
    unit, scale = best_unit(value, unit)
    return f"{count(value, scale)} {unit}"


def quantities(values, unit):
    """The spread of a value in its own unit, which is named once."""
    if values is None:
        return UNKNOWN
    unit, scale = best_unit(values.median, unit)
    return f"{spread(values, lambda value: count(value, scale))} {unit}"


def count(value, scale):
    """Whole bytes stay whole."""
    return f"{value:,.0f}" if scale == 1 and value == int(value) and value >= 100 else number(value / scale)


def best_unit(value, unit):
    """The unit to show a value in, and how much of its own unit that is."""
    if unit not in BYTES:
        return unit, 1
    size = value * BYTES[unit]
    best = next((name for name in ("GiB", "MiB", "KiB") if size >= BYTES[name] * 4 and BYTES[name] >= BYTES[unit]), unit)
    return best, BYTES[best] / BYTES[unit]


def percent(change):
    """A relative change, 0.05 for five percent more."""
    return UNKNOWN if change is None else f"{change * 100:+.1f} %"


def target(value, unit):
    """A gate or a stretch target: a least ratio, or a most in a unit."""
    if value is None:
        return UNKNOWN
    if unit == "ratio":
        return f"{value:.2f}"
    unit, scale = best_unit(value, unit)
    return f"≤ {value / scale:g} {unit}"


def spread(values, show):
    """`median (lowest–highest)`, or the median alone when there is no range."""
    if values is None:
        return UNKNOWN
    lowest, highest = show(values.lowest), show(values.highest)
    return show(values.median) if lowest == highest else f"{show(values.median)} ({lowest}–{highest})"
