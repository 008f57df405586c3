"""SRU++ over words: adaptive embeddings and softmax by the repository's formulas, in float64."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from synthcli.importers.srupp import import_srupp
from synthcli.importers.srupp.weight_map import build_layers
from synthcli.model.context import Context
from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.cli.conftest import Synth

WIDTH, Z, EMBED, DIV, DEPTH = 12, 6, 8, 2, 2
CLUSTERS = (5, 4, 6)  # words of each; the first is always scored
EDGES = (0, 5, 9, 15)


def layers() -> dict[str, tuple[int, ...]]:
    """Attention in every second layer, a norm before each, as `--layer_norm` gives."""
    shapes: dict[str, tuple[int, ...]] = {}
    for n in range(DEPTH):
        inner = {"linear1.weight": (Z, WIDTH), "layer_norm.weight": (Z,), "layer_norm.bias": (Z,)}
        if n % 2:
            inner |= {"linear2.weight": (2 * Z, Z), "linear3.weight": (3 * WIDTH, Z), "alpha": (1,)}
        else:
            inner |= {"linear2.weight": (3 * WIDTH, Z)}
        shapes |= {f"rnn_lst.{n}.transform_module.{leaf}": shape for leaf, shape in inner.items()}
        shapes |= {f"rnn_lst.{n}.{leaf}": (2 * WIDTH,) for leaf in ("weight_c", "bias")}
        shapes |= {f"rnn_lst.{n}.layer_norm.{leaf}": (WIDTH,) for leaf in ("weight", "bias")}
    return shapes


def drawn(ties_projections: bool) -> dict[str, Tensor]:
    shapes = {f"rnn.{name}": shape for name, shape in layers().items()}
    for i, words in enumerate(CLUSTERS):
        width, others = EMBED // DIV**i, (len(CLUSTERS) - 1) * (i == 0)
        shapes[f"output_layer.out_layers.{i}.weight"] = (words + others, width)
        shapes[f"output_layer.out_layers.{i}.bias"] = (words + others,)
        shapes[f"output_layer.out_projs.{i}"] = (WIDTH, width)
        shapes[f"embedding_layer.emb_projs.{i}"] = (WIDTH, width)
    generator = torch.Generator().manual_seed(0)
    weights = {name: 0.4 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    weights |= {f"rnn.rnn_lst.{n}.scale_x": torch.ones(1) for n in range(DEPTH)}
    for i in range(len(CLUSTERS) if ties_projections else 0):
        weights[f"embedding_layer.emb_projs.{i}"] = weights[f"output_layer.out_projs.{i}"].clone()
    return weights


def cluster_of(word: int) -> int:
    return next(i for i in range(len(CLUSTERS)) if word < EDGES[i + 1])


def embedded(w: dict[str, Tensor], tokens: Tensor) -> Tensor:
    """√d · P_i e, e being the row of the word in its cluster."""
    rows = []
    for word in tokens.flatten().tolist():
        i = cluster_of(word)
        vector = w[f"output_layer.out_layers.{i}.weight"][word - EDGES[i]]
        rows.append(w[f"embedding_layer.emb_projs.{i}"] @ vector)
    return WIDTH**0.5 * torch.stack(rows).view(*tokens.shape, WIDTH)


def log_probabilities(w: dict[str, Tensor], hidden: Tensor) -> Tensor:
    """log p(word | first) or log p(cluster) + log p(word | cluster); cluster i: i-th row from the end."""
    parts = []
    head = hidden @ w["output_layer.out_projs.0"] @ w["output_layer.out_layers.0.weight"].T
    first = (head + w["output_layer.out_layers.0.bias"]).log_softmax(-1)
    parts.append(first[..., : CLUSTERS[0]])
    for i in range(1, len(CLUSTERS)):
        scores = hidden @ w[f"output_layer.out_projs.{i}"] @ w[f"output_layer.out_layers.{i}.weight"].T
        tail = (scores + w[f"output_layer.out_layers.{i}.bias"]).log_softmax(-1)
        parts.append(first[..., -i, None] + tail)
    return torch.cat(parts, dim=-1)


@pytest.mark.parametrize("ties_projections", [True, False])
@torch.no_grad()
def test_words_in_clusters(ties_projections: bool, here: Path, synth: Synth) -> None:
    weights = drawn(ties_projections)
    torch.save(weights, here / "model.pt")
    words = ["--from", "srupp", "--heads", "2", "--option", "scale_emb=True", "-o", "taken"]
    said = synth("import", "model.pt", *words)
    assert said.code == 0, said.err
    assert "`layer_norm = True`" in said.err and "`attention_every_n_layers = 2`" in said.err
    model = model_of(load_checkpoint(here / "taken"))
    assert model.config.embeddings.tie_projections == ties_projections
    assert model.config.embeddings.cutoffs == EDGES[1:-1]

    options = {"input_size": WIDTH, "hidden_size": WIDTH, "num_layers": DEPTH, "proj_size": Z, "num_heads": 2}
    options |= {"attention_every_n_layers": 2, "layer_norm": True}
    inner = {name.removeprefix("rnn."): t for name, t in weights.items() if name.startswith("rnn.")}
    stack = import_srupp({key: str(value) for key, value in options.items()}, inner)
    built = build_layers(stack.layers)
    built.load_state_dict(stack.weights)
    w = {name: tensor.double() for name, tensor in weights.items()}
    tokens = torch.randint(EDGES[-1], (2, 7), generator=torch.Generator().manual_seed(1))
    hidden = embedded(w, tokens)
    for layer in built.double().eval():
        hidden, _ = layer(hidden, Context(0, causal=True))
    logits, _ = model.double()(tokens)
    torch.testing.assert_close(logits, log_probabilities(w, hidden), rtol=1e-5, atol=1e-5)


def test_attention_in_no_layer_is_refused(here: Path, synth: Synth) -> None:
    weights = {name: tensor for name, tensor in drawn(True).items() if ".rnn_lst.1." not in name}
    torch.save(weights, here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "--heads", "2", "-o", "taken")
    assert said.code == 2 and not (here / "taken").exists()
    assert said.err == (
        "error: none of the 1 layers of an SRU++ has attention\n"
        "hint: trained with `attention_every_n_layers` above 1? import it in Python\n"
    )


def test_attention_that_no_rule_places_is_refused(here: Path, synth: Synth) -> None:
    weights = drawn(True)
    for name in [name for name in weights if ".rnn_lst.1." in name]:
        weights[name.replace("rnn_lst.1.", "rnn_lst.0.")] = weights[name]
    for name in [name for name in weights if ".rnn_lst.1.transform_module." in name]:
        del weights[name]
    weights |= {
        f"rnn.rnn_lst.1.transform_module.{leaf}": torch.zeros(shape)
        for leaf, shape in (("linear1.weight", (Z, WIDTH)), ("linear2.weight", (3 * WIDTH, Z)))
    }
    torch.save(weights, here / "model.pt")
    said = synth("import", "model.pt", "--from", "srupp", "--heads", "2", "-o", "taken")
    assert said.code == 2
    assert said.err.startswith(
        "error: of 2 layers number 0 have attention, which is neither every k-th nor the last n"
    ), said.err
