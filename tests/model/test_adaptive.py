"""Adaptive embeddings and softmax against whole matrices built by hand, in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from synthcli.model import ModelConfig, build, count_parameters
from synthcli.model.adaptive import AdaptiveEmbedding, AdaptiveHead

VOCAB, D_MODEL, D_EMBED = 11, 7, 9
CLUSTERS: dict[str, tuple[tuple[int, ...], int]] = {
    "one cluster": ((), 1),
    "two": ((4,), 3),
    "three": ((3, 8), 3),
    "a cluster of one word, widths all the same": ((5, 6), 1),
}
TIES = {"tied": (True, True), "own projections": (True, False), "untied": (False, True)}


def pair(clusters: str, tie: str = "tied", bias: bool = True) -> tuple[AdaptiveEmbedding, AdaptiveHead]:
    torch.manual_seed(0)
    cutoffs, div_val = CLUSTERS[clusters]
    embedding = AdaptiveEmbedding(VOCAB, D_MODEL, D_EMBED, cutoffs, div_val).double()
    head = AdaptiveHead(embedding, D_MODEL, *TIES[tie], bias).double()
    # `.double()` replaces the tensors in a parameter, so ties survive it
    with torch.no_grad():
        for parameter in {*embedding.parameters(), *head.parameters()}:
            torch.nn.init.normal_(parameter)
    return embedding, head


def edges_of(clusters: str) -> list[tuple[int, int]]:
    cutoffs, _ = CLUSTERS[clusters]
    return list(zip((0, *cutoffs), (*cutoffs, VOCAB), strict=True))


def whole_matrix(embedding: AdaptiveEmbedding, clusters: str) -> Tensor:
    """Row w is P_i e_w, i the cluster of w."""
    rows = []
    for i, (start, end) in enumerate(edges_of(clusters)):
        for word in range(start, end):
            rows.append(embedding.projections[i].weight @ embedding.tables[i].weight[word - start])
    return torch.stack(rows)


def log_probabilities(head: AdaptiveHead, hidden: Tensor, clusters: str) -> Tensor:
    """log p of every word, one hidden state and one word at a time: (targets, words)."""
    edges, rows = edges_of(clusters), []
    for h in hidden:
        scores = []
        for i, (start, end) in enumerate(edges):
            inner = h @ head.projections[i]
            words = [inner @ head.weights[i][w] for w in range(end - start)]
            if head.biases is not None:
                words = [word + head.biases[i][w] for w, word in enumerate(words)]
            if i == 0:
                for k in range(len(edges) - 1):
                    words.append(inner @ head.cluster_weight[k] + head.cluster_bias[k])
            scores.append(torch.stack(words))
        logs = [s - s.exp().sum().log() for s in scores]
        size = edges[0][1]
        tails = [logs[0][size + i] + tail for i, tail in enumerate(logs[1:])]
        rows.append(torch.cat((logs[0][:size], *tails)))
    return torch.stack(rows)


def assert_same_gradients(got: Tensor, want: Tensor, parameters: list[Tensor]) -> None:
    gradients = [torch.autograd.grad(t, parameters, allow_unused=True) for t in (got, want)]
    for one, other in zip(*gradients, strict=True):
        one, other = (torch.zeros(()) if g is None else g for g in (one, other))  # noqa: PLW2901
        assert float((one - other).abs().max()) <= 1e-11


@pytest.mark.parametrize("clusters", CLUSTERS)
def test_embeddings_are_rows_of_the_whole_matrix(clusters: str) -> None:
    embedding, _ = pair(clusters)
    tokens = torch.tensor([[0, 10, 3, 4], [8, 7, 5, 10], [2, 2, 1, 0]])
    got, want = embedding(tokens), whole_matrix(embedding, clusters)[tokens]
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    weight = torch.randn_like(got)
    assert_same_gradients((got * weight).sum(), (want * weight).sum(), list(embedding.parameters()))
    first = embedding(torch.zeros(1, 1, dtype=torch.long))  # all other clusters are empty
    torch.testing.assert_close(first[0, 0], whole_matrix(embedding, clusters)[0], rtol=1e-12, atol=1e-12)


def test_rarer_words_have_narrower_vectors() -> None:
    embedding, _ = pair("three")
    assert [tuple(table.weight.shape) for table in embedding.tables] == [(3, 9), (5, 3), (3, 1)]
    assert [tuple(p.weight.shape) for p in embedding.projections] == [(7, 9), (7, 3), (7, 1)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("clusters", CLUSTERS)
def test_the_head_is_the_formula(clusters: str, tie: str, bias: bool) -> None:
    _, head = pair(clusters, tie, bias)
    hidden = torch.randn(2, 3, D_MODEL, dtype=torch.float64, requires_grad=True)
    got = head(hidden).log_softmax(-1)
    want = log_probabilities(head, hidden.flatten(0, 1), clusters).view(2, 3, VOCAB)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    weight = torch.randn_like(got)
    parameters = [hidden, *head.parameters()]
    assert_same_gradients((got * weight).sum(), (want * weight).sum(), parameters)


@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("clusters", CLUSTERS)
def test_the_cross_entropies_of_pieces_add_up_to_the_loss(clusters: str, tie: str) -> None:
    _, head = pair(clusters, tie)
    hidden = torch.randn(9, D_MODEL, dtype=torch.float64, requires_grad=True)
    for targets in (torch.tensor([0, 10, 3, 4, 8, 7, 5, 9, 2]), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0, 0])):
        pieces = head.pieces(hidden, targets)
        assert len(pieces) == len(edges_of(clusters))
        got = sum(cross_entropy(logits, chosen, reduction="sum") for logits, chosen in pieces)
        logs = log_probabilities(head, hidden, clusters)
        want = -sum(logs[i, target] for i, target in enumerate(targets))
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
        assert_same_gradients(got, want, [hidden, *head.parameters()])


def test_no_row_meets_a_cluster_that_is_not_its_target_s() -> None:
    _, head = pair("three")
    pieces = head.pieces(torch.randn(4, D_MODEL, dtype=torch.float64), torch.tensor([0, 9, 4, 3]))
    assert [tuple(logits.shape) for logits, _ in pieces] == [(4, 3 + 2), (2, 5), (1, 3)]
    assert [chosen.tolist() for _, chosen in pieces] == [[0, 4, 3, 3], [1, 0], [1]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_probabilities_add_up_to_1(dtype: torch.dtype) -> None:
    _, head = pair("three")
    logits = head.to(dtype)(torch.randn(5, D_MODEL, dtype=dtype))
    assert logits.dtype == torch.promote_types(dtype, torch.float32)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(
        logits.exp().sum(-1), torch.ones(5, dtype=logits.dtype), rtol=0, atol=tolerance
    )


def language_model(**embeddings: Any) -> Any:
    table = {
        "task": "causal-lm", "vocab_size": VOCAB, "d_model": D_MODEL - 1, "d_ff": 8, "dropout": 0.0,
        "mixer": {"heads": 2}, "decoder": {"layers": 1, "max_length": 8},
        "embeddings": {"cutoffs": [3, 8], "d_embed": D_EMBED, "div_val": 3, **embeddings},
    }  # fmt: skip
    torch.manual_seed(0)
    return build(ModelConfig.model_validate(table)).double().eval()


@pytest.mark.parametrize(
    ("embeddings", "vectors", "projections"),
    [
        ({"tie": "output"}, True, True),
        ({"tie": "output", "tie_projections": False}, True, False),
        ({"tie": "none"}, False, False),
    ],
    ids=str,
)
def test_a_model_ties_what_it_says(embeddings: dict[str, Any], vectors: bool, projections: bool) -> None:
    model = language_model(**embeddings)
    tokens, head = model.embeddings.tokens, model.head
    for i in range(3):
        assert (head.weights[i] is tokens.tables[i].weight) == vectors
        assert (head.projections[i] is tokens.projections[i].weight) == projections
    own = count_parameters(head) - count_parameters(language_model(tie="output").head)
    assert own == 0  # as many numbers, whoever else reads them
    shared = 3 * 9 + 5 * 3 + 3 * 1, 6 * (9 + 3 + 1)
    saved = count_parameters(language_model(tie="none")) - count_parameters(model)
    assert saved == vectors * shared[0] + projections * shared[1]


def test_a_model_with_targets_returns_the_pieces_of_its_loss() -> None:
    model = language_model(tie="output")
    tokens = torch.randint(VOCAB, (2, 6))
    targets, select = torch.randint(VOCAB, (2, 6)), torch.rand(2, 6) > 0.4
    logits, _ = model(tokens)
    pieces, _ = model(tokens, select=select, targets=targets[select])
    got = sum(cross_entropy(part, chosen, reduction="sum") for part, chosen in pieces)
    want = -logits.log_softmax(-1)[select].gather(1, targets[select][:, None]).sum()
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    everything, _ = model(tokens, targets=targets.flatten())
    got = sum(cross_entropy(part, chosen, reduction="sum") for part, chosen in everything)
    want = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("tie", ["output", "none"])
def test_a_model_learns_and_comes_back_from_its_state_dict(tie: str) -> None:
    model, other = language_model(tie=tie), language_model(tie=tie)
    tokens = torch.randint(VOCAB, (2, 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(40):
        logits, _ = model(tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.2 * losses[0]
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(tokens)[0], model(tokens)[0])
