"""The whole of it in order: probe, closed forms, short training with corrected targets, healing."""

from dataclasses import dataclass
from typing import TypeVar

from synthcli.compress.config import DistillConfig, HealConfig, PipelineConfig, ProbeConfig
from synthcli.config import Config
from synthcli.jobs.compress import distill_block, heal, probe
from synthcli.jobs.compress.distill_block import DistillJob, DistillOutcome
from synthcli.jobs.compress.report_types import ProbeReport
from synthcli.jobs.train import Observer, Trained
from synthcli.model import ModelConfig
from synthcli.progress import Progress, Say, no_progress, say_nothing
from synthcli.runs import Run

Part = TypeVar("Part", bound=Config)


@dataclass(frozen=True)
class Pipeline:
    """What each stage came to; the run of the healed student is the result."""

    probed: ProbeReport
    distilled: DistillOutcome
    healed: Trained

    @property
    def run(self) -> Run:
        return self.healed.run

    def to_json(self) -> dict[str, object]:
        """Return what `--json` prints."""
        healing = self.run.read_results()["compress"]
        return {
            "probe": self.probed,
            "distil": self.distilled.to_json(),
            "heal": healing,
            "run": str(self.run.path),
        }


def prepare(
    config: PipelineConfig,
    model: ModelConfig | None = None,
    name: str | None = None,
    preparing: Progress = no_progress,
) -> DistillJob:
    """Return everything that distilling needs, which the other stages begin from."""
    return distill_block.prepare(_part(DistillConfig, config), model, name, preparing)


def run_distillation(
    job: DistillJob, progress: Progress = no_progress, say: Say = say_nothing
) -> tuple[ProbeReport, DistillOutcome]:
    """Probe the blocks and distill them; return the report of the one and the student of the other."""
    say("1 of 3: probe")
    blocks, teacher = tuple(sorted(job.students)), str(job.teacher.path)
    settings = _part(ProbeConfig, job.config).model_copy(update={"blocks": blocks, "teacher": teacher})
    probed = probe.run(probe.prepare(settings), progress)
    say("2 of 3: distill")
    return probed, distill_block.run(job, progress, say)


def run_healing(
    config: PipelineConfig, probed: ProbeReport, distilled: DistillOutcome, observer: Observer
) -> Pipeline:
    """Heal the student, on the text of its teacher."""
    observer.say("3 of 3: heal")
    own = {
        "teacher": str(distilled.job.teacher.path),
        "steps": config.heal_steps,
        "learning_rate": config.heal_learning_rate,
    }
    text = {"corpus": None, "source": None, "max_length": None, "epochs": None}
    settings = _part(HealConfig, config).model_copy(update=own | text)
    job = heal.prepare(settings, str(distilled.run.path), observer)
    return Pipeline(probed, distilled, heal.run(job, observer))


def _part(kind: type[Part], config: Config) -> Part:
    """Return the settings of one stage among those of another."""
    shared = kind.model_fields.keys() & type(config).model_fields.keys() - {"method"}
    return kind().model_copy(update={key: getattr(config, key) for key in shared})
