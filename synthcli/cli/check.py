"""`synth check`: does the model of a preset keep what every model promises?"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.presets import AsJson, Config, PresetName, Scale, Set
from synthcli.errors import WorkFailedError
from synthcli.memory import refuse_larger
from synthcli.presets import load_preset
from synthcli.presets.commands import build_command
from synthcli.presets.scales import smallest_scale

if TYPE_CHECKING:
    from synthcli.jobs.check import Finding

VERDICTS = {True: "proved ✓", False: "broken ✗"}


def check(
    preset: PresetName, scale: Scale = None, config: Config = None, set_: Set = None, as_json: AsJson = False
) -> None:
    """Prove that a model leaks nothing, learns everywhere, decodes as it trains, and more.

    Without --scale the smoke-sized model is checked where the preset has one: the promises are about
    structure, not size.

    Examples:

    ```
    synth check codeparrot-skipless
    synth check mine.toml
    ```
    """
    chosen = scale or smallest_scale(preset)
    experiment = load_preset(preset, chosen, config, set_ or ())  # a mistake is told before torch is there
    from synthcli.jobs.check import findings, size

    if chosen != scale:
        screen.say(f"checking `{preset}` at scale `{chosen}`: the promises are about structure, not size")
    its = size(experiment)
    deep = f"{its.deep_parameters:,} with {its.layers} layers ({its.memory / 2**30:.1f} GiB)"
    screen.say(f"parameters: {its.parameters:,}, and {deep}")
    refuse_larger(f"a model of {its.deep_parameters:,} parameters", its.memory, "check a smaller `--scale`")
    found = findings(experiment.model)
    broken = [one.promise for one in found if not one.is_kept]
    if as_json:
        table = {"preset": preset, "scale": experiment.scale, "parameters": its.parameters}
        screen.data(json.dumps(table | {"promises": [asdict(one) for one in found]}, indent=2))
    else:
        headers = ["promise", "verdict", "detail", "seconds"]
        screen.table(None, headers, rows_of(found), right=frozenset({3}), least=(3,))
    if broken:
        message = f"`{preset}` breaks {len(broken)} of {len(found)} promises: {', '.join(broken)}"
        raise WorkFailedError(message, "what each promise means: `docs/architecture.md`, contract")
    command = build_command(experiment.verb, preset, scale, config, set_ or ())
    screen.say(f"sound: {len(found)} promises kept\nnext: `{command}`")


def rows_of(found: "list[Finding]") -> list[list[str]]:
    """Return one row a promise."""
    return [[one.promise, VERDICTS[one.is_kept], one.detail, f"{one.seconds:.2f}"] for one in found]
