"""What `distill-block` and `merge-layers` show: of what, how far, and which starts came to nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.checkpoints import say_if_unfinished
from synthcli.errors import SynthError
from synthcli.presets.merge import Tree

if TYPE_CHECKING:
    from rich.progress import TaskID

    from synthcli.jobs.compress.distill_block import DistillJob
    from synthcli.jobs.compress.merge_layers import MergeJob
    from synthcli.jobs.compress.report_types import LayerFigures
    from synthcli.presets.compression import Compression


class CompressionProgress:
    """Bars of what is under way; where there is no terminal a line for everything that came to its end."""

    def __enter__(self) -> "CompressionProgress":
        from synthcli.cli.preparing_progress import PreparationBar

        self.bar = screen.progress()
        self.bar.start()
        self.tasks: dict[str, TaskID] = {}
        self.preparing = PreparationBar(self.bar, "store")
        return self

    def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Show how far a piece of work is."""
        if what not in self.tasks:
            self.tasks[what] = self.bar.add_task(what, total=total, rate="")
        self.bar.update(self.tasks[what], completed=done, total=total, rate=note)
        if done == total and note and not screen.err.is_terminal:
            screen.say(f"{what}: {done:,} steps, {note}")

    def __exit__(self, *error: object) -> None:
        self.bar.stop()


# what is wrong, and what helps, where neither a layer nor a preset is named
UNNAMED = {
    "distill-block": (
        "no block is named",
        "name one, `--block 6`, or `--block all`, or give `--preset NAME`",
    ),
    "merge-layers": (
        "no layers are named",
        "name neighbours, `synth merge-layers 6 7`, or give `--all-pairs`",
    ),
}


def load_asked(
    verb: str,
    preset: str | None,
    scale: str | None,
    config: Path | None,
    set_: list[str] | None,
    settings: Tree,
) -> "Compression":
    """Return what a command is asked to do; without a preset the layers have to be named."""
    from synthcli.presets.compression import load_compression

    asked = load_compression(verb, preset, scale, config, set_ or (), settings)
    if preset is None and "blocks" not in asked.config.model_fields_set:
        raise SynthError(*UNNAMED[verb])
    return asked


def announce_compression(job: "DistillJob | MergeJob") -> None:
    """Say what was chosen where nobody said, and the size of what is about to be recorded."""
    from synthcli.compress.activations.cache import format_bytes

    train, held_out = job.texts
    screen.say(f"teacher: `{job.teacher.path}`")
    say_if_unfinished(job.teacher.path)
    tokens = int(train.lengths.sum() + held_out.lengths.sum())
    screen.say(
        f"text: {len(train):,} sequences of {train.name} to learn from, {len(held_out):,} of "
        f"{held_out.split} to evaluate on; {tokens:,} tokens, recorded in {format_bytes(job.bytes)}"
    )


def describe_refused(one: "LayerFigures", where: str) -> list[str]:
    """Say which starts came to nothing, and why."""
    refused = [trial for trial in one["trials"] if trial["after"] is None]
    return [f"note: start `{trial['start']}` is left out in {where}: {trial['why']}" for trial in refused]
