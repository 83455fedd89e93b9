"""From the tables to what people read: `python -m benchmarks.report`.

Writes `docs/benchmarks.md`, its two pictures, and the table between two comments in the README.
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import markdown, plots
from benchmarks.markdown_gpu import gpu_table
from benchmarks.markdown_live import live_goals, live_sentence, live_table
from benchmarks.peers import HERE, ROOT
from benchmarks.tables import Row, read_rows

RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmark:begin -->", "<!-- benchmark:end -->"

GROUPS = ("must_reach", "live", "accuracy", "scaling", "start", "gpu")


def make_report(results: Path, publish: bool) -> None:
    """Make the page; a run that is not for publishing leaves it beside its tables."""
    rows = {group: read_rows(results / f"{group}.csv") for group in GROUPS}
    machine = json.loads((results / "machine.json").read_text())
    images = IMAGES if publish else results
    drawn = {
        "error": plots.error_against_time(rows["accuracy"], images / "benchmark-error.png"),
        "scaling": plots.scaling(rows["scaling"], images / "benchmark-scaling.png"),
    }
    where = "images" if publish else "."
    text = page(rows, machine, {name: where for name, there in drawn.items() if there})
    if publish:
        PAGE.write_text(text)
        write_readme(rows, machine)
    else:
        (results / "report.md").write_text(text)
    print("\n" + markdown.goals_table(rows["must_reach"], rows["gpu"]))


def page(rows: dict[str, list[Row]], machine: dict[str, Any], pictures: dict[str, str]) -> str:
    """Fill the page's template; a section whose table is missing says so."""
    made = {
        "goals": markdown.goals_table(rows["must_reach"], rows["gpu"]),
        "short": markdown.short_table(rows["must_reach"], rows["start"], rows["gpu"]),
        "live": live_table(rows["live"]),
        "live_goals": live_goals(rows["live"]),
        "times": markdown.times_table(rows["must_reach"]),
        "memory": markdown.memory_table(rows["must_reach"]),
        "accuracy": markdown.accuracy_table(rows["accuracy"]),
        "scaling": markdown.scaling_table(rows["scaling"]),
        "start": markdown.start_table(rows["start"]),
        "gpu": gpu_table(rows["gpu"]),
        "machine": "\n".join(machine_lines(machine)),
        "error_picture": _picture("error", pictures, "error against time"),
        "scaling_picture": _picture("scaling", pictures, "time against size"),
    }
    text = (HERE / "page.md").read_text()
    return re.sub(r"\{\{(\w+)\}\}", lambda match: made[match[1]], text)


def _picture(name: str, pictures: dict[str, str], text: str) -> str:
    if name not in pictures:
        return "Not measured."
    return f"![{text}]({pictures[name]}/benchmark-{name}.png)"


def machine_lines(machine: dict[str, Any]) -> list[str]:
    """Describe each machine once, with the tables that were measured on it."""
    tables: dict[str, list[str]] = {}
    for group, facts in machine.items():
        tables.setdefault(machine_sentence(facts), []).append(group)
    if len(tables) == 1:
        return list(tables)
    return [f"- {', '.join(groups)}: {sentence}" for sentence, groups in tables.items()]


def machine_sentence(facts: dict[str, Any]) -> str:
    """Describe what was measured on, and when."""
    versions = ", ".join(
        f"{name} {facts[key]}"
        for name, key in (
            ("napari-drr", "napari-drr"),
            ("DiffDRR", "diffdrr"),
            ("nanodrr", "nanodrr"),
            ("torch", "torch"),
            ("numba", "numba"),
            ("Python", "python"),
        )
    )
    gpu = facts["gpu"] or "no GPU"
    machine = f"{facts['cpu']}, {facts['cores']} cores, {gpu}, {facts['system']}"
    return f"{facts['ct'][0].upper()}{facts['ct'][1:]}. {machine}. {versions}. {facts['date']}."


def write_readme(rows: dict[str, list[Row]], machine: dict[str, Any]) -> None:
    """Renew what stands between the two comments, if they are there."""
    text = README.read_text()
    if BEGIN not in text or END not in text or "must_reach" not in machine:
        return
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    facts = machine_sentence(machine["must_reach"])
    table = markdown.short_table(rows["must_reach"], rows["start"], rows["gpu"])
    if told := live_sentence(rows["live"]):
        table += f" {told}"
    README.write_text(f"{before}{BEGIN}\n\n{table}\n\n{facts}\n\n{END}{after}")


if __name__ == "__main__":
    make_report(RESULTS, publish=True)
