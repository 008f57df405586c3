"""`synth check`: has the model of a preset the properties that every model must have?"""

import json
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.presets import AsJson, Config, PresetName, Scale, Set
from synthcli.errors import WorkFailedError
from synthcli.memory import refuse_larger
from synthcli.presets import load_preset
from synthcli.presets.commands import build_command
from synthcli.presets.scales import smallest_scale

if TYPE_CHECKING:
    from synthcli.jobs.check import PropertyFinding

VERDICTS = {True: "holds ✓", False: "fails ✗"}


def check(
    preset: PresetName, scale: Scale = None, config: Config = None, set_: Set = None, as_json: AsJson = False
) -> None:
    """Prove that a model leaks nothing, learns everywhere, decodes as it trains, and more.

    Without --scale the smoke-sized model is checked where the preset has one: the properties are about
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
        screen.say(f"checking `{preset}` at scale `{chosen}`: the properties are about structure, not size")
    its = size(experiment)
    deep = f"{its.deep_parameters:,} with {its.layers} layers ({its.memory / 2**30:.1f} GiB)"
    screen.say(f"parameters: {its.parameters:,}, and {deep}")
    refuse_larger(f"a model of {its.deep_parameters:,} parameters", its.memory, "check a smaller `--scale`")
    found = findings(experiment.model)
    failing = [one.property for one in found if not one.holds]
    if as_json:
        table = {"preset": preset, "scale": experiment.scale, "parameters": its.parameters}
        screen.data(json.dumps(table | {"promises": [_to_json(one) for one in found]}, indent=2))
    else:
        headers = ["property", "verdict", "detail", "seconds"]
        screen.table(None, headers, list_findings(found), right=frozenset({3}), least=(3,))
    if failing:
        message = f"`{preset}` lacks {len(failing)} of {len(found)} properties: {', '.join(failing)}"
        raise WorkFailedError(message, "what each property means: `docs/architecture.md`, contract")
    command = build_command(experiment.verb, preset, scale, config, set_ or ())
    screen.say(f"sound: {len(found)} properties hold\nnext: `{command}`")


def list_findings(found: "list[PropertyFinding]") -> list[list[str]]:
    """Return one row a property."""
    return [[one.property, VERDICTS[one.holds], one.detail, f"{one.seconds:.2f}"] for one in found]


def _to_json(one: "PropertyFinding") -> dict[str, object]:
    """Return a finding under the keys that other programs read."""
    return {"promise": one.property, "is_kept": one.holds, "detail": one.detail, "seconds": one.seconds}
