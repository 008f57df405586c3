"""The C interface of the kernels as ctypes sees it; `kernels/sru_abi.h` is what it mirrors."""

from ctypes import POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_void_p

ABI = 2
DTYPES = {"float32": 0, "float64": 1, "bfloat16": 2, "float16": 3}
CUDA_ERROR = 1000
STATUS = {
    1: "it was built for another version of this package",
    2: "it does not know this type of numbers",
    3: "sizes that do not fit",
    4: "a tensor is missing",
    5: "no memory left",
}


class Problem(Structure):
    """One recurrence: sizes, strides in elements, and addresses; see the header for shapes."""

    _fields_ = (
        *((name, c_int32) for name in ("abi", "dtype")),
        *((name, c_int64) for name in ("batch", "length", "width")),
        *((name, c_int32) for name in ("bidirectional", "parts")),
        ("skip_scale", c_double),
        ("u", c_void_p), ("u_batch", c_int64), ("u_time", c_int64), ("u_part", c_int64),
        ("skip", c_void_p), ("skip_batch", c_int64), ("skip_time", c_int64),
        *((name, c_void_p) for name in ("initial", "weight_c", "bias", "padding", "starts", "mask")),
        ("h", c_void_p), ("h_batch", c_int64), ("h_time", c_int64),
        ("last", c_void_p), ("checkpoints", c_void_p),
        ("grad_h", c_void_p), ("grad_h_batch", c_int64), ("grad_h_time", c_int64),
        ("grad_last", c_void_p),
        ("grad_u", c_void_p), ("grad_u_batch", c_int64), ("grad_u_time", c_int64), ("grad_u_part", c_int64),
        ("grad_skip", c_void_p), ("grad_skip_batch", c_int64), ("grad_skip_time", c_int64),
        ("grad_initial", c_void_p), ("grad_gates", c_void_p),
    )  # fmt: skip


Signature = tuple[tuple[type, ...], type]  # the arguments, and what is returned

# What each library exports.
COMMON: dict[str, Signature] = {
    "synth_sru_abi": ((), c_int32),
    "synth_sru_problem_bytes": ((), c_int64),
    "synth_sru_checkpoint_every": ((), c_int64),
    "synth_sru_target": ((), c_char_p),
}
EXPORTS: dict[str, dict[str, Signature]] = {
    "cpu": {
        "synth_sru_forward": ((POINTER(Problem), c_int32), c_int32),
        "synth_sru_backward": ((POINTER(Problem), c_int32), c_int32),
    },
    "cuda": {
        "synth_sru_cuda_forward": ((POINTER(Problem), c_int32, c_void_p), c_int32),
        "synth_sru_cuda_backward": ((POINTER(Problem), c_int32, c_void_p), c_int32),
        "synth_sru_cuda_error": ((c_int32,), c_char_p),
        "synth_sru_cuda_usable": ((c_int32,), c_int32),
        "synth_sru_cuda_target": ((c_int32,), c_char_p),
        "synth_sru_cuda_version": ((c_int32,), c_int32),
    },
}
