"""The sessions of a run: on what each computed, and where the next one computes on something else."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synthcli.device import describe_gpu
from synthcli.presets.merge import tables
from synthcli.progress import Say, say_nothing
from synthcli.runs.environment import environment
from synthcli.training.trainer import Callback

if TYPE_CHECKING:
    from synthcli.runs.run import Run
    from synthcli.training.trainer import Trainer

# in which order sums are made, and how exactly
DECIDES_SUMS = ("threads", "processes", "micro_size", "device", "gpu", "precision", "recurrence")


class Sessions(Callback):
    """Notes what a training ran on, and its end; says where a resumption runs on something else."""

    def __init__(
        self,
        run: "Run",
        store_hash: str | None,
        say: Say = say_nothing,
        trackers: Sequence[str] = (),
    ) -> None:
        self.run, self.store_hash, self.say, self.trackers = run, store_hash, say, trackers

    def on_start(self, training: "Trainer") -> None:
        import torch

        from synthcli.model.ops.dispatch import description

        facts = {
            "recurrence": description(training.device.type, training.device.index),
            "store": self.store_hash,
            "from_step": training.step,
            "steps": training.steps,
            "log_every": training.config.log_every,
            "evaluate_every": training.config.evaluate_every,
            "precision": training.precision.description,
            "device": str(training.device),
            **describe_gpu(training.device),
            "micro_size": training.batch.micro_size or "the whole batch",
            "processes": training.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            **({"trackers": list(self.trackers)} if self.trackers else {}),
        }
        before = self.run.sessions
        if before and training.step:
            for line in other_machine(before[-1], {**environment(), **facts}):
                self.say(line)
        self.run.note_session(**facts)

    def on_end(self, training: "Trainer") -> None:
        if training.step == training.steps:
            self.run.finish(steps=training.steps)


def other_machine(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return a line for each thing that sums depend on and that differs between two sessions of a run."""
    pairs = [(key, before.get(key), now.get(key)) for key in DECIDES_SUMS]
    old, new = (tables(one, "versions")[0].get("torch") for one in (before, now))
    pairs.append(("torch", old, new))
    return [
        f"`{key}` was {old} and is {new}: the bits may differ from those of a run never stopped"
        for key, old, new in pairs
        if None not in (old, new) and strip_choice(key, old) != strip_choice(key, new)
    ]


def strip_choice(key: str, value: object) -> object:
    """Return what sums depend on: the format of a precision, whoever chose it, and the kind of a device."""
    separator = {"precision": ",", "device": ":"}.get(key)
    return value if separator is None else str(value).partition(separator)[0]
