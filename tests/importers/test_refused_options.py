"""What ours cannot express is refused by the name of its option, in Python and by the command alike."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.importers.hugging_face import import_hugging_face
from synthcli.importers.origins import ORIGINS
from synthcli.importers.simplified_blocks import import_simplified_blocks
from synthcli.importers.srupp import import_sru, import_srupp
from synthcli.importers.synthesizer import import_synthesizer
from tests.cli.conftest import Synth
from tests.importers.hub_folders import bert_folder, gpt2_folder
from tests.importers.originals import simplified, srupp, synthesizer

Import = Callable[[Mapping[str, str]], object]
PYTHON: dict[str, list[tuple[dict[str, str], Import]]] = {
    "synthesizer": [(synthesizer.options_of("lm, dense"), lambda options: import_synthesizer(options, {}))],
    "simplified-blocks": [
        (simplified.options_of("default"), lambda options: import_simplified_blocks(options, {}, {}))
    ],
    "srupp": [
        (srupp.options_of("sru"), lambda options: import_sru(options, {})),
        (srupp.options_of("srupp, every second"), lambda options: import_srupp(options, {})),
    ],
}
RULES = [(name, rule) for name in PYTHON for rule in ORIGINS[name].refusals]
SHOWN_BY_WEIGHTS = {"kind", "attn_mode_self_enc", "attn_mode_self_dec", "attn_mode_cross"}
# an option of a stack in Python: a language model alone has to refuse it
ONLY_COMMAND = {"bidirectional"}


def message_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(SynthError) as caught:
        call()
    return caught.value.message, str(caught.value.hint)


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[f"{name} {rule.option}" for name, rule in RULES])
def test_an_option_of_an_original(name: str, rule: Any, here: Path, synth: Synth) -> None:
    assert len(RULES) > 15
    said: list[tuple[str, str]] = []
    for options, run in PYTHON[name] if rule.option not in ONLY_COMMAND else ():
        said.append(message_of(lambda o=options, r=run: r({**o, rule.option: "another"})))  # type: ignore[misc]
        assert f"`{rule.option} = another` of the " in said[-1][0]
    if rule.option in SHOWN_BY_WEIGHTS:
        return
    weights = {
        "simplified-blocks": lambda: simplified.drawn(simplified.options_of("default"))[0],
        "srupp": lambda: srupp.drawn(srupp.options_of("sru")),
    }[name]()
    torch.save(weights, here / "model.pt")
    words = ["--option", "model=default"] if name == "simplified-blocks" else []
    command = synth("import", "model.pt", "--from", name, *words, "--option", f"{rule.option}=another")
    assert command.code == 2 and not (here / "imported").exists()
    if rule.option in ONLY_COMMAND:
        assert command.err.startswith(f"error: `{rule.option} = another` of a language model of SRU cannot")
    else:
        message, hint = said[0]
        assert command.err == f"error: {message}\nhint: {hint}\n"


HUGGING_FACE = [
    ("bert", "position_embedding_type", "relative_key"),
    ("bert", "is_decoder", True),
    ("bert", "add_cross_attention", True),
    ("bert", "hidden_act", "gelu_10"),
    ("bert", "quantization_config", {"quant_method": "fp8"}),
    ("gpt2", "scale_attn_weights", False),
    ("gpt2", "scale_attn_by_inverse_layer_idx", True),
    ("gpt2", "add_cross_attention", True),
    ("gpt2", "activation_function", "mish"),
    ("gpt2", "quantization_config", {"quant_method": "fp8"}),
]


@pytest.mark.parametrize(("kind", "option", "value"), HUGGING_FACE, ids=str)
def test_an_option_of_a_folder(kind: str, option: str, value: object, here: Path, synth: Synth) -> None:
    {"bert": bert_folder, "gpt2": gpt2_folder}[kind](here / "theirs")
    path = here / "theirs" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {option: value}))
    message, hint = message_of(lambda: import_hugging_face(here / "theirs"))
    assert message == f"`{option} = {json.dumps(value)}` of `{path}` cannot be expressed"
    said = synth("import", "theirs")
    assert (said.code, (here / "imported").exists()) == (2, False)
    assert said.err == f"error: {message.replace(str(path), 'theirs/config.json')}\nhint: {hint}\n"


def test_every_option_of_a_folder_was_tried() -> None:
    tried = {option for _, option, _ in HUGGING_FACE} | {"problem_type"}
    assert {rule.option for rule in ORIGINS["hf"].refusals} == tried


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("context_length=x", "`context_length = x` of the SRU language model is not a number"),
        ("context_length=0", "`context_length = 0` of the SRU language model is not a positive whole number"),
        (
            "context_length=inf",
            "`context_length = inf` of the SRU language model is not a number",
        ),
        ("scale_emb=Yes", "unknown `scale_emb = Yes` of the SRU language model"),
        ("normalize_after=1", "unknown `normalize_after = 1` of the SRU"),
        ("rescale=no", "unknown `rescale = no` of the SRU"),
        ("highway_bias=low", "`highway_bias = low` of the SRU is not a number"),
    ],
)
def test_a_value_that_is_none_of_its_option(word: str, message: str, here: Path, synth: Synth) -> None:
    torch.save(srupp.drawn(srupp.options_of("sru, rescaled, norm before")), here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "--option", word)
    assert said.code == 2 and not (here / "imported").exists()
    assert said.err.startswith(f"error: {message}\nhint: "), said.err


@pytest.mark.parametrize("name", PYTHON)
def test_an_option_that_an_original_does_not_have(name: str) -> None:
    for options, run in PYTHON[name]:
        message, hint = message_of(lambda o=options, r=run: r({**o, "highway_bia": "0"}))  # type: ignore[misc]
        assert message.startswith("unknown option `highway_bia` of the ")
        assert "highway_bias" in hint or name != "srupp"


LONG = "9" * 5000  # more digits than Python turns into a number
OF_GATES = synthesizer.options_of("lm, one map")
EVERY_SECOND = srupp.options_of("srupp, every second")
GATE = "decoder.mixer.attention.gate_init"
DESCRIBE = "the options of the {} describe no model of ours: {}"
IMPOSSIBLE: dict[str, Callable[[], object]] = {
    DESCRIBE.format("Synthesizer", f"`{GATE} = 2.0`: Input should be less than 1"): lambda: (
        import_synthesizer(OF_GATES | {"gate_init": "2"}, synthesizer.drawn(OF_GATES))
    ),
    "`n_layers_dec = 2` of the Synthesizer is more than 0": lambda: import_synthesizer(OF_GATES, {}),
    f"`n_layer = {LONG[:40]}` of the simplified blocks is not a number": lambda: import_simplified_blocks(
        simplified.options_of("default") | {"n_layer": LONG}, {"wte.weight": torch.zeros(2, 2)}, {}
    ),
    DESCRIBE.format("SRU", "`dropout = 1.0`: Input should be less than 1"): lambda: import_sru(
        srupp.options_of("sru") | {"dropout": "1"}, {}
    ),
    DESCRIBE.format("SRU++", "`heads = 3` does not divide `projection = 4`"): lambda: import_srupp(
        EVERY_SECOND | {"num_heads": "3"}, {}
    ),
    "`attention_every_n_layers = 2` and `attention_last_n_layers = 1` of the SRU++": lambda: import_srupp(
        EVERY_SECOND | {"attention_last_n_layers": "1"}, {}
    ),
}


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_what_no_model_can_have_is_one_message_in_python(message: str) -> None:
    assert message_of(IMPOSSIBLE[message])[0] == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["bert-blocks", "--option", f"segment={LONG}"],
            f"`segment={LONG[:40]}` is not a number from 0 on",
        ),
        (["srupp", "--heads", LONG], f"`--heads {LONG[:40]}` is no number above 0, or several"),
    ],
    ids=["option", "heads"],
)
def test_numbers_of_thousands_of_digits(words: list[str], message: str, here: Path, synth: Synth) -> None:
    torch.save({"layers.0.weight": torch.zeros(1)}, here / "model.pt")
    said = synth("import", "model.pt", "--from", *words)
    assert said.code == 2 and said.err.startswith(f"error: {message}\nhint: "), said.err[:300]


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("srupp", ["--heads", "1"]),
        ("simplified-blocks", ["--option", "model=op"]),
        ("synthesizer", ["--heads", "1"]),
        ("bert-blocks", ["--heads", "1"]),
    ],
)
def test_layers_of_thousands_of_digits(origin: str, words: list[str], here: Path, synth: Synth) -> None:
    names = ("rnn.rnn_lst", "h", "decoder.layers", "layers")
    torch.save({f"{name}.{LONG}.weight": torch.zeros(1) for name in names}, here / "model.pt")
    said = synth("import", "model.pt", "--from", origin, *words)
    assert said.code == 2 and said.err.startswith("error: ") and "Traceback" not in said.err
