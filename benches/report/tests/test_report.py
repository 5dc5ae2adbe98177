"""What is written and printed."""
import io
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import report
from report import charts, comparison, result, svg
from report.tests import sample


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.folder = sample.make(self.root / "first")


class Written(Folder):
    def test_the_summary_begins_with_where_and_how_it_was_measured(self):
        report.write(self.folder)
        text = (self.folder / "summary.md").read_text()
        parts = ("AMD EPYC", "d09d54f with uncommitted changes", "nginx 1.22.1", "`benches/bench.py all`", "## CPU per request")
        places = [text.index(part) for part in parts]
        self.assertEqual(places, sorted(places))

    def test_losses_are_named(self):
        report.write(self.folder)
        for name in ("summary.md", "index.html"):
            self.assertRegex((self.folder / name).read_text(), r"Transom loses to nginx in:\W+1 MiB file, plain HTTP/1; process, idle")
        self.assertIn("**0.91 (0.84–1.03)**", (self.folder / "summary.md").read_text())

    def test_every_chart_of_the_summary_exists_and_is_well_formed(self):
        report.write(self.folder)
        named = re.findall(r"\((charts/[^)]+)\)", (self.folder / "summary.md").read_text())
        self.assertIn("charts/ratios.svg", named)
        self.assertEqual({f"charts/{path.name}" for path in (self.folder / "charts").iterdir()}, set(named))
        for name in named:
            ElementTree.parse(self.folder / name)

    def test_the_page_loads_nothing_and_links_the_configs(self):
        report.write(self.folder)
        text = (self.folder / "index.html").read_text()
        self.assertNotRegex(text, r'(src=|url\(|<script|<link|@import)')
        self.assertIn('href="configs/s1-nginx.conf"', text)
        self.assertIn("What it &lt;shows&gt;.", text)

    def test_a_second_report_replaces_the_first(self):
        report.write(self.folder)
        (self.folder / "charts" / "gone.svg").write_text("old")
        before = (self.folder / "index.html").read_text()
        report.write(self.folder)
        self.assertFalse((self.folder / "charts" / "gone.svg").exists())
        self.assertEqual(before, (self.folder / "index.html").read_text())

    def test_a_run_that_measured_nothing_still_has_a_report(self):
        for name in ("rounds", "latency", "values"):
            (self.folder / f"{name}.csv").unlink()
        report.write(self.folder)
        report.table(self.folder, io.StringIO())
        self.assertIn("not measured", (self.folder / "summary.md").read_text())

    def test_a_value_below_zero_is_drawn(self):
        (self.folder / "values.csv").write_text("scenario,peer,what,run,value,unit\ns12,transom,idle,1,-0.1,KiB\ns12,transom,idle,2,-0.2,KiB\n")
        report.write(self.folder)
        self.assertNotIn('width="-', (self.folder / "charts" / "memory.svg").read_text())


class Charts(Folder):
    def test_no_two_texts_of_a_chart_overlap(self):
        for chart in charts.all_of(result.read(self.folder)):
            boxes = [text_box(element) for element in ElementTree.fromstring(chart.drawing.file()).iter("{http://www.w3.org/2000/svg}text")]
            for index, one in enumerate(boxes):
                self.assertTrue(one[0] >= 0 and one[1] <= chart.drawing.width and one[3] <= chart.drawing.height, f"{chart.name}: {one} is cut off")
                for other in boxes[index + 1:]:
                    apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
                    self.assertTrue(apart, f"{chart.name}: {one} and {other}")

    def test_labels_at_one_place_are_moved_apart(self):
        self.assertEqual(svg.apart([10, 10, 40], 17), [10, 27, 44])


def sample_title(name):
    return sample.LOADS[name][0] if name in sample.LOADS else None


