"""A model of half the depth, three ways, in the same processor time.

    merged    every pair merged by formula (and trained for --steps), then healed
    dropped   the last of every pair kept, the first dropped, then healed for as many steps
    scratch   that size trained on the text itself, for the processor time that merging and healing took

All are held against the teacher on the same tokens. Run as
`python benchmarks/half_depth.py --teacher RUN --heal-steps 300`; runs are written where `SYNTH_RUNS` says.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from synthcli.compress.activations.hook_points import main_stack
from synthcli.compress.config import HealConfig, MergeConfig
from synthcli.jobs.compress import heal, merge_layers
from synthcli.jobs.compress.agreement import AgreementConfig, agree
from synthcli.jobs.compress.students import label_of
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.jobs.compress.texts import experiment_of
from synthcli.jobs.train import Observer, train_experiment
from synthcli.presets.schema import Experiment
from synthcli.runs import Run

PILOT = 10  # steps that tell how long one takes
WARMUP = 0.04  # share of the steps, as in healing
FIGURES = ("kl", "teacher_top1", "teacher_top5", "teacher_top10", "accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--teacher", required=True, help="a run of a language model with data of its own")
    parser.add_argument("--limit", type=int, default=1000, help="sequences to merge on")
    parser.add_argument("--steps", type=int, default=0, help="training steps of each merged layer")
    parser.add_argument("--heal-steps", type=int, default=300)
    parser.add_argument("--lr", type=float, default=5e-4, help="peak rate of healing")
    parser.add_argument("--hidden", type=float, default=0.0, help="weight of hidden states in healing")
    parser.add_argument("--evaluated", type=int, default=None, help="test sequences; all if left out")
    parser.add_argument("--out", type=Path, default=None, help="where to write the table as JSON")
    options = parser.parse_args()
    teacher = find_teacher(options.teacher)
    observer = Observer(say=print)

    def student(start: str, steps: int) -> Run:
        word, name = str(teacher.path), f"{label_of(teacher)}-half-{start}"
        config = MergeConfig(
            teacher=word, start=start, conditioned="corrected", steps=steps, limit=options.limit
        )
        return merge_layers.run(merge_layers.prepare(config, name), say=print).run

    def healed(run: Run) -> Run:
        rates = {"learning_rate": options.lr, "hidden": options.hidden}
        config = HealConfig(steps=options.heal_steps, **rates)
        return heal.run(heal.prepare(config, str(run.path), observer), observer).run

    merged, merging = timed(lambda: student("pooled", options.steps))
    merged_healed, healing = timed(lambda: healed(merged))
    dropped, dropping = timed(lambda: student("copy-last", 0))
    dropped_healed, healing_dropped = timed(lambda: healed(dropped))
    scratch, training = from_scratch(experiment_of(teacher), merging + healing, observer)
    rows = {
        "merged": (merged, merging),
        "merged, healed": (merged_healed, merging + healing),
        "every other layer dropped": (dropped, dropping),
        "dropped, healed": (dropped_healed, dropping + healing_dropped),
        "trained from scratch": (scratch, training),
    }
    report(rows, str(teacher.path), options)


def timed(work: Callable[[], Run]) -> tuple[Run, float]:
    """Return a run and the processor seconds it took."""
    began = time.process_time()
    run = work()
    return run, time.process_time() - began


def from_scratch(base: Experiment | None, budget: float, observer: Observer) -> tuple[Run, float]:
    """Train a model of half the depth in about so many processor seconds."""
    if base is None:
        raise SystemExit("the teacher belongs to no run whose training could be repeated at half the depth")
    _, pilot = timed(lambda: train_experiment(of_half_depth(base, PILOT, 1), observer).run)
    steps = max(2 * PILOT, round(PILOT * budget / pilot))
    print(f"from scratch: {steps} steps in {budget:.0f} processor seconds")
    return timed(lambda: train_experiment(of_half_depth(base, steps, 8), observer).run)


def of_half_depth(base: Experiment, steps: int, evaluations: int) -> Experiment:
    """Return the teacher's own experiment with half of its layers."""
    table: dict[str, Any] = base.model_dump()
    table["model"][main_stack(base.model)]["layers"] //= 2
    every = max(1, steps // evaluations)
    table["training"] |= {"steps": steps, "epochs": None, "evaluate_every": every, "save_every": every}
    table["training"] |= {"validation_examples": 256}
    table["training"]["schedule"]["warmup_steps"] = max(1, round(WARMUP * steps))
    return Experiment.model_validate(table | {"name": f"{base.name}-half-scratch", "claims": {}})


def report(rows: dict[str, tuple[Run, float]], teacher: str, options: argparse.Namespace) -> None:
    """Evaluate all students in one pass; print and write the table."""
    words = tuple(str(run.path) for run, _ in rows.values())
    found = agree(AgreementConfig(words, teacher, limit=options.evaluated))
    table = []
    for (name, (run, seconds)), one in zip(rows.items(), found.students, strict=True):
        figures = {figure.name: [figure.value, figure.interval] for figure in one.result.figures}
        table.append(
            {
                "student": name,
                "cpu_seconds": round(seconds, 1),
                "parameters": one.cost.parameters,
                "milliseconds": one.cost.milliseconds,
                "figures": figures,
                "hidden_nmse": one.layers,
                "run": str(run.path),
            }
        )
        shown = "  ".join(f"{key} {figures[key][0]:.3f}" for key in FIGURES)
        print(f"{name:28} {seconds:7.0f} cpu s  {one.cost.parameters:,} parameters  {shown}")
    if options.out is not None:
        settings = {key: str(value) for key, value in vars(options).items()}
        options.out.write_text(json.dumps({"settings": settings, "students": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
