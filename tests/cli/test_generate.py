"""`synth generate`: what is written, in which order, and how it ends."""

import io
import json
import sys
from pathlib import Path

import pytest
import torch

from tests.importers.hub_folders import LINES, bert_folder, gpt2_folder

from .conftest import Said, Synth


@pytest.fixture
def writer(here: Path, synth: Synth) -> str:
    """A GPT-2 taken in from its folder."""
    torch.manual_seed(0)
    gpt2_folder(here / "gpt2")
    assert synth("import", "gpt2", "-o", "writer").code == 0
    return "writer"


@pytest.fixture
def guesser(here: Path, synth: Synth) -> str:
    torch.manual_seed(0)
    bert_folder(here / "bert")
    assert synth("import", "bert", "-o", "guesser").code == 0
    return "guesser"


def typing(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def objects(said: Said) -> list[dict]:
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


@torch.no_grad()
def test_greedy_tokens_are_those_of_transformers(writer: str, here: Path, synth: Synth) -> None:
    import transformers

    model = transformers.GPT2LMHeadModel.from_pretrained(here / "gpt2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(here / "gpt2")
    prompts = ["the film", "was it", "Ün"]
    words = [word for prompt in prompts for word in ("--prompt", prompt)]
    found = objects(synth("generate", writer, *words, "--max-length", "12", "--json"))
    for prompt, ours in zip(prompts, found, strict=True):
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(prompt)["input_ids"]]])
        theirs = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
        rest = [int(i) for i in theirs if i != tokenizer.eos_token_id]
        assert ours["text"] == prompt + tokenizer.decode(rest)
        assert ours["tokens"] == len(rest)


def test_order_and_text_do_not_depend_on_the_batch(writer: str, synth: Synth) -> None:
    words = [word for line in LINES[:4] for word in ("--prompt", line)]
    drawing = ["--temperature", "1.2", "--top-k", "40", "--top-p", "0.95", "--seed", "3"]
    together = synth("generate", writer, *words, "--max-length", "6", *drawing)
    apart = synth("generate", writer, *words, "--max-length", "6", *drawing, "--batch-size", "1")
    assert together.code == 0 and together.out == apart.out
    other = synth("generate", writer, *words, "--max-length", "6", "--temperature", "1.2", "--seed", "4")
    assert other.out != together.out


def test_lines_of_standard_input(writer: str, synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, b"the film\r\nwas it\n")
    texts = [one["text"] for one in objects(synth("generate", writer, "--max-length", "3", "--json"))]
    assert [text[:6] for text in texts] == ["the fi", "was it"]
    typing(monkeypatch, b"good\n\xff\xfe\n")
    said = synth("generate", writer)
    assert said.code == 2
    assert said.err.startswith("error: line 2 of standard input is not UTF-8 at byte 0\n")


def test_typed_lines_are_answered_one_by_one(
    writer: str, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, b"the film\n\n  \nwas it\n")
    said = synth("generate", writer, "-i", "--max-length", "3", "--json")
    assert [one["prompt"] for one in objects(said)] == [0, 1]


def test_a_beam_is_at_least_as_probable(writer: str, synth: Synth) -> None:
    scores = [
        objects(
            synth("generate", writer, "--prompt", "the", "--beam", beam, "--max-length", "5", "--json", *more)
        )[0]["score"]
        for beam, more in (("2", ["--length-penalty", "0"]), ("8", ["--length-penalty", "0"]))
    ]
    assert scores[1] >= scores[0] - 1e-6


