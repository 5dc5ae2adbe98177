#!/usr/bin/env python3
"""A flame graph of what `perf script` says: `flame.py --title TEXT < perf-script.txt > graph.svg`, or `--folded` for the stacks as text.

Folds samples into a tree (root below, callees above, width = share of the samples) and draws it as one SVG that needs nothing else: a tooltip
with name, samples and share on every box, a click makes a box as wide as the picture, Enter in the search field marks what matches.
It measures nothing and knows no scenario; `benches/profile.sh` calls it. Where time goes by function stands in the `-perf.txt` beside it.
"""
from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

WIDTH, ROW, MARGIN, TOP, BOTTOM = 1400, 18, 12, 66, 30
TEXT_PX = 6.6  # Width of a character of the 11 px monospace font.
NARROWEST_PX = 0.3  # Boxes below this would only make the file larger.

# What a box is, by colour: the kernel, the C and assembly of crypto and zlib, Transom, the rest of Rust, unknown.
COLOURS = {"kernel": (24, 68, 62), "native": (280, 40, 70), "transom": (205, 62, 66), "rust": (150, 36, 66), "unknown": (0, 0, 78)}

FRAME = re.compile(r"^\s+([0-9a-f]+)\s+(.*?)\s+\((.*)\)$")
HASH = re.compile(r"::h[0-9a-f]{16}$")
NATIVE = re.compile(
    r"^(aws_lc_|aes_|_?gcm_|sha\d+_|bn_|ecp_|ec_|x25519|EVP_|zng_|deflate|inflate|crc32|ChaCha|"
    r"mi_|_mi_|__GI_|__libc|__mem|epoll_|start_thread|clone3?$)")


@dataclass
class Box:
    """A function called by one chain of callers, and the samples that were in it or below."""

    name: str
    kind: str
    samples: int = 0
    callees: dict[tuple[str, str], Box] = field(default_factory=dict)

    def callee(self, name: str, kind: str) -> Box:
        return self.callees.setdefault((name, kind), Box(name, kind))

    def depth(self) -> int:
        return 1 + max((box.depth() for box in self.callees.values()), default=0)


def short(name: str) -> str:
    """A symbol without its hash, offset and the noise of generics that perf prints."""
    name = re.sub(r"\+0x[0-9a-f]+$", "", name)
    return HASH.sub("", name) or "[unknown]"


def kind_of(name: str, binary: str) -> str:
    if "kernel" in binary or binary.endswith(".ko") or binary == "[guest.kernel.kallsyms]":
        return "kernel"
    if name == "[unknown]":
        return "unknown"
    if "transom" in name:
        return "transom"
    return "native" if NATIVE.search(name) or ("::" not in name and "<" not in name) else "rust"


def stacks(lines: Iterable[str]) -> Iterable[list[tuple[str, str]]]:
    """The stacks of perf script, outermost caller first. A sample is a head line, its frames innermost first, and an empty line."""
    frames: list[tuple[str, str]] = []
    thread = ""
    for line in lines:
        if not line.strip():
            if thread:
                yield [(thread, "unknown"), *reversed(frames)]
            frames, thread = [], ""
        elif not line[0].isspace() or not thread:
            thread = re.sub(r"\s+\d.*$", "", line.strip())
        elif match := FRAME.match(line):
            name = short(match[2])
            frames.append((name, kind_of(name, match[3])))
        else:
            # An inlined function has no address: `    name (inlined)`.
            name = short(re.sub(r"\s*\(inlined\)$", "", line.strip()))
            frames.append((name, kind_of(name, "")))
    if thread:
        yield [(thread, "unknown"), *reversed(frames)]


def tree(samples: Iterable[list[tuple[str, str]]]) -> Box:
    root = Box("all", "unknown")
    for stack in samples:
        box = root
        box.samples += 1
        for name, kind in stack:
            box = box.callee(name, kind)
            box.samples += 1
    return root


def folded(samples: Iterable[list[tuple[str, str]]]) -> str:
    counts: dict[str, int] = {}
    for stack in samples:
        line = ";".join(name.replace(";", ":") for name, _ in stack)
        counts[line] = counts.get(line, 0) + 1
    return "".join(f"{line} {count}\n" for line, count in sorted(counts.items()))


def colour(box: Box) -> str:
    hue, saturation, light = COLOURS[box.kind]
    # Neighbours differ, and a function has one shade in every picture.
    shade = crc32(box.name.encode()) % 13 - 6
    return f"hsl({hue + shade} {saturation}% {light + shade}%)"


def fitting(name: str, pixels: float) -> str:
    characters = int((pixels - 6) / TEXT_PX)
    if characters < 3:
        return ""
    if len(name) <= characters:
        return name
    # The end of a Rust path says more than its beginning.
    return name[: characters - 1] + "…" if "::" not in name else "…" + name[-(characters - 1):]


def draw_boxes(box: Box, left: int, level: int, total: int, height: int, out: list[str]) -> None:
    unit = (WIDTH - 2 * MARGIN) / total
    pixels = box.samples * unit
    if pixels < NARROWEST_PX:
        return
    x, y = MARGIN + left * unit, height - BOTTOM - (level + 1) * ROW
    title = f"{box.name}\n{box.samples} samples, {100 * box.samples / total:.2f} %"
    out.append(
        f'<g data-x="{left}" data-w="{box.samples}" data-n="{escape(box.name, quote=True)}"><title>{escape(title)}</title>'
        f'<rect x="{x:.2f}" y="{y}" width="{pixels:.2f}" height="{ROW - 1}" fill="{colour(box)}"/>'
        f'<text x="{x + 3:.2f}" y="{y + 13}">{escape(fitting(box.name, pixels))}</text></g>')
    for callee in sorted(box.callees.values(), key=lambda callee: callee.name):
        draw_boxes(callee, left, level + 1, total, height, out)
        left += callee.samples


