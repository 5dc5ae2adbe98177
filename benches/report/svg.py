"""A drawing: the few SVG shapes the charts need, and the one palette of charts and page.

Colours are classes, so a drawing follows the light or dark scheme of its reader, alone as a file and inline in the page. What is drawn is
decided in `charts.py`.
"""
import math
from html import escape

from .result import BASELINE, OURS

LIGHT = {"surface": "#ffffff", "ink": "#1c2430", "muted": "#566070", "grid": "#dfe3e8", "bad": "#c22f2f", "good": "#1f7a3d", "tint": "#fdf0ef",
         "nginx": "#7a9483", "transom": "#1f62d0", "other0": "#b3700f", "other1": "#7d4bb8", "other2": "#0f7f8c", "other3": "#a33a72"}
DARK = {"surface": "#14181f", "ink": "#e8ecf2", "muted": "#a3adbb", "grid": "#303844", "bad": "#ff7b72", "good": "#63c97f", "tint": "#2a1c20",
        "nginx": "#9db5a5", "transom": "#6aa5ff", "other0": "#e0a44a", "other1": "#b995ea", "other2": "#52bfcb", "other3": "#e08ab5"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
TEXT_PX = 13
# A generous mean width of a character, so that an estimate is never too short for the font the reader has.
CHARACTER_PX = 7.4


def variables(palette):
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


def classes():
    """Rules of every class a shape may carry."""
    fills = "".join(f".chart .fill-{name}{{fill:var(--{name})}}.chart .line-{name}{{stroke:var(--{name});fill:none}}" for name in LIGHT)
    return (f".chart{{font:{TEXT_PX}px {FONT};font-variant-numeric:tabular-nums}}{fills}.chart .strong{{font-weight:600}}.chart .band{{opacity:.16}}"
            "")


def schemes():
    return f":root{{{variables(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"


def colour_of(peer, others):
    """The palette name of a peer; `others` are all peers beside nginx and Transom, so that each keeps its colour across charts."""
    if peer in (BASELINE, OURS):
        return peer
    return f"other{list(others).index(peer) % 4}" if peer in others else "muted"


def text_width(text):
    return len(text) * CHARACTER_PX


def shorten(text, width):
    """The text, cut with an ellipsis where it would pass the width."""
    room = int(width / CHARACTER_PX)
    return text if len(text) <= room else text[:room - 1].rstrip() + "…"


class Drawing:
    """Shapes in the order they are drawn; all lengths are pixels."""

    def __init__(self, width, title):
        self.width, self.height, self.title, self.shapes = width, 0, title, []

    def line(self, start, end, style, width=1, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.shapes.append(f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" class="line-{style}" '
                           f'stroke-width="{width}"{dashes}/>')

    def rect(self, corner, size, style, tip=""):
        self.shapes.append(f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{max(size[0], 0):.1f}" height="{size[1]:.1f}" class="fill-{style}">'
                           f"{tooltip(tip)}</rect>")

    def dot(self, centre, radius, style, tip=""):
        self.shapes.append(f'<circle cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius}" class="fill-{style}">{tooltip(tip)}</circle>')

    def path(self, points, style, width=2):
        self.shapes.append(f'<polyline points="{places(points)}" class="line-{style}" stroke-width="{width}" stroke-linejoin="round"/>')

    def area(self, points, style):
        self.shapes.append(f'<polygon points="{places(points)}" class="fill-{style} band"/>')

    def text(self, place, text, style="ink", anchor="start", strong=""):
        """A text whose middle line is at the place; `strong` is the class of its weight."""
        self.shapes.append(f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" dy=".35em" text-anchor="{anchor}" '
                           f'class="fill-{style} {strong}">{escape(text)}</text>')

    def inline(self):
        """For a page that has the palette already."""
        return self.wrapped("")

    def file(self):
        """For a file of its own: with the palette and a ground, for it may be shown on any."""
        return self.wrapped(f"<style>{schemes()}{classes()}</style>" '<rect width="100%" height="100%" class="fill-surface"/>') + "\n"

    def wrapped(self, start):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {self.width} {self.height:.0f}" width="{self.width}" '
                f'height="{self.height:.0f}" role="img"><title>{escape(self.title)}</title>{start}' + "\n".join(self.shapes) + "</svg>")


def places(points):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def tooltip(text):
    return f"<title>{escape(text)}</title>" if text else ""


class LogScale:
    """Maps values to pixels so that equal ratios are equal lengths."""

    def __init__(self, values, pixels):
        self.low, self.high, self.pixels = min(values), max(values), pixels
        if self.low == self.high:
            self.low, self.high = self.low / 1.5, self.high * 1.5

    def __call__(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.pixels[0] + share * (self.pixels[1] - self.pixels[0])

    def ticks(self, candidates, gap, first=()):
        """The candidates inside the scale that keep a gap of pixels between them; those in `first` are kept before all others."""
        chosen = [value for value in first if self.low <= value <= self.high]
        for value in candidates:
            if self.low <= value <= self.high and all(abs(self(value) - self(other)) >= gap for other in chosen):
                chosen.append(value)
        return sorted(chosen)


def apart(wanted, gap):
    """Places moved down just enough that labels at them keep a gap; in the order given."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed, last = list(wanted), -math.inf
    for index in order:
        placed[index] = last = max(wanted[index], last + gap)
    return placed
