"""Bars of how many times as fast as Meta's code each side is, from the rows of ``python -m speed --json FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"transformers": "0.6", "float32": "#3b75af", "bfloat16": "#519e3e", "micro": "#e08532"}


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Write the picture of all rows that have a ratio; Meta is the line at 1."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    measured = [row for row in rows if row["ratio"] is not None]
    figure, axes = pyplot.subplots(figsize=(8, 0.34 * len(measured) + 1.2), layout="constrained")
    places = range(len(measured), 0, -1)
    for place, row in zip(places, measured, strict=True):
        colour = next((c for name, c in COLOURS.items() if row["side"].startswith(name)), "0.4")
        axes.barh(place, row["ratio"], color=colour, height=0.7)
        axes.text(row["ratio"] * 1.04, place, f"{row['ratio']:.3g} x", va="center", fontsize=8)
    axes.set_yticks(list(places), [f"{row['what']} · {row['side']}" for row in measured], fontsize=8)
    axes.axvline(1, color="0.2", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.5, 2.5 * max(row["ratio"] for row in measured))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} x")
    axes.set_xlabel("times as fast as Meta's sam2 1.1.0 in the same run")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110)
    pyplot.close(figure)
