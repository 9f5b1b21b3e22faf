"""What an import clipped, guessed or left out, counted by kind, so that it is said once and nothing is silent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Remarks:
    """Kinds of remarks in the order of their appearance, how often each was made, and the first place of each."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, place: str, count: int = 1) -> None:
        """Count a remark of a kind, such as "regions extend beyond their image and are clipped"."""
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.first.setdefault(kind, place)

    def lines(self) -> list[str]:
        """A line for each kind."""
        return [f"{kind}: {count} (first: {self.first[kind]})" for kind, count in self.counts.items()]
