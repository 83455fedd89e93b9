"""How tables and numbers look in Markdown."""

from collections.abc import Sequence


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a table; numbers stand on the right."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def number(value: float) -> str:
    """Show three digits, and no more than are left of the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
