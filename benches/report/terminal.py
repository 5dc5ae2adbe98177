"""The tables of a result for a terminal: aligned, coloured where that is wanted. Nothing is written to files here."""
import os

from . import figure, rows

COLOURS = {rows.GOOD: "\x1b[32m", rows.BAD: "\x1b[1;31m", "title": "\x1b[1m", "head": "\x1b[2m"}
RESET = "\x1b[0m"


def coloured(stream):
    """Colour only for a person who looks at it and has not said no: https://no-color.org"""
    return not os.environ.get("NO_COLOR") and stream.isatty()


class Paint:
    """Colours text, or leaves it as it is."""

    def __init__(self, stream):
        self.codes = COLOURS if coloured(stream) else {}

    def __call__(self, text, tone):
        code = self.codes.get(tone)
        return f"{code}{text}{RESET}" if code else text


def table(result, stream):
    """Each scenario with its targets and a row a peer, then the absolute figures."""
    paint = Paint(stream)
    loads = [(scenario, rows.load_rows(scenario)) for scenario in result.scenarios if scenario.peers or scenario.unit == "ratio"]
    widths = column_widths([plain(rows.LOAD_HEAD), *(row for _, found in loads for row in found)])
    if loads:
        stream.write(paint(line(plain(rows.LOAD_HEAD), widths, paint, left=rows.LOAD_LEFT), "head") + "\n")
    for scenario, found in loads:
        gate, stretch = (figure.target(target, "ratio") for target in (scenario.gate, scenario.stretch))
        targets = f"gate {gate}, stretch {stretch}" if scenario.unit == "ratio" else ""
        stream.write(f"\n{paint(f'{scenario.name}  {scenario.title}', 'title')}   {targets}".rstrip() + "\n")
        for row in found:
            stream.write(line(row, widths, paint, left=rows.LOAD_LEFT) + "\n")
        if not found:
            stream.write("  not measured\n")
    if base := rows.base_rows(result):
        write_aligned([plain(rows.BASE_HEAD), *base], stream, paint)
    values = rows.value_rows(result)
    if values:
        write_aligned([plain(rows.value_head(result)), *values], stream, paint)


def write_aligned(lines, stream, paint):
    """A table whose first line is its head; the first two columns and the last are text."""
    widths = column_widths(lines)
    left = {0, 1, len(widths) - 1}
    stream.write("\n" + paint(line(lines[0], widths, paint, left), "head") + "\n")
    for row in lines[1:]:
        stream.write(line(row, widths, paint, left) + "\n")


def plain(texts):
    return [rows.Cell(text) for text in texts]


def column_widths(lines):
    return [max(len(row[column].text) for row in lines) for column in range(len(lines[0]))]


def line(row, widths, paint, left):
    """Cells padded to their columns; the padding stays outside the colour."""
    texts = []
    for column, (cell, width) in enumerate(zip(row, widths)):
        padding = " " * (width - len(cell.text))
        text = paint(cell.text, cell.tone)
        texts.append(text + padding if column in left else padding + text)
    return ("  " + "  ".join(texts)).rstrip()
