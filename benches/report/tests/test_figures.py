"""Figures, ratios and verdicts."""
import tempfile
import unittest
from pathlib import Path

from report import figure, result, verdict
from report.tests import sample


class Figures(unittest.TestCase):
    def test_a_printed_ratio_never_flatters(self):
        self.assertEqual(figure.ratio(1.2499), "1.24")
        self.assertEqual(figure.ratio(1.25), "1.25")
        self.assertEqual(figure.ratio(0.999), "0.99")

    def test_units_are_chosen_for_the_reader_and_unknown_is_not_zero(self):
        self.assertEqual([figure.time(us) for us in (0.5, 950, 1290, 2_500_000)], ["0.50 µs", "950 µs", "1.29 ms", "2.50 s"])
        self.assertEqual([figure.quantity(*given) for given in ((12739, "KiB"), (1024, "B"), (23.4, "ms"))], ["12.4 MiB", "1,024 B", "23.4 ms"])
        self.assertEqual(figure.time(None), figure.UNKNOWN)


class Verdicts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = sample.make(Path(folder.name) / "result")
        self.scenarios = {scenario.name: scenario for scenario in result.read(self.folder).scenarios}

    def test_a_ratio_is_the_median_of_the_rounds_ratios(self):
        ratio = self.scenarios["s1"].ratio()
        self.assertAlmostEqual(ratio.median, 1.50, 3)
        self.assertAlmostEqual(ratio.lowest, 1.45, 3)
        self.assertAlmostEqual(ratio.highest, 1.62, 3)

    def test_the_interval_of_a_median_leaves_out_as_many_rounds_as_95_percent_allow(self):
        # From the table of the binomial distribution: 1 - 2 P(X <= 1 of 9) = 96.1 %, 1 - 2 P(X <= 2 of 12) = 96.1 %, 1 - 2 P(X <= 4 of 17) = 95.1 %.
        self.assertEqual([result.outside_interval(count) for count in (1, 2, 5, 8, 9, 12, 17, 25)], [0, 0, 0, 0, 1, 2, 4, 7])
        self.assertEqual(result.Spread.of([9, 1, 2, 3, 4, 5, 6, 7, 8]), result.Spread(5, 2, 8, 9))

    def test_a_round_that_one_peer_missed_has_no_ratio(self):
        lines = (self.folder / "rounds.csv").read_text().splitlines()
        (self.folder / "rounds.csv").write_text("\n".join(line for line in lines if not line.startswith("s1,nginx,2,")))
        scenario = next(scenario for scenario in result.read(self.folder).scenarios if scenario.name == "s1")
        self.assertEqual(scenario.ratio().count, 2)

    def test_the_median_decides_what_was_reached(self):
        found = {name: verdict.of_ratio(scenario).text for name, scenario in self.scenarios.items() if scenario.unit == "ratio"}
        self.assertEqual(found, {"s1": "reached stretch", "s2": "reached gate", "s4": "below gate, loses", "s5": "below gate",
                                 "s6": "reached stretch", "s8": "reached gate", "seed": "no target"})

    def test_an_absolute_target_is_a_maximum(self):
        found = {name: verdict.of_value(self.scenarios[name].values[0]).text for name in ("s12", "s12tls", "s12ws", "start")}
        self.assertEqual(found, {"s12": "reached gate, loses", "s12tls": "reached gate", "s12ws": "below gate", "start": "reached gate"})

    def test_a_value_in_another_unit_than_its_scenario_has_no_target(self):
        self.assertIsNone(self.scenarios["s1"].values[0].gate)

    def test_a_full_generator_is_told_only_where_the_server_had_time_left(self):
        self.assertTrue(self.scenarios["s1"].peers["transom"].generator_bound)
        self.assertFalse(self.scenarios["s1"].peers["nginx"].generator_bound)

    def test_empty_cells_are_unknown(self):
        columns = ",".join(sample.ROUND_COLUMNS)
        (self.folder / "rounds.csv").write_text(f"{columns}\ns1,nginx,1,2,,,,,,,,,,,\ns1,transom,1,2,10,0,1000,,,,,,,,\n")
        scenario = next(scenario for scenario in result.read(self.folder).scenarios if scenario.name == "s1")
        self.assertIsNone(scenario.ratio())
        self.assertEqual(verdict.of_ratio(scenario).reached, verdict.Reached.NOT_MEASURED)
        self.assertIsNone(scenario.peers["nginx"].errors)


if __name__ == "__main__":
    unittest.main()
