"""The rows of PersonaChat: a persona and what was said lately, to what is said next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from synthcli.data.corpora.forms import join_fields
from synthcli.data.corpora.reading import clip, json_document, lines, parallel
from synthcli.data.corpora.source import Record, Row
from synthcli.errors import SynthError

PERSONA, PARTNER, SILENCE = "your persona: ", "partner's persona: ", "__SILENCE__"
BETWEEN = "</s>"  # the sentences of a persona in parallel files
# A text too long for the model loses its end, which is what is replied to: so only the latest are given.
UTTERANCES = 8


@dataclass
class Dialogue:
    """What one of two speakers is told of themself, and what both have said."""

    persona: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def answer(self, heard: str, reply: str) -> Row:
        """Return the row of a reply to what was heard, and remember both."""
        self.history += [said for said in (heard, reply) if said != SILENCE]
        return _build_row(self.persona, self.history[:-1], reply)


def _build_row(persona: Iterable[str], history: list[str], reply: str) -> Row:
    latest = {"persona": " ".join(persona), "history": " ".join(history[-UTTERANCES:])}
    return {"source": join_fields(latest), "target": reply}


def read_numbered(files: tuple[Path, ...]) -> Iterator[Row]:
    """Read ParlAI's form: a numbered line for each turn, what was heard and the answer parted by a tab."""
    for path in files:
        dialogue = Dialogue()
        for number, line in enumerate(lines(path), start=1):
            turn, _, said = line.partition(" ")
            if not turn.isdecimal():
                raise SynthError(f"`{path}` has no turn's number at line {number}", "expected ParlAI's form")
            if turn == "1":
                dialogue = Dialogue()
            if said.startswith(PERSONA):
                dialogue.persona.append(said.removeprefix(PERSONA))
            elif not said.startswith(PARTNER):
                heard, *answers = said.split("\t")
                if not answers:
                    raise SynthError(f"`{path}` has no answer at line {number}", "expected ParlAI's form")
                yield dialogue.answer(heard, answers[0])


def parallel_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Read personas, what was heard and the answers, a line each; another persona begins another dialogue."""
    for persona, heard, reply in zip(files[::3], files[1::3], files[2::3], strict=True):
        known, dialogue = None, Dialogue()
        turns = zip(parallel(persona, heard), parallel(persona, reply), strict=True)
        for (about, said), (_, answer) in turns:
            if about != known:
                known, dialogue = about, Dialogue(about.split(BETWEEN))
            yield dialogue.answer(said, answer)


def json_rows(files: tuple[Path, ...], split: str | None = None) -> Iterator[Row]:
    """Read a list of dialogues; with `split`, that under one key of an object."""
    for path in files:
        dialogues = json_document(path)
        if split is not None:
            dialogues = dialogues.get(split) if isinstance(dialogues, dict) else None
        if not isinstance(dialogues, list):
            what = f"under `{split}`" if split else "in it"
            raise SynthError(f"`{path}` has no list of dialogues {what}", "take the publisher's copy")
        for number, record in enumerate(dialogues, start=1):
            try:
                rows = dialogue_rows(record)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise SynthError(
                    f"`{path}` has no dialogue as its item {number}: {type(error).__name__}, {clip(error)}",
                    "take the publisher's copy",
                ) from error
            yield from rows


def dialogue_rows(record: Record) -> list[Row]:
    """Return the rows of a dialogue of ConvAI2 (`personality`), or of one of XPersona (`persona`)."""
    if "persona" in record:
        dialogue = Dialogue(record["persona"])
        return [dialogue.answer(heard, reply) for heard, reply in record["dialogue"]]
    turns = record["utterances"]
    histories = [[said for said in turn["history"] if said != SILENCE] for turn in turns]
    return [
        _build_row(
            record["personality"], history, turn["candidates"][-1]
        )  # the last of them is the right one
        for history, turn in zip(histories, turns, strict=True)
    ]