def text_box(element):
    """Left, right, top, bottom and the text itself, from the estimated width."""
    x, y, width = float(element.get("x")), float(element.get("y")), len(element.text) * 6.9
    left = x - {"start": 0, "middle": width / 2, "end": width}[element.get("text-anchor")]
    return left, left + width, y - 6.5, y + 6.5, element.text


class Printed(Folder):
    def test_colour_is_for_terminals_that_want_it(self):
        piped, wanted, refused = io.StringIO(), Terminal(), Terminal()
        with mock.patch.dict(os.environ):
            os.environ.pop("NO_COLOR", None)
            report.table(self.folder, piped)
            report.table(self.folder, wanted)
            os.environ["NO_COLOR"] = "1"
            report.table(self.folder, refused)
        self.assertNotIn("\x1b", piped.getvalue())
        self.assertIn("\x1b[1;31mbelow gate, loses", wanted.getvalue())
        self.assertEqual(piped.getvalue(), refused.getvalue())
        self.assertEqual(piped.getvalue(), re.sub("\x1b\\[[0-9;]*m", "", wanted.getvalue()))

    def test_each_peer_has_a_row_and_a_full_generator_is_marked(self):
        stream = io.StringIO()
        report.table(self.folder, stream)
        self.assertRegex(stream.getvalue(), r"transom .* 1\.50 \(1\.45–1\.62\)  reached stretch, generator-bound")
        self.assertRegex(stream.getvalue(), r"caddy +36\.0 ")


class AgainstAnotherBuild(Folder):
    def rounds(self, scale):
        """Adds a base build that needs `scale` times the CPU of ours."""
        lines = (self.folder / "rounds.csv").read_text().splitlines()
        for line in [line.split(",") for line in lines if line.startswith("s2,transom,")]:
            line[1], line[6] = "base", str(float(line[6]) * scale)
            lines.append(",".join(line))
        (self.folder / "rounds.csv").write_text("\n".join(lines) + "\n")

    def test_a_build_that_needs_more_than_the_base_is_told(self):
        self.rounds(0.9)
        stream = io.StringIO()
        report.table(self.folder, stream)
        self.assertRegex(stream.getvalue(), r"s2 .* 0\.90 .*more CPU than the base")

    def test_builds_that_are_alike_are_called_alike(self):
        self.rounds(1.0)
        report.write(self.folder)
        for name in ("summary.md", "index.html"):
            self.assertIn("no difference that is certain", (self.folder / name).read_text())


class Compared(Folder):
    def test_a_change_counts_only_beyond_the_spread_of_both(self):
        second = sample.make(self.root / "second", 1.15)
        changes = comparison.changes(result.read(self.folder), result.read(second))
        found = {change.scenario: change.judgement.text for change in changes if change.what == sample_title(change.scenario)}
        self.assertEqual(found["s6"], "better, beyond spread")
        self.assertEqual(found["s4"], "within spread")

    def test_less_is_better_for_absolute_figures_and_one_run_proves_nothing(self):
        change = comparison.Change("s12", "idle", "KiB", result.Spread(4, 4, 4, 3), result.Spread(3, 3, 3, 3))
        self.assertEqual(change.judgement.text, "better, beyond spread")
        once = comparison.Change("s12", "idle", "KiB", result.Spread(4, 4, 4, 1), result.Spread(5, 5, 5, 1))
        self.assertEqual(once.judgement.text, "worse? (measured once)")

    def test_different_machines_are_told(self):
        second = sample.make(self.root / "second")
        run = second / "run.json"
        run.write_text(run.read_text().replace("AMD EPYC", "Intel Xeon").replace("1.22.1", "1.28.0"))
        stream = io.StringIO()
        report.compare(self.folder, second, stream)
        for text in (stream.getvalue(), report.compare_markdown(self.folder, second)):
            self.assertIn("cpu: AMD EPYC and Intel Xeon", text)
            self.assertIn("nginx: 1.22.1 and 1.28.0", text)


if __name__ == "__main__":
    unittest.main()
