"""Presets that train in a moment, as a user would write them."""

import json
from pathlib import Path

TEACHER = """\
extends = "bert-base-wikitext-2"
title = "A teacher for tests"
[model]
d_model = 16
d_ff = 24
[model.mixer]
heads = 2
[model.encoder]
layers = LAYERS
max_length = 16
[data]
corpus = "text"
source = "SOURCE"
[data.tokenizer]
vocab_size = 60
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 2
precision = "fp32"
[training.schedule]
warmup_steps = 1
"""

# an encoder-decoder that trains in a second
TINY = """\
extends = "wmt14-dense"
title = "A model for tests"
[model]
d_model = 16
d_ff = 32
[model.mixer]
heads = 2
[model.encoder]
layers = 1
max_length = 16
[model.decoder]
layers = 1
max_length = 16
[data]
corpus = "reverse"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 16
[training]
steps = 6
evaluate_every = 3
save_every = 3
validation_examples = 20
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 2
[evaluation]
metrics = ["bleu", "accuracy"]
beam = 2
"""

# it reads the words of `write_words` in the folder `words`
LANGUAGE_MODEL = """\
extends = "lm1b-dense"
title = "A language model for tests"
[model]
d_model = 16
d_ff = 24
[model.mixer]
heads = 2
[model.decoder]
layers = 1
max_length = 48
[data]
corpus = "text"
source = "words"
layout = "packed"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 2
validation_examples = 4
precision = "fp32"
[training.schedule]
warmup_steps = 1
"""

# likewise, in streams: SRU++
STREAMS = """\
extends = "srupp-enwik8-base"
title = "streams"
[model]
d_model = 16
[model.mixer]
projection = 8
[model.decoder]
layers = 2
max_length = 16
[data]
corpus = "text"
source = "words"
[data.batch]
size = 2
[training]
steps = 2
precision = "fp32"
[training.schedule]
warmup_steps = 1
"""


def teacher_preset(source: Path | str, layers: int = 4) -> str:
    """Return the preset of a BERT of so many layers that reads a user's own words."""
    return TEACHER.replace("SOURCE", str(source)).replace("LAYERS", str(layers))


def write_words(folder: Path) -> Path:
    """Write the words that a teacher reads: three splits."""
    folder.mkdir()
    for split, rows in (("train", 60), ("valid", 20), ("test", 10)):
        lines = [f"the word {row} reads {row % 7} and writes {row % 3} again" for row in range(rows)]
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


# claims on a preset: a count, and a control
CLAIMS = """\
[size]
kind = "count"
says = "it has one parameter"
where = "here"
seen = "here"
value = 1.0
within = 0.5
arms = { one = "PRESET" }

[same]
kind = "equivalence"
says = "it is equivalent to itself"
where = "here"
source = "control"
seen = "by construction"
measure = "perplexity"
order = "one = other"
margin = 9.0
arms = { one = "PRESET", other = "PRESET: training.seed=1000" }
at.smoke = { seeds = 2, minutes = 0.1, settings = SETTINGS }
"""


def write_claims(path: Path, preset: str, settings: tuple[str, ...]) -> None:
    """Write claims on a preset; the scale smoke is laid over it, and the settings over the scale."""
    path.write_text(CLAIMS.replace("PRESET", preset).replace("SETTINGS", json.dumps(settings)))
