"""PersonaChat: a persona and what was said, to what it says next (Zhang et al. 2018, arXiv 1801.07243)."""

from collections.abc import Iterator
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.finding import named, one_of
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Part, Row
from synthcli.data.corpora.template import filled
from synthcli.errors import SynthError

URL = "https://parl.ai/downloads/personachat/personachat.tgz"
LAYOUT = (
    "`train_self_original.txt`, `valid_self_original.txt` and `test_self_original.txt`, plain or .gz,"
    f" in ParlAI's form, from {URL}; names may have `_no_cands`, and test may be absent, as in ConvAI2"
)
STEMS = {"train": "train", "validation": "valid", "test": "test"}
PERSONA, PARTNER, SILENCE = "your persona: ", "partner's persona: ", "__SILENCE__"
# A text too long for the model loses its end, which is what is replied to: so only the latest are given.
UTTERANCES = 8


def rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Yield a row for every utterance of the one whose persona is known."""
    for path in files:
        persona: list[str] = []
        history: list[str] = []
        for number, line in enumerate(lines(path), start=1):
            turn, _, said = line.partition(" ")
            if not turn.isdecimal():
                raise SynthError(f"`{path}` has no turn's number at line {number}", f"expected {LAYOUT}")
            if turn == "1":
                persona, history = [], []
            if said.startswith(PERSONA):
                persona.append(said.removeprefix(PERSONA))
            elif not said.startswith(PARTNER):
                heard, *answers = said.split("\t")
                if not answers:
                    raise SynthError(f"`{path}` has no answer at line {number}", f"expected {LAYOUT}")
                if heard != SILENCE:
                    history.append(heard)
                latest = {"persona": " ".join(persona), "history": " ".join(history[-UTTERANCES:])}
                yield {"source": filled(latest), "target": answers[0]}
                history.append(answers[0])


def folder(root: Path) -> Folder:
    wanted = {
        split: [f"{stem}_self_original.txt", f"{stem}_self_original_no_cands.txt"]
        for split, stem in STEMS.items()
    }
    if one_of(root, wanted["test"]) is None:
        del wanted["test"]
    found = named(root, wanted, "personachat", LAYOUT)
    return Folder(root, {split: Part((path,), rows) for split, path in found.items()})


PERSONACHAT = Corpus(
    name="personachat",
    kind="pairs",
    title="PersonaChat: a persona and the dialogue so far to the next utterance",
    licence="CC BY 4.0",
    url=URL,
    layout=LAYOUT,
    rows={"train": 65_719, "validation": 7_801, "test": 7_512},
    folder=folder,
)
