"""Compare a preset with itself: how often the command calls equal arms different.

    python -m tests.compare.same_arms --real 20 --simulated 200 -o docs/results/same-arms.json

Real: `synth compare wmt14-vanilla 'again=wmt14-vanilla: training.seed=…'`, a training of seconds, other seeds
every time. Simulated: comparisons of the runs so recorded, drawn by chance into two arms. And a planted
difference: the same draws, one arm moved by what as many pairs are said to find with 80 % power.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synthcli.compare.contrasts import contrast_arms, value_of
from synthcli.compare.figures import QUANTITIES
from synthcli.compare.power import smallest_difference
from synthcli.compare.record import RunRecord
from synthcli.jobs.compare.records import read_records

PRESET, LOSS = "wmt14-vanilla", QUANTITIES["perplexity"]
SETTINGS = (
    "model.d_model=64",
    "model.d_ff=128",
    "model.encoder.layers=1",
    "model.decoder.layers=1",
    "training.steps=80",
    "training.schedule.warmup_steps=10",
    "training.evaluate_every=80",
)
MARGIN = 1e-6  # so small that no arms are equivalent: what is not undecided is an error


def compare_for_real(folder: Path, number: int, seeds: int) -> list[str]:
    """Run the command once, on seeds that no other comparison has; return its verdicts."""
    first = 2 * seeds * number
    words = [PRESET, f"again={PRESET}: training.seed={first + seeds}", "--scale", "smoke"]
    words += [word for setting in (*SETTINGS, f"training.seed={first}") for word in ("--set", setting)]
    words += f"--metric {LOSS.word} --seeds {seeds} --margin {MARGIN} --jobs 1 --json".split()
    words += ["-o", f"report-{number}"]
    command = [sys.executable, "-m", "synthcli", "compare", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [one["verdict"] for one in json.loads(done.stdout)["contrasts"]]


def simulate(records: list[RunRecord], seeds: int, count: int, shift: float = 0.0) -> list[str]:
    """Return the verdicts of comparisons of runs drawn without replacement; one arm is worse by `shift`."""
    chance, verdicts = np.random.default_rng(0), []
    for _ in range(count):
        drawn = [records[index] for index in chance.choice(len(records), 2 * seeds, replace=False)]
        sides = (drawn[:seeds], [moved(one, shift) for one in drawn[seeds:]])
        arms = {name: dict(enumerate(side)) for name, side in zip("ab", sides, strict=True)}
        verdicts.append(contrast_arms(arms, LOSS, MARGIN)[0]["verdict"])
    return verdicts


def moved(record: RunRecord, shift: float) -> RunRecord:
    """Return a record whose loss is larger by `shift` nats a token."""
    (figure,) = (one for one in record.figures if one.name == "perplexity")
    statistics = figure.kept.statistics.copy()
    statistics[:, 0] += shift * statistics[:, 1]
    return replace(record, figures=(replace(figure, kept=replace(figure.kept, statistics=statistics)),))


def summarise(records: list[RunRecord], seeds: int, real: list[str], count: int) -> dict[str, Any]:
    losses = [value_of(record, LOSS) for record in records]
    sigma = float(np.std(losses, ddof=1))
    planted = smallest_difference(np.sqrt(2) * sigma, seeds, 0.0)
    return {
        "preset": PRESET,
        "settings": list(SETTINGS),
        "seeds": seeds,
        "commit": records[0].made.get("commit"),
        "losses": {str(record.seed): round(value_of(record, LOSS), 6) for record in records},
        "sigma": sigma,
        "real": Counter(real),
        "simulated": Counter(simulate(records, seeds, count)),
        "planted_difference": planted,
        "planted": Counter(simulate(records, seeds, count, planted)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--simulated", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep runs here, and go on with them")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="same-arms-") as name:
        folder = asked.folder or Path(name)
        folder.mkdir(exist_ok=True)
        real = []
        for number in range(asked.real):
            real += compare_for_real(folder, number, asked.seeds)
            sys.stdout.write(f"{number + 1} of {asked.real}: {real[-1]}\n")
            sys.stdout.flush()
        records = [one for path in sorted(folder.glob("report-*/*/records")) for one in read_records(path)]
        text = json.dumps(summarise(records, asked.seeds, real, asked.simulated), indent=2)
    if asked.output is not None:
        asked.output.write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
