"""Shows the results: a table on the terminal, and a table and a plot in `results/`."""

import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.comparison import Comparison, Effort

RESULTS = Path(__file__).with_name("results")

_LIBRARIES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sqlalchemy", "bcrypt", "pyjwt", "structlog")


def table_of(comparisons: Sequence[Comparison]) -> str:
    """Return the results as a table in Markdown."""
    return "\n".join(_lines(comparisons))


def _lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    yield "| | median | spread | ratio | goal | |"
    yield "|---|---:|---:|---|---|---|"
    for comparison in comparisons:
        yield f"| **{comparison.title}** | {comparison.unit} | | | | |"
        for name in comparison.figures:
            goals = [goal for goal in comparison.goals if goal.over == name]
            ratios = "<br>".join(f"{comparison.ratio(goal):.3g}" for goal in goals)
            bounds = "<br>".join(f"{goal.of}: {goal.bound}" for goal in goals)
            verdicts = "<br>".join("met" if goal.is_met(comparison.ratio(goal)) else "**missed**" for goal in goals)
            yield (
                f"| {name} | {_number(comparison.middle(name))} | {comparison.spread(name):.0%} "
                f"| {ratios} | {bounds} | {verdicts} |"
            )


def write_results(comparisons: Sequence[Comparison], effort: Effort) -> None:
    RESULTS.mkdir(exist_ok=True)
    heading = (
        f"# Measured on {datetime.now(UTC):%Y-%m-%d}\n\n{_machine()}\n\n"
        f"{effort.rounds} rounds by turns, {effort.seconds:g} seconds of requests each. The ratio is the median of the "
        "ratios within the rounds; the spread is (highest - lowest) / median.\n\n"
    )
    (RESULTS / "results.md").write_text(heading + table_of(comparisons) + "\n")
    _plot(comparisons, RESULTS / "results.png")


def _plot(comparisons: Sequence[Comparison], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  not needed for a single chapter

    columns = 2
    rows = -(-len(comparisons) // columns)
    figure = Figure(figsize=(13, 2.3 * rows), layout="constrained")
    for comparison, axes in zip(comparisons, figure.subplots(rows, columns).flat, strict=False):
        names = list(comparison.figures)
        middles = [comparison.middle(name) for name in names]
        axes.barh(names, middles, color=["#2a6fbb" if name.startswith("jwtapi") else "#b9c4ce" for name in names])
        for row, name in enumerate(names):
            values = comparison.figures[name]
            axes.plot(values, [row] * len(values), "k|", markersize=7, alpha=0.5)
            axes.text(max(values), row, f"  {_number(middles[row])}", va="center", fontsize=9)
        axes.set_title(f"{comparison.title} ({comparison.unit})", fontsize=10, loc="left")
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in figure.axes[len(comparisons) :]:
        axes.remove()
    figure.savefig(path, dpi=110)


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_cpu()}, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"Node.js {_node()}. {libraries}."
    )


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} cores: {models[0]}" if models else platform.machine()


def _node() -> str:
    node = shutil.which("node")
    return (
        subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip() if node else "-"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
