"""`index.html`: one file with the tables, the charts inline and links to the raw data; nothing is loaded from elsewhere."""
from html import escape

from . import rows, svg, verdict

STYLE = """
*{box-sizing:border-box}body{margin:0;background:var(--surface);color:var(--ink);font:15px/1.5 FONT}
main{max-width:1180px;margin:0 auto;padding:24px 20px 60px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:40px 0 10px}
p,ul{max-width:88ch}.muted{color:var(--muted)}code{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}a{color:var(--transom)}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:18px 0}.tile{border:1px solid var(--grid);border-radius:8px;padding:10px 16px;min-width:130px}
.tile b{display:block;font-size:26px;line-height:1.2}.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}th{color:var(--muted);font-weight:600}
.text{text-align:left}.facts td{white-space:normal;text-align:left;vertical-align:top}
.group td{padding-top:16px;text-align:left;font-weight:600;border-bottom:0}
.chart{max-width:100%;height:auto;display:block}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(460px,1fr));gap:20px}
@media(max-width:520px){.grid{grid-template-columns:1fr}}
""".replace("FONT", svg.FONT)


def page(result, charts):
    """The text of `index.html`."""
    title = f"nginx and Transom, {result.run.get('date', '')}".rstrip(" ,")
    latencies = [chart for chart in charts if chart.name.startswith("latency-")]
    ratio_charts = [chart for chart in charts if chart.name == "ratios.svg"]
    bars = [chart for chart in charts if chart not in latencies and chart not in ratio_charts]
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="muted">{escape(rows.METHOD)}</p>', tiles(result), losses(result),
             section("CPU per request", *(chart.drawing.inline() for chart in ratio_charts), ratio_table(result)),
             section("Against another build", base_table(result)),
             section("Absolute figures", *(chart.drawing.inline() for chart in bars), value_table(result)),
             section("Under load", load_table(result)),
             section("Latency", f'<div class="grid">{"".join(chart.drawing.inline() for chart in latencies)}</div>' if latencies else ""),
             section("What the scenarios show", shows(result)), section("How and where it was measured", facts(result), notes(result), files(result))]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title>'
            f"<style>{svg.schemes()}{svg.classes()}{STYLE}</style></head>\n<body><main>\n"
            + "\n".join(filter(None, parts)) + "\n</main></body></html>\n")


def section(title, *parts):
    """A heading with what belongs under it, or nothing when there is nothing."""
    filled = [part for part in parts if part]
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(filled) if filled else ""


def tiles(result):
    judged = [found for _, found in verdict.all_of(result)]
    tones = {verdict.Reached.STRETCH: "good", verdict.Reached.GATE: "good", verdict.Reached.BELOW: "bad"}
    boxes = [(sum(found.reached is kind for found in judged), kind.value, tones.get(kind, "")) for kind in verdict.Reached]
    boxes.append((sum(found.loses for found in judged), "loses to nginx", "bad"))
    return '<div class="tiles">' + "".join(
        f'<div class="tile"><b class="{shade}">{count}</b>{escape(label)}</div>' for count, label, shade in boxes if count) + "</div>"


def losses(result):
    labels = [label for label, found in verdict.all_of(result) if found.loses]
    return f'<p class="bad">Transom loses to nginx in: {escape("; ".join(labels))}.</p>' if labels else ""


def ratio_table(result):
    scenarios, others = rows.ratio_scenarios(result), rows.other_peers(result)
    head = [*rows.RATIO_HEAD, *(f"nginx ÷ {name}" for name in others)]
    return table(head, [tr(rows.ratio_row(scenario, others), {0, 1, 5}) for scenario in scenarios], {0, 1, 5}) if scenarios else ""


def base_table(result):
    found = rows.base_rows(result)
    return table(rows.BASE_HEAD, [tr(row, {0, 1, 3}) for row in found], {0, 1, 3}) if found else ""


def value_table(result):
    head, found = rows.value_head(result), rows.value_rows(result)
    left = {0, 1, len(head) - 1}
    return table(head, [tr(row, left) for row in found], left) if found else ""


def load_table(result):
    lines = []
    for scenario in result.scenarios:
        if scenario.peers:
            lines.append(f'<tr class="group"><td colspan="{len(rows.LOAD_HEAD)}">{escape(scenario.name)} · {escape(scenario.title)}</td></tr>')
            lines += [tr(row, rows.LOAD_LEFT) for row in rows.load_rows(scenario)]
    return table(rows.LOAD_HEAD, lines, rows.LOAD_LEFT) if lines else ""


def table(head, lines, left):
    heads = "".join(f'<th{" class=text" if column in left else ""}>{escape(text)}</th>' for column, text in enumerate(head))
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>\n' + "\n".join(lines) + "\n</tbody></table></div>"


def tr(row, left):
    cells = (f'<td class="{"text " if column in left else ""}{cell.tone}">{escape(cell.text)}</td>' for column, cell in enumerate(row))
    return f"<tr>{''.join(cells)}</tr>"


def shows(result):
    items = []
    for scenario in result.scenarios:
        unequal = f" <em>Not equal: {escape(scenario.unequal)}</em>" if scenario.unequal else ""
        if scenario.shows or unequal:
            items.append(f"<li><b>{escape(scenario.name)}</b>, {escape(scenario.title)}: {escape(scenario.shows)}{unequal}</li>")
    return f'<ul>{"".join(items)}</ul>' if items else ""


def facts(result):
    lines = "".join(f'<tr><td class="muted">{escape(name)}</td><td>{value(name, text)}</td></tr>' for name, text in rows.facts(result.run))
    return f'<table class="facts">{lines}</table>'


def value(name, text):
    return f"<code>{escape(text)}</code>" if name == "command" else escape(text)


def notes(result):
    return "".join(f"<p>{escape(note)}</p>" for note in result.run.get("notes", []))


def files(result):
    """Links to the raw data and to the configuration of every peer."""
    raw = [name for name in ("run.json", "rounds.csv", "latency.csv", "values.csv") if (result.folder / name).exists()] + ["summary.md"]
    configs = sorted(path.name for path in (result.folder / "configs").glob("*") if path.is_file())
    links = [f"<p>Raw data: {joined(raw, '')}</p>"]
    return "\n".join(links + ([f"<p>Configurations: {joined(configs, 'configs/')}</p>"] if configs else []))


def joined(names, folder):
    return ", ".join(f'<a href="{folder}{escape(name)}">{escape(name)}</a>' for name in names)
