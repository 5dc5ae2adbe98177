"""`summary.md`: where and how it was measured, then every figure, then the charts. Written for people who read it on a forge."""
from . import rows, verdict

MARK = {verdict.Reached.STRETCH: "★", verdict.Reached.GATE: "✓", verdict.Reached.BELOW: "✗"}


def summary(result, charts):
    """The text of `summary.md`; `charts` are pairs of a file name and a title."""
    parts = [f"# nginx and Transom, {result.run.get('date', '')}".rstrip(" ,"),
             table(["", ""], [[name, code(text) if name == "command" else text] for name, text in rows.facts(result.run)]),
             rows.METHOD, *notes(result.run), tally(result)]
    scenarios = rows.ratio_scenarios(result)
    others = rows.other_peers(result)
    if scenarios:
        head = [*rows.RATIO_HEAD, *(f"nginx ÷ {name}" for name in others)]
        parts += ["## CPU per request", table(head, [cells(rows.ratio_row(scenario, others)) for scenario in scenarios], {0, 1, 5})]
    if base := rows.base_rows(result):
        parts += ["## Against another build", table(rows.BASE_HEAD, [cells(row) for row in base], {0, 1, 3})]
    values = rows.value_rows(result)
    if values:
        head = rows.value_head(result)
        parts += ["## Absolute figures", "Medians of the runs, less is better; targets are the most Transom may need.",
                  table(head, [cells(row) for row in values], {0, 1, len(head) - 1})]
    loaded = [scenario for scenario in result.scenarios if scenario.peers]
    if loaded:
        lines = [[scenario.name, *cells(row)] for scenario in loaded for row in rows.load_rows(scenario)]
        parts += ["## Under load", table(["", *rows.LOAD_HEAD], lines, {0, *(1 + column for column in rows.LOAD_LEFT)})]
    parts += details(result)
    if charts:
        parts += ["## Charts", *(f"![{title}](charts/{name})" for name, title in charts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def notes(run):
    return ["\n".join(f"- {note}" for note in run["notes"])] if run.get("notes") else []


def tally(result):
    """How many targets were reached, and by name where Transom loses."""
    judged = verdict.all_of(result)
    counts = [f"{sum(found.reached is kind for _, found in judged)} {kind.value}" for kind in verdict.Reached]
    losses = [label for label, found in judged if found.loses]
    text = "Of {} figures: {}.".format(len(judged), ", ".join(count for count in counts if not count.startswith("0 ")))
    return text + ("" if not losses else "\n\n**Transom loses to nginx in:** " + "; ".join(losses) + ".")


def details(result):
    """What each scenario shows and what is not equal in it."""
    lines = []
    for scenario in result.scenarios:
        unequal = f" *Not equal:* {scenario.unequal}" if scenario.unequal else ""
        if scenario.shows or unequal:
            lines.append(plain(f"- **{scenario.name}**, {scenario.title}: {scenario.shows}{unequal}"))
    return ["## What the scenarios show", "\n".join(lines)] if lines else []


def cells(row):
    """Texts with what is bad in bold and a sign before a verdict, for a forge shows no colours."""
    texts = [f"**{cell.text}**" if cell.tone == rows.BAD else cell.text for cell in row]
    for kind, mark in MARK.items():
        texts = [f"{mark} {text}" if text.strip("*").startswith(kind.value) else text for text in texts]
    return texts


def table(head, lines, left=frozenset({0, 1})):
    """A Markdown table; columns that are not in `left` are numbers."""
    rule = [":--" if column in left else "--:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(plain(text).replace("|", "\\|") for text in row) + " |" for row in [head, rule, *lines])


def plain(text):
    """Without what a forge would take for a tag."""
    return text.replace("<", "&lt;")


def code(text):
    return f"`{text}`"
