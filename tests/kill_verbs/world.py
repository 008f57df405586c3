"""What the killed commands work on: the folder of the hostile inputs, and trainings that last a while."""

import sys
from pathlib import Path

from tests.hostile import world as hostile
from tests.tiny_presets import write_claims

LONG = """\
extends = "teacher.toml"
[training]
steps = 24
save_every = 4
evaluate_every = 8
log_every = 3
"""
STREAMS = """\
extends = "srupp-enwik8-base"
title = "A model that reads streams"
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
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 4
[training]
steps = 20
save_every = 5
evaluate_every = 10
log_every = 3
precision = "fp32"
[training.schedule]
warmup_steps = 2
[evaluation]
window = 16
"""
SMALL = (  # what the scale smoke would make larger
    *("model.d_model=16", "model.d_ff=24", "model.mixer.heads=2", "model.encoder.layers=4"),
    *("model.encoder.max_length=16", "data.corpus=text", "data.source=words", "data.tokenizer.vocab_size=60"),
    *("data.batch.size=8", "training.steps=24", "training.save_every=4", "training.evaluate_every=8"),
)
COMPILER = f"""#!{sys.executable} -I
import os, sys, time
from pathlib import Path
arguments = sys.argv[1:]
if "--version" in arguments:
    sys.exit(print("fake 1.0") and 0)
other = os.fork()
time.sleep(0.4)
if not other:
    os._exit(0)
os.waitpid(other, 0)
Path(os.environ["TMPDIR"], "cc" + str(os.getpid())).write_text("temporary")
Path(arguments[arguments.index("-o") + 1]).write_text("made")
"""


def make(box: Path, has_models: bool) -> None:
    """Fill an empty folder, the current one."""
    if has_models:
        hostile.make(box)
    else:
        hostile.write_sources(box)
        hostile.synth("corpora", "pack", "text", "--source", "words", "-o", "words.tar.gz")
    hostile.synth("prepare-corpus", "copy")
    hostile.tidy(box)
    (box / "long.toml").write_text(LONG)
    (box / "streams.toml").write_text(STREAMS)
    write_claims(box / "claims.toml", "long.toml", SMALL)
    (box / "g++").write_text(COMPILER)
    (box / "g++").chmod(0o755)
    (box / "tmp").mkdir()
    before = box / ".before"
    before.mkdir()
    for run in box.glob("runs/*/[0-9]*"):
        (before / run.parent.name / run.name).mkdir(parents=True)
