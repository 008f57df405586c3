"""The repository of BERT blocks: logits equal its own formulas, written out here in float64."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.cli.conftest import Synth
from tests.importers.test_import_command import saved

WIDTH, HIDDEN, VOCABULARY, LENGTH, LAYERS = 64, 24, 37, 9, 3
Weights = dict[str, Tensor]


def drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def linear(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def norm_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.a_2": (WIDTH,), f"{name}.b_2": (WIDTH,)}


def attention_shapes(name: str, inner: int) -> dict[str, tuple[int, ...]]:
    maps = [linear(f"{name}.linear_layers.{n}", inner, WIDTH) for n in range(3)]
    return maps[0] | maps[1] | maps[2] | linear(f"{name}.output_linear", WIDTH, inner)


def layer_shapes(root: str, attention: str, inner: int) -> dict[str, tuple[int, ...]]:
    return {
        **attention_shapes(f"{root}.{attention}", inner),
        **linear(f"{root}.feed_forward.w_1", HIDDEN, WIDTH),
        **linear(f"{root}.feed_forward.w_2", WIDTH, HIDDEN),
        **norm_shapes(f"{root}.input_sublayer.norm"),
        **norm_shapes(f"{root}.output_sublayer.norm"),
    }


def head_shapes() -> dict[str, tuple[int, ...]]:
    return {
        **linear("mask_lm.linear", WIDTH, WIDTH),
        **norm_shapes("mask_lm.layer_norm"),
        **linear("mask_lm.decoder", VOCABULARY, WIDTH),
    }


def embedding_shapes(root: str) -> dict[str, tuple[int, ...]]:
    return {
        f"{root}.token.weight": (VOCABULARY, WIDTH),
        f"{root}.position.pe": (1, LENGTH, WIDTH),
        f"{root}.segment.weight": (2, WIDTH),
        **norm_shapes(f"{root}.layer_norm"),
    }


def bert(seed: int = 0) -> Weights:
    """The teacher's state dict."""
    layers = [layer_shapes(f"bert.transformer_blocks.{n}", "attention", WIDTH) for n in range(LAYERS)]
    return drawn(
        {**embedding_shapes("bert.embedding"), **layers[0], **layers[1], **layers[2], **head_shapes()}, seed
    )


def merged_retrained() -> Weights:
    """Layers with 8, 4 and 2 columns in 2, 2 and 4 heads."""
    layers = [layer_shapes(f"layers.{n}", "attentionblock", inner) for n, inner in enumerate((16, 8, 8))]
    return drawn({**embedding_shapes("embedding"), **layers[0], **layers[1], **layers[2], **head_shapes()}, 1)


