"""Adaptive input embeddings and adaptive softmax: rare words get narrower vectors.

Baevski & Auli 2019, arXiv 1809.10853; Grave et al. 2017, arXiv 1609.04309. Cluster i of words has vectors of
width d_embed / div_val^i, and a projection to and from d_model.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from synthcli.model.module_list import list_of

Rows = tuple[Int[Tensor, " rows"], ...]  # of each cluster, where its words stand in the flattened ids
Pieces = list[tuple[Tensor, Tensor]]  # logits and targets whose cross-entropies add up to the loss


def rows_of_clusters(ids: Int[Tensor, "*rest"], edges: tuple[int, ...]) -> Rows:
    """Return where the words of every cluster stand; on a device this waits for it, once a cluster."""
    flat = ids.flatten()
    return tuple(((flat >= start) & (flat < end)).nonzero()[:, 0] for start, end in pairwise(edges))


class AdaptiveEmbedding(nn.Module):
    """`cutoffs` are the first words of all clusters but the first; without any there is one cluster."""

    def __init__(
        self, vocab_size: int, d_model: int, d_embed: int, cutoffs: tuple[int, ...], div_val: int
    ) -> None:
        super().__init__()
        self.edges = (0, *cutoffs, vocab_size)
        widths = [d_embed // div_val**i for i in range(len(self.edges) - 1)]
        sizes = zip(pairwise(self.edges), widths, strict=True)
        self.tables = list_of(nn.Embedding(end - start, width) for (start, end), width in sizes)
        self.projections = list_of(nn.Linear(width, d_model, bias=False) for width in widths)

    def forward(
        self, tokens: Int[Tensor, "batch length"], rows: Rows | None = None
    ) -> Float[Tensor, "batch length d_model"]:
        """Return vectors; `rows` are the tokens' clusters, where they are known already."""
        if len(self.tables) == 1:
            vectors: Tensor = self.projections[0](self.tables[0](tokens))
            return vectors
        flat = tokens.flatten()
        rows = rows_of_clusters(flat, self.edges) if rows is None else rows
        clusters = zip(rows, self.edges[:-1], self.tables, self.projections, strict=True)
        parts = [project(table(flat.index_select(0, row) - start)) for row, start, table, project in clusters]
        order = torch.cat(rows).argsort()
        return torch.cat(parts).index_select(0, order).view(*tokens.shape, -1)


class Parameters(nn.Module):
    """Numbered parameters, read by a call: what keeps weights elsewhere brings them then."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__()
        for number, parameter in enumerate(parameters):
            self.register_parameter(str(number), parameter)

    def forward(self, number: int) -> nn.Parameter:
        parameter: nn.Parameter = getattr(self, str(number))
        return parameter

    def __getitem__(self, number: int) -> nn.Parameter:
        return self.forward(number)

    def __iter__(self) -> Iterator[nn.Parameter]:
        return (self.forward(number) for number in range(len(self._parameters)))


class AdaptiveHead(nn.Module):
    """log p(word) = log p(word | head), or log p(cluster | head) + log p(word | cluster).

    Vectors are the embedding's where `embedding` is given, projections too with `tie_projections`.
    """

    def __init__(
        self,
        like: AdaptiveEmbedding,
        d_model: int,
        tied: bool,
        tie_projections: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        self.edges = like.edges
        ties_maps = tied and tie_projections
        self.weights = Parameters(_tied_or_like(table.weight, tied) for table in like.tables)
        self.projections = Parameters(_tied_or_like(one.weight, ties_maps) for one in like.projections)
        self.is_tied, self.ties_projections = tied, ties_maps
        self.biases = Parameters(nn.Parameter(torch.empty(len(w))) for w in self.weights) if bias else None
        clusters = len(self.edges) - 2
        self.cluster_weight = self.cluster_bias = None
        if clusters:
            self.cluster_weight = nn.Parameter(torch.empty(clusters, self.weights(0).shape[1]))
            self.cluster_bias = nn.Parameter(torch.empty(clusters))

    def forward(self, hidden: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest vocabulary"]:
        """Return logits of the whole vocabulary: log-probabilities where there are clusters."""
        head = self._scores(hidden, 0)
        if self.cluster_weight is None:
            return head
        head, size = _log_softmax(head), self.edges[1]
        tails = [
            head[..., size + i, None] + _log_softmax(self._scores(hidden, i + 1))
            for i in range(len(self.edges) - 2)
        ]
        return torch.cat((head[..., :size], *tails), dim=-1)

    def pieces(
        self,
        hidden: Float[Tensor, "targets d_model"],
        targets: Int[Tensor, " targets"],
        rows: Rows | None = None,
    ) -> Pieces:
        """Return (logits, targets) pairs whose cross-entropies add up to the loss; no row meets all words.

        `rows` are the targets' clusters, where they are known already.
        """
        size = self.edges[1]
        if self.cluster_weight is None:
            return [(self._scores(hidden, 0), targets)]
        rows = rows_of_clusters(targets, self.edges) if rows is None else rows
        of_head = targets
        for i, start in enumerate(self.edges[1:-1]):
            of_head = of_head.where(targets < start, size + i)
        pairs = [(self._scores(hidden, 0), of_head)]
        for i, (row, start) in enumerate(zip(rows, self.edges[:-1], strict=True)):
            if i:
                own = hidden.index_select(0, row), targets.index_select(0, row) - start
                pairs.append((self._scores(own[0], i), own[1]))
        return pairs

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        if name == "weight":  # libraries that make logits of hidden states themselves ask for it
            raise AttributeError(
                "an adaptive head has no `weight`: its words are in clusters, so only the model makes logits"
            )
        return super().__getattr__(name)

    def _scores(self, hidden: Tensor, i: int) -> Tensor:
        """Return the logits of a cluster's words; the first cluster has one more for each other cluster."""
        inner = hidden @ self.projections(i).to(hidden.dtype)
        weight, bias = self.weights(i), None if self.biases is None else self.biases(i)
        if i == 0 and self.cluster_weight is not None and self.cluster_bias is not None:
            own = torch.zeros_like(weight[:, 0]) if bias is None else bias
            weight = torch.cat((weight, self.cluster_weight))
            bias = torch.cat((own, self.cluster_bias))
        return F.linear(inner, weight, bias)


def _log_softmax(scores: Tensor) -> Tensor:
    return scores.log_softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))


def _tied_or_like(weight: Tensor, is_tied: bool) -> nn.Parameter:
    """Return a weight itself, or a new one of its shape."""
    assert isinstance(weight, nn.Parameter)  # what torch's layers hold, typed as a tensor
    return weight if is_tied else nn.Parameter(torch.empty_like(weight))
