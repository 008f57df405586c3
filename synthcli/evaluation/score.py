"""A measured figure with what gives it its meaning."""

from dataclasses import dataclass

from synthcli.evaluation.bootstrap import Sampled


@dataclass(frozen=True)
class Score:
    """`protocol` says in words how the figure was made, `signature` in the tool's own code."""

    name: str
    sampled: Sampled
    protocol: str
    signature: str = ""
    higher_is_better: bool = True

    @property
    def value(self) -> float:
        return self.sampled.value
