"""The report of a benchmark: reads a result folder, never measures and never changes the raw data in it.

`write` makes `summary.md`, `charts/` and `index.html`; `table` and `compare` print. The figures come from `result.py`, the judgement from
`verdict.py`, the cells of every table from `rows.py`.
"""
from pathlib import Path

from . import charts, comparison, markdown, page, result, terminal


def write(folder):
    """Writes the report of a result into its folder, replacing an earlier one."""
    folder = Path(folder)
    found = result.read(folder)
    drawn = charts.all_of(found)
    place = folder / "charts"
    place.mkdir(exist_ok=True)
    for old in place.glob("*.svg"):
        old.unlink()
    for chart in drawn:
        (place / chart.name).write_text(chart.drawing.file(), encoding="utf-8")
    (folder / "summary.md").write_text(markdown.summary(found, [(chart.name, chart.title) for chart in drawn]), encoding="utf-8")
    (folder / "index.html").write_text(page.page(found, drawn), encoding="utf-8")


def table(folder, stream):
    """Prints the tables of a result."""
    terminal.table(result.read(folder), stream)


def compare(first, second, stream):
    """Prints what changed from the first result to the second."""
    comparison.print_table(result.read(first), result.read(second), stream)


def compare_markdown(first, second):
    """What changed from the first result to the second, in Markdown."""
    return comparison.text(result.read(first), result.read(second))