class Original:
    """The repository's formulas on a state dict, in float64."""

    def __init__(self, weights: Weights) -> None:
        self.w = {name: tensor.double() for name, tensor in weights.items()}

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, name: str, x: Tensor, eps: float = 1e-6) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        deviation = (centred.square().sum(-1, keepdim=True) / (x.shape[-1] - 1)).sqrt()
        return self.w[f"{name}.a_2"] * centred / (deviation + eps) + self.w[f"{name}.b_2"]

    def attention(self, name: str, x: Tensor, heads: int, padding: Tensor) -> Tensor:
        q, k, v = (
            self.linear(f"{name}.linear_layers.{n}", x).unflatten(-1, (heads, -1)).transpose(1, 2)
            for n in range(3)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(padding[:, None, None], -1e9).softmax(-1)
        return self.linear(f"{name}.output_linear", (weights @ v).transpose(1, 2).flatten(2))

    def layer(self, root: str, attention: str, x: Tensor, heads: int, padding: Tensor) -> Tensor:
        x = self.norm(f"{root}.input_sublayer.norm", x + self.attention(attention, x, heads, padding))
        inner = torch.nn.functional.gelu(self.linear(f"{root}.feed_forward.w_1", x))
        return self.norm(f"{root}.output_sublayer.norm", x + self.linear(f"{root}.feed_forward.w_2", inner))

    def embed(self, root: str, tokens: Tensor, segment: int) -> Tensor:
        x = self.w[f"{root}.token.weight"][tokens] + self.w[f"{root}.position.pe"][0, : tokens.shape[1]]
        return self.norm(f"{root}.layer_norm", x + self.w[f"{root}.segment.weight"][segment])

    def head(self, x: Tensor) -> Tensor:
        y = torch.nn.functional.gelu(self.linear("mask_lm.linear", x))
        return self.linear("mask_lm.decoder", self.norm("mask_lm.layer_norm", y))


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    tokens = torch.randint(1, VOCABULARY, (3, LENGTH), generator=torch.Generator().manual_seed(3))
    return tokens, torch.arange(LENGTH) >= torch.tensor([[LENGTH], [5], [1]])


def compare(folder: str, batch: tuple[Tensor, Tensor], expected: Tensor) -> None:
    tokens, padding = batch
    logits = model_of(load_checkpoint(Path(folder)))(tokens, padding=padding)
    torch.testing.assert_close(logits[~padding].double(), expected[~padding], rtol=2e-4, atol=2e-5)


def take(synth: Synth, *words: str) -> str:
    said = synth("import", *words, "--from", "bert-blocks", "-o", "taken")
    assert said.code == 0, said.err
    return said.err


@pytest.mark.parametrize("segment", [0, 1])
def test_the_teacher(segment: int, here: Path, synth: Synth, batch: tuple[Tensor, Tensor]) -> None:
    weights = bert()
    torch.save({"model_state_dict": weights, "optimizer_state_dict": {"state": {}}, "epoch": 3}, "b.pth")
    words = ["--option", "segment=0"] if segment == 0 else []
    said = take(synth, "b.pth", "--heads", "4", *words)
    assert f"every token is of type {segment}" in said
    model, (tokens, padding) = Original(weights), batch
    x = model.embed("bert.embedding", tokens, segment)
    for n in range(LAYERS):
        root = f"bert.transformer_blocks.{n}"
        x = model.layer(root, f"{root}.attention", x, 4, padding)
    compare("taken", batch, model.head(x))


def test_every_tensor_is_used_and_any_other_is_refused_by_name(here: Path, synth: Synth) -> None:
    weights = bert()
    saved(weights, here / "b.pth")
    take(synth, "b.pth", "--heads", "4")
    report = json.loads((here / "taken" / "imported.json").read_text())
    assert {*report["tensors"].values()} == weights.keys() and report["unused"] == []
    for name in ("bert.pooler.weight", "mask_lm.softmax.weight", "bert.transformer_blocks.0.attention.scale"):
        saved(weights | {name: torch.zeros(2)}, here / "more.pth")
        said = synth("import", "more.pth", "--from", "bert-blocks", "--heads", "4")
        assert said.code == 2
        assert said.err.startswith(
            f"error: the weights hold `{name}`, which the configuration gives no place"
        )


def test_layers_with_heads_of_their_own(here: Path, synth: Synth, batch: tuple[Tensor, Tensor]) -> None:
    weights = merged_retrained()
    saved({f"module.{name}": tensor for name, tensor in weights.items()}, here / "m.pth")
    take(synth, "m.pth", "--heads", "2,2,4")
    model, (tokens, padding) = Original(weights), batch
    x = model.embed("embedding", tokens, 1)
    for n, heads in enumerate((2, 2, 4)):
        x = model.layer(f"layers.{n}", f"layers.{n}.attentionblock", x, heads, padding)
    compare("taken", batch, model.head(x))


def parts() -> tuple[Weights, Weights]:
    """One attention of 2 heads of 8, and one layer of 4 heads of 4, as trained apart."""
    attention = drawn(attention_shapes("attentionblock", 16), 4)
    return attention, drawn(layer_shapes("transformer", "attention", 16), 5)


@pytest.mark.parametrize("is_folder", [False, True])
def test_an_attention_in_its_base(
    is_folder: bool, here: Path, synth: Synth, batch: tuple[Tensor, Tensor]
) -> None:
    base, (part, _) = bert(), parts()
    saved(base, here / "base.pth")
    place = here / "blocks" / "block_1_8_2" if is_folder else here
    place.mkdir(parents=True, exist_ok=True)
    torch.save({"model_state_dict": part, "epoch": 1}, place / "BLOCK-latest.pth")
    words = ["blocks"] if is_folder else ["BLOCK-latest.pth", "--heads", "2", "--option", "block=1"]
    take(synth, *words, "--base", "base.pth")
    model, (tokens, padding) = Original(base | part), batch
    x = model.embed("bert.embedding", tokens, 1)
    for n in range(LAYERS):
        root = f"bert.transformer_blocks.{n}"
        attention = "attentionblock" if n == 1 else f"{root}.attention"
        heads = 2 if n == 1 else WIDTH // 64
        x = model.layer(root, attention, x, heads, padding)
    compare("taken", batch, model.head(x))


def test_one_layer_for_two(here: Path, synth: Synth, batch: tuple[Tensor, Tensor]) -> None:
    base, (_, part) = bert(), parts()
    saved(base, here / "base.pth")
    saved(part, here / "merge.pth")
    take(synth, "merge.pth", "--base", "base.pth", "--heads", "4", "--option", "block=0")
    model, (tokens, padding) = Original(base | part), batch
    x = model.embed("bert.embedding", tokens, 1)
    x = model.layer("transformer", "transformer.attention", x, 4, padding)
    root = "bert.transformer_blocks.2"
    compare("taken", batch, model.head(model.layer(root, f"{root}.attention", x, 1, padding)))


def test_a_finetuned_merged_model(here: Path, synth: Synth, batch: tuple[Tensor, Tensor]) -> None:
    base = bert()
    layers = [layer_shapes(f"block_model_{n}.transformer", "attention", 16) for n in range(2)]
    part = drawn({**layers[0], **layers[1], **head_shapes()}, 6)
    saved(base, here / "base.pth")
    saved(part, here / "combined_model_5.pth")
    take(synth, "combined_model_5.pth", "--base", "base.pth", "--heads", "4")
    model, (tokens, padding) = Original(base | part), batch
    x = model.embed("bert.embedding", tokens, 1)
    for n in range(2):
        root = f"block_model_{n}.transformer"
        x = model.layer(root, f"{root}.attention", x, 4, padding)
    compare("taken", batch, model.head(x))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["base.pth"], "no weight shows `heads`: heads share one matrix"),
        (
            ["base.pth", "--heads", "5"],
            "`bert.transformer_blocks.0.attention.linear_layers.0.weight` of shape",
        ),
        (["base.pth", "--heads", "4,4"], "`--heads` names 2 numbers, and there are 3 layers"),
        (["merge.pth", "--heads", "4"], "`merge.pth` holds a part of a model"),
        (["merge.pth", "--heads", "4", "--base", "base.pth"], "no weight shows `block`: a part says nothing"),
        (
            ["merge.pth", "--heads", "4", "--base", "base.pth", "--option", "block=2"],
            "`block=2` of a base of 3 layers",
        ),
        (["base.pth", "--heads", "4", "--option", "segment=2"], "`segment=2`: there are two types of tokens"),
        (["base.pth", "--heads", "4", "--option", "segment=x"], "`segment=x` is not a number from 0 on"),
    ],
)
def test_wrong_requests(words: list[str], message: str, here: Path, synth: Synth) -> None:
    saved(bert(), here / "base.pth")
    saved(parts()[1], here / "merge.pth")
    said = synth("import", *words, "--from", "bert-blocks", "-o", "taken")
    assert said.code == 2
    assert said.err.startswith(f"error: {message}"), said.err
    assert not (here / "taken").exists()
