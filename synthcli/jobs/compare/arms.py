"""The arms of a comparison: presets, each with settings of its own, the first of them the baseline."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment
from synthcli.runs import Run, find_run, list_runs, read_experiment

NAMED = re.compile(r"^(?P<name>[\w.-]+)=(?P<rest>.*)$", re.DOTALL)
SEED = "training.seed="
FORM = "an arm is `PRESET`, or `NAME=PRESET: KEY=VALUE …`, say `'few=wmt14-dense: model.mixer.heads=2'`"


@dataclass(frozen=True)
class Rung:
    """One value of a ladder, such as `steps=250`, and the settings of an arm that it stands for."""

    name: str
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """A preset or a file, and the settings that this arm alone has; or a run that is compared as it is.

    Those of a rung count last, before the seed.
    """

    name: str
    preset: str
    overrides: tuple[str, ...] = ()
    run: Run | None = None
    rung: Rung | None = None

    @property
    def has_own_seeds(self) -> bool:
        """Whether its seeds follow one that it sets, not the baseline's: then equal seeds are no pairs."""
        return any(one.startswith(SEED) for one in self.overrides)

    def experiment(self, scale: str | None, overrides: Sequence[str], seed: int | None) -> Experiment:
        """Return the experiment of one seed: settings of all arms, then those of this one."""
        if self.run is not None:
            return read_experiment(self.run)
        seeds = [] if seed is None else [f"{SEED}{seed}"]
        of_rung = self.rung.settings if self.rung else ()
        return load_preset(self.preset, scale, None, [*overrides, *self.overrides, *of_rung, *seeds])


def parse_arm(word: str) -> Arm:
    """Return the arm that a word of the command line says."""
    if (run := _run_of(word)) is not None:
        return Arm(run.id, run.name, run=run)
    preset, colon, settings = word.partition(":")
    named = NAMED.match(preset)
    preset = (named["rest"] if named else preset).strip()
    try:
        overrides = tuple(shlex.split(settings))
    except ValueError as error:
        raise SynthError(f"the settings of arm `{word}` cannot be read: {error}", FORM) from error
    bad = next((one for one in overrides if "=" not in one), None)
    if not preset or bad is not None or (colon and not overrides):
        what = f"`{bad}` is no `KEY=VALUE`" if bad else "it names no settings" if preset else "no preset"
        raise SynthError(f"arm `{word}`: {what}", FORM)
    return Arm(named["name"] if named else Path(preset).stem, preset, overrides)


def parse_arms(words: Sequence[str], alone: bool = False) -> list[Arm]:
    """Return all arms, the baseline first; names are unique. Of a noise floor there is one, `alone`."""
    arms = [parse_arm(word) for word in words]
    if alone and len(arms) > 1:
        raise SynthError(f"a noise floor is of one preset, and {len(arms)} are named", "name one")
    if len(arms) < 2 and not alone:
        raise SynthError("a comparison has two arms or more", FORM)
    twice = [name for name, count in Counter(arm.name for arm in arms).items() if count > 1]
    if twice:
        raise SynthError(f"two arms are called `{twice[0]}`", f"name them: `{twice[0]}-2={twice[0]}: …`")
    if len({arm.run is None for arm in arms}) > 1:
        message = "runs are compared with runs, and presets with presets: a preset has several seeds"
        raise SynthError(message, "name runs alone, or their presets")
    return arms


def _run_of(word: str) -> Run | None:
    """Return the finished run that a word names by its folder or its id; None where it names none."""
    run = next((run for run in list_runs() if run.id == word), None)
    if run is None and Path(word).is_dir():
        run = find_run(word)
    if run is not None and not run.is_finished:
        message = f"run `{run.path}` is not complete: its figures are of half a training"
        raise SynthError(message, f"`synth train --resume {run.path}` goes on with it")
    return run
