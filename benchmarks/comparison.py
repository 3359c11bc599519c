"""Gives several contestants the same work by turns, so that other load on the machine affects all of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.progress import Progress

Turn = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Effort:
    rounds: int
    seconds: float
    """Seconds of requests in each turn."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a ratio: the figure of the row `of`, divided by that of the row `over`."""

    of: str
    over: str
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None
    """A ratio, higher than `at_least`, that we try to reach."""

    def is_met(self, ratio: float) -> bool:
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)

    @property
    def bound(self) -> str:
        if self.at_least is None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" + (f", aim {self.aim:g}" if self.aim is not None else "")


@dataclass(slots=True)
class Comparison:
    """Figures of one kind. Those of each contestant are in the order of the rounds."""

    title: str
    unit: str
    goals: Sequence[Goal] = ()
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, figure: float) -> None:
        self.figures.setdefault(name, []).append(figure)

    def middle(self, name: str) -> float:
        return median(self.figures[name])

    def spread(self, name: str) -> float:
        """Return how much the rounds differ: (highest - lowest) / median."""
        values = self.figures[name]
        return (max(values) - min(values)) / self.middle(name)

    def ratios(self, of: str, over: str) -> list[float]:
        """Return the ratio of two rows in each round."""
        return [a / b for a, b in zip(self.figures[of], self.figures[over], strict=True)]

    def ratio(self, goal: Goal) -> float:
        """Return the median of the ratios of all rounds."""
        return median(self.ratios(goal.of, goal.over))


async def by_turns(progress: Progress, title: str, rounds: int, turns: Mapping[str, Turn]) -> None:
    """Run the turns in the order A B C, A B C, …: each contestant has one turn in each round."""
    task = progress.add_task(title, total=rounds * len(turns))
    for _ in range(rounds):
        for name, turn in turns.items():
            progress.update(task, description=f"{title}: {name}")
            await turn()
            progress.advance(task)
    progress.update(task, description=title)
