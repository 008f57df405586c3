"""How a model was trained, in words that hold: the preset, its scale, and what was changed in it."""

from synthcli.errors import SynthError
from synthcli.exporters.markdown import plain
from synthcli.presets import differences, load_preset, preset_names
from synthcli.presets.old_names import preset_now
from synthcli.presets.schema import Experiment

# a store decides how many pieces and which classes there are; where files lie is not for others to read
UNSAID = (
    "`model.vocab_size`",
    "`model.num_classes`",
    "`model.class_names`",
    "`data.source`",
    "`data.tokenizer.files`",
)


def recipe_of(experiment: Experiment) -> str | None:
    """Return a sentence for the card; None where no preset of the library was trained."""
    original = original_of(experiment, experiment.scale)
    if original is None:
        return None
    changed = [line for line in differences(original, experiment) if not line.startswith(UNSAID)]
    command = f"`synth train {experiment.name} --scale {experiment.scale}`"
    if not changed:
        return f"{command} repeats it."
    return f"{command} with other settings: {', '.join(map(escape_line, changed))}."


def escape_line(line: str) -> str:
    """Return `training.seed`: 1 → 2 with values that markdown shows as they are."""
    key, _, values = line.partition(": ")
    return f"{key}: {plain(values)}"


def title_of(experiment: Experiment) -> str | None:
    """Return the preset's title, unless it names a corpus that was not read."""
    published = original_of(experiment, "paper")
    is_another = published is not None and published.data.corpus != experiment.data.corpus
    return None if is_another else experiment.title


def original_of(experiment: Experiment, scale: str) -> Experiment | None:
    """Return the library's preset of this name; a student or a finetuned model is none."""
    is_derived = experiment.compress is not None or experiment.start is not None
    if is_derived or preset_now(experiment.name) not in preset_names():
        return None
    try:
        return load_preset(experiment.name, scale).from_scratch()
    except SynthError:  # the library's preset has changed since
        return None
