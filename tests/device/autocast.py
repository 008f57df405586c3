"""What autocast does to calls on a CUDA device: torch's lists, by the names that Python calls them by.

A build for processors casts nothing for `cuda`. Torch does not say which list an operation is on, but which
are on one: a test holds the names below to them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakIdKeyDictionary


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOWER = names("""
    addbmm addmm addmv addr baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d convolution einsum gru_cell linalg_multi_dot linalg_vecdot
    linear lstm_cell matmul mm mv prelu rnn_relu_cell rnn_tanh_cell scaled_dot_product_attention
""")
WIDE = names("""
    acos asin binary_cross_entropy_with_logits cdist cosh cosine_embedding_loss cosine_similarity
    cumprod cumsum dist erfinv exp expm1 group_norm hinge_embedding_loss huber_loss kl_div l1_loss
    layer_norm linalg_matrix_norm linalg_vector_norm log log10 log1p log2 log_softmax logsumexp
    margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss native_layer_norm nll_loss
    nll_loss2d norm pdist poisson_nll_loss pow prod reciprocal renorm rms_norm rsqrt sinh
    smooth_l1_loss soft_margin_loss softmax softplus sum tan triplet_margin_loss
""")
PROMOTED = names("""
    addcdiv addcmul atan2 bilinear cross dot grid_sampler index_put scatter_add tensordot vdot
""")
SPELT = {
    "__matmul__": "matmul",
    "__rmatmul__": "matmul",
    "__pow__": "pow",
    "__rpow__": "pow",
    "cross_entropy": "log_softmax",
}
SETS_DTYPE = ("prod", "softmax", "log_softmax", "cumprod", "cumsum", "sum", "linalg_vector_norm")


class Autocast:
    """Casts arguments; a weight that was cast once is not cast again before autocast ends."""

    def __init__(self, holds: Callable[[Tensor], bool]) -> None:
        self.holds = holds
        self.cache: Any = WeakIdKeyDictionary()

    def cast(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return what the function is given under CUDA's autocast."""
        if kwargs.get("out") is not None:  # a variant of its own, which is on no list
            return args, kwargs
        name = SPELT.get(func.__name__, func.__name__)
        if name in LOWER:
            return tree_map(self.lower, (args, kwargs))
        if name in WIDE and not (name in SETS_DTYPE and kwargs.get("dtype") is not None):
            return tree_map(self.widen, (args, kwargs))
        if name in PROMOTED:
            kinds = {t.dtype for t in tree_leaves((args, kwargs)) if self.is_eligible(t)}
            return tree_map(self.widen, (args, kwargs)) if torch.float32 in kinds else (args, kwargs)
        return args, kwargs

    def is_eligible(self, x: Any) -> bool:
        return isinstance(x, Tensor) and x.is_floating_point() and x.dtype != torch.float64 and self.holds(x)

    def lower(self, x: Any) -> Any:
        dtype = torch.get_autocast_dtype("cuda")
        if not self.is_eligible(x) or x.dtype == dtype:
            return x
        if not (x.requires_grad and x.is_leaf and x.dtype == torch.float32):
            return x.to(dtype)
        if x not in self.cache:
            self.cache[x] = x.to(dtype)
        return self.cache[x]

    def widen(self, x: Any) -> Any:
        return x.float() if self.is_eligible(x) else x

    def forget(self) -> None:
        self.cache.clear()