@torch.no_grad()
def test_masks_are_filled_with_what_bert_finds(guesser: str, here: Path, synth: Synth) -> None:
    import transformers

    model = transformers.BertForMaskedLM.from_pretrained(here / "bert")
    tokenizer = transformers.AutoTokenizer.from_pretrained(here / "bert")
    prompt = "the [MASK] of the <mask> was good"
    (found,) = objects(synth("generate", guesser, "--prompt", prompt, "--json"))
    ids = tokenizer(prompt.replace("<mask>", "[MASK]"), return_tensors="pt")
    logits = model(**ids).logits[ids["input_ids"] == tokenizer.mask_token_id]
    logits[:, :5] = -torch.inf  # the five marks
    best = [tokenizer.decode([int(i)]) for i in logits.argmax(-1)]
    assert [guesses[0]["token"] for guesses in found["masks"]] == [
        word.removeprefix("##") for word in best
    ] or [guesses[0]["token"] for guesses in found["masks"]] == best
    assert [guesses[0]["probability"] for guesses in found["masks"]] == pytest.approx(
        logits.softmax(-1).amax(-1).tolist(), abs=1e-5
    )
    assert "[MASK]" not in found["text"] and "<mask>" not in found["text"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt", "the film"], "prompt 1 hides nothing, and a masked-lm guesses what is hidden"),
        (["--prompt", "a [MASK]", "--beam", "2"], "a masked-lm fills masks with what is most probable"),
        (["--prompt", "[MASK] " * 40], "prompt 1 of 40 tokens leaves no room in 24 positions"),
    ],
)
def test_what_a_guesser_cannot_do(words: list[str], message: str, guesser: str, synth: Synth) -> None:
    said = synth("generate", guesser, *words)
    assert said.code == 2 and said.out == ""
    assert said.err.startswith(f"error: {message}"), said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--prompt", "a", "--beam", "2", "--temperature", "1"],
            "`--beam` searches, and `--temperature` draws",
        ),
        (["--prompt", "a", "-i"], "`--interactive` reads lines, and `--prompt` is given"),
        (["--prompt", "a", "--seed", "1"], "`--seed` is of drawing, and nothing is drawn"),
        (["--prompt", "a", "--top-p", "2"], "`--top-p 2` is no share"),
        (["--prompt", "film " * 60], "prompt 1 of "),
    ],
)
def test_what_a_writer_cannot_do(words: list[str], message: str, writer: str, synth: Synth) -> None:
    said = synth("generate", writer, *words)
    assert said.code == 2 and said.out == ""
    assert said.err.startswith(f"error: {message}"), said.err


def test_a_seed_is_said_where_none_was_given(writer: str, synth: Synth) -> None:
    said = synth("generate", writer, "--prompt", "the", "--temperature", "1", "--max-length", "6")
    assert said.code == 0
    seed = said.err.split("`--seed ")[1].split("`")[0]
    again = synth(
        "generate", writer, "--prompt", "the", "--temperature", "1", "--max-length", "6", "--seed", seed
    )
    assert again.out == said.out


class Interrupted(io.BytesIO):
    """A line, and then Ctrl-C while the next is awaited."""

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise KeyboardInterrupt


def test_control_c_ends_with_130(writer: str, synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted(b"the film\n")))
    said = synth("generate", writer, "-i", "--max-length", "2")
    assert said.code == 130
    assert said.out.startswith("the film") and said.out.endswith("\n")
    assert "Traceback" not in said.err


def test_each_prompt_has_one_line_in_a_pipe(writer: str, synth: Synth) -> None:
    words = ["--prompt", "the film\nwas\r\nit", "--prompt", "good", "--max-length", "2"]
    said = synth("generate", writer, *words)
    assert said.out.count("\n") == 2 and said.out.startswith("the film\\nwas\\r\\nit")
    assert said.err == "line ends within a text are written `\\n` and `\\r`; `--json` has the texts exactly\n"
    exact = [found["text"] for found in objects(synth("generate", writer, *words, "--json"))]
    assert exact[0].startswith("the film\nwas\r\nit")
    assert said.out == "".join(
        f"{text}\n" for text in (exact[0].replace("\r", "\\r").replace("\n", "\\n"), exact[1])
    )


def test_a_terminal_shows_lines_as_they_are(
    writer: str, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = synth("generate", writer, "--prompt", "the film\nwas it", "--max-length", "2")
    assert said.out.startswith("the film\nwas it") and said.err == ""