STYLE = """
text { font: 11px ui-monospace, "DejaVu Sans Mono", monospace; fill: #111; pointer-events: none }
.title { font: 600 16px system-ui, sans-serif } .note { font: 12px system-ui, sans-serif; fill: #555 }
g[data-x] { cursor: pointer } g[data-x]:hover rect { stroke: #111; stroke-width: 1 }
.found rect { fill: #e5308a !important } .found text { fill: #fff } .outside { display: none } .caller rect { opacity: .45 }
input { font: 12px system-ui, sans-serif; width: 100%; box-sizing: border-box }
"""

SCRIPT = """
const boxes = [...document.querySelectorAll('g[data-x]')], all = +boxes[0].dataset.w, inner = %(inner)d, margin = %(margin)d, character = %(text)s;
function fit(name, pixels) {
  const room = Math.floor((pixels - 6) / character);
  if (room < 3) return '';
  if (name.length <= room) return name;
  return name.includes('::') ? '…' + name.slice(1 - room) : name.slice(0, room - 1) + '…';
}
function zoom(to) {
  const from = +to.dataset.x, width = +to.dataset.w, unit = inner / width;
  const level = box => +box.firstElementChild.nextElementSibling.getAttribute('y');
  for (const box of boxes) {
    const [, rect, text] = box.children, x = +box.dataset.x, w = +box.dataset.w;
    const isCaller = level(box) > level(to) && x <= from && x + w >= from + width;
    const isOutside = !isCaller && (x < from || x + w > from + width || level(box) > level(to));
    box.classList.toggle('caller', isCaller);
    box.classList.toggle('outside', isOutside);
    const left = isCaller ? margin : margin + (x - from) * unit, pixels = isCaller ? inner : w * unit;
    rect.setAttribute('x', left); rect.setAttribute('width', pixels);
    text.setAttribute('x', left + 3); text.textContent = fit(box.dataset.n, pixels);
  }
}
function mark(words) {
  let count = 0, behind = -1;
  for (const box of boxes) {
    const isFound = words !== '' && box.dataset.n.toLowerCase().includes(words.toLowerCase());
    box.classList.toggle('found', isFound);
    // Boxes stand in the order of a walk, callers first: what begins before `behind` lies within one that was counted.
    if (isFound && +box.dataset.x >= behind) { count += +box.dataset.w; behind = +box.dataset.x + +box.dataset.w; }
  }
  document.getElementById('share').textContent = words === '' ? '' : (100 * count / all).toFixed(1) + ' %% of the samples';
}
for (const box of boxes) box.addEventListener('click', () => zoom(box));
document.getElementById('sought').addEventListener('change', event => mark(event.target.value));
"""


def legend() -> str:
    names = {"kernel": "kernel", "transom": "Transom", "rust": "Rust: libraries", "native": "C and assembly", "unknown": "unknown"}
    x, parts = MARGIN, []
    for kind, label in names.items():
        hue, saturation, light = COLOURS[kind]
        parts.append(f'<rect x="{x}" y="44" width="12" height="12" fill="hsl({hue} {saturation}% {light}%)"/>'
                     f'<text class="note" x="{x + 17}" y="54">{label}</text>')
        x += 34 + 7 * len(label)
    return "".join(parts)


def svg(root: Box, title: str) -> str:
    height = TOP + root.depth() * ROW + BOTTOM
    boxes: list[str] = []
    draw_boxes(root, 0, 0, root.samples, height, boxes)
    script = SCRIPT % {"inner": WIDTH - 2 * MARGIN, "margin": MARGIN, "text": TEXT_PX}
    note = f"{root.samples} samples of CPU time. Width is the share of samples; what stands on a box was called by it. "
    note += "Click to widen, click “all” to go back."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"<style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
        f'<text class="title" x="{MARGIN}" y="26">{escape(title)}</text>{legend()}'
        f'<text class="note" x="{MARGIN}" y="{height - 10}">{escape(note)}</text>'
        f'<text class="note" id="share" x="{WIDTH - 250}" y="54"></text>'
        f'<foreignObject x="{WIDTH - 252}" y="10" width="240" height="28"><input xmlns="http://www.w3.org/1999/xhtml" id="sought" '
        f'placeholder="search, then Enter"/></foreignObject>'
        + "\n".join(boxes) + f"<script><![CDATA[{script}]]></script></svg>\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="A flame graph from perf script.")
    parser.add_argument("--title", default="Where CPU time goes")
    parser.add_argument("--folded", action="store_true", help="print the folded stacks instead")
    options = parser.parse_args()
    # A Rust symbol can be in any encoding that a mangler thinks of.
    samples = list(stacks(line.decode(errors="replace").rstrip("\n") for line in sys.stdin.buffer))
    if not samples:
        sys.exit("no samples: was the process busy?")
    sys.setrecursionlimit(10_000)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(folded(samples) if options.folded else svg(tree(samples), options.title))


if __name__ == "__main__":
    main()
