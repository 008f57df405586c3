"""The whole of it in order: probe, closed forms, short training with corrected targets, healing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synthcli.compress.distilling import Progress, silent
from synthcli.errors import SynthError
from synthcli.jobs import distil_block, probe
from synthcli.jobs.distil_block import Outcome, Request, Work
from synthcli.jobs.heal import heal
from synthcli.jobs.heal_request import HealRequest
from synthcli.jobs.train import Trained, Watcher
from synthcli.presets import load_preset
from synthcli.presets.compression import CompressConfig
from synthcli.runs import Run

METHOD = "pipeline"


@dataclass(frozen=True)
class Pipeline:
    """What each stage came to; the run of the healed student is the result."""

    probed: dict[str, Any]
    distilled: Outcome
    healed: Trained

    @property
    def run(self) -> Run:
        return self.healed.run

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        healing = self.run.read_results()["compress"]
        return {
            "probe": self.probed,
            "distil": self.distilled.to_json(),
            "heal": healing,
            "run": str(self.run.path),
        }


def is_pipeline(preset: str | None, scale: str | None) -> bool:
    """Whether a preset asks for all stages."""
    compress = None if preset is None else load_preset(preset, scale).compress
    return compress is not None and compress.method == METHOD


def settings_of(preset: str, scale: str | None) -> CompressConfig:
    """Return the `[compress]` of a pipeline."""
    compress = load_preset(preset, scale).compress
    if compress is None or compress.method != METHOD:
        raise SynthError(f"preset `{preset}` is no pipeline", "`bert-half-pipeline` is one")
    return compress


def begun(
    work: Work, progress: Progress = silent, say: Callable[[str], None] = distil_block.quiet
) -> tuple[dict[str, Any], Outcome]:
    """Probe the blocks and distil them; return the report of the one and the student of the other."""
    say("1 of 3: probe")
    probed = probe.carried_out(probing(work), lambda what, done, total: progress(what, done, total, ""))
    say("2 of 3: distil")
    return probed, distil_block.carried_out(work, progress, say)


def finished(
    probed: dict[str, Any], distilled: Outcome, compress: CompressConfig, watcher: Watcher
) -> Pipeline:
    """Heal the student."""
    watcher.say("3 of 3: heal")
    return Pipeline(probed, distilled, heal(healing(distilled.work, compress, distilled.run), watcher))


def probing(work: Work) -> probe.Work:
    """Return the probe of the blocks to be replaced, on the same text."""
    asked: Request = work.request
    return probe.found(
        probe.Request(
            str(work.teacher.path), tuple(sorted(work.students)), text=asked.text, cache_limit=work.plan.limit
        )
    )


def healing(work: Work, compress: CompressConfig, student: Run) -> HealRequest:
    """Return the healing of a student."""
    assert compress.heal_steps is not None and compress.heal_learning_rate is not None
    return HealRequest(
        checkpoint=str(student.path),
        teacher=str(work.teacher.path),
        steps=compress.heal_steps,
        learning_rate=compress.heal_learning_rate,
        batch_size=compress.batch_size,
        hidden=compress.hidden,
        temperature=compress.temperature,
        train_only=compress.train_only,
        seed=work.plan.settings.seed,
    )
