// The C interface of the native recurrences: what a library exports, and the one structure it takes.
//
// Nothing here depends on Python or torch. `synthcli/kernels/abi.py` mirrors this file; whoever changes one
// changes the other and SYNTH_SRU_ABI.
#pragma once
#include <stdint.h>

#define SYNTH_SRU_ABI 2

#ifdef __cplusplus
extern "C" {
#endif

enum synth_sru_dtype { SYNTH_F32 = 0, SYNTH_F64 = 1, SYNTH_BF16 = 2, SYNTH_F16 = 3 };

// What a call returns; a CUDA error code is returned as SYNTH_CUDA_ERROR + code.
enum synth_sru_status {
    SYNTH_OK = 0,
    SYNTH_WRONG_ABI = 1,
    SYNTH_WRONG_DTYPE = 2,
    SYNTH_WRONG_SIZE = 3,
    SYNTH_NULL_POINTER = 4,
    SYNTH_NO_MEMORY = 5,
    SYNTH_CUDA_ERROR = 1000
};

// A recurrence of `batch` sequences of `length` steps over `width` columns, of which the second half run
// backwards in time where `bidirectional`. Strides count elements; columns stand next to each other.
//
// "wide" numbers are float64 where dtype is SYNTH_F64, else float32; all others are of dtype. Absent: NULL.
typedef struct synth_sru_problem {
    int32_t abi;    // SYNTH_SRU_ABI of the caller
    int32_t dtype;  // of u, skip, h and their gradients
    int64_t batch, length, width;
    int32_t bidirectional;
    int32_t parts;  // of u: 3, or 4 where the fourth is the skipped input
    double skip_scale;

    const void *u;  // (batch, length, parts, width)
    int64_t u_batch, u_time, u_part;
    const void *skip;  // (batch, length, width), absent where parts is 4 or nothing is skipped
    int64_t skip_batch, skip_time;
    const void *initial;     // wide (batch, width): c before the first step
    const void *weight_c;    // wide (2, width): v_f, v_r
    const void *bias;        // wide (2, width): b_f, b_r
    const uint8_t *padding;  // (batch, length): not 0 where h is 0 and c stays; or absent
    const uint8_t *starts;   // (1, or 2 where bidirectional, batch, length): c is 0 before these; or absent
    const void *mask;        // wide (batch, width): m, the dropout of a sequence; or absent

    void *h;  // (batch, length, width)
    int64_t h_batch, h_time;
    void *last;         // wide (batch, width): c after the last step
    void *checkpoints;  // wide (chunks, batch, width): c before each chunk of steps; absent where no gradient

    const void *grad_h;  // (batch, length, width)
    int64_t grad_h_batch, grad_h_time;
    const void *grad_last;  // wide (batch, width)
    void *grad_u;           // as u, its strides below
    int64_t grad_u_batch, grad_u_time, grad_u_part;
    void *grad_skip;  // (batch, length, width), absent where skip is
    int64_t grad_skip_batch, grad_skip_time;
    void *grad_initial;  // wide (batch, width)
    void *grad_gates;    // wide (batch, 4, width): of v_f, v_r, b_f, b_r, by sequence, to be summed
} synth_sru_problem;

// Every library exports these.
int32_t synth_sru_abi(void);
int64_t synth_sru_problem_bytes(void);     // sizeof(synth_sru_problem): the layouts agree
int64_t synth_sru_checkpoint_every(void);  // steps of a chunk; chunks = ceil(length / this)
const char *synth_sru_target(void);        // what is used here: "avx512", "sm_90", …

// The library for processors. `threads` bounds how many it starts.
int32_t synth_sru_forward(const synth_sru_problem *problem, int32_t threads);
int32_t synth_sru_backward(const synth_sru_problem *problem, int32_t threads);

// The library for CUDA: pointers are the device's; work is queued on `stream` (a cudaStream_t).
int32_t synth_sru_cuda_forward(const synth_sru_problem *problem, int32_t device, void *stream);
int32_t synth_sru_cuda_backward(const synth_sru_problem *problem, int32_t device, void *stream);
const char *synth_sru_cuda_error(int32_t status);
// Whether the kernels can run on a device, -1 for the current one: SYNTH_OK, or CUDA's error. Nothing is launched.
int32_t synth_sru_cuda_usable(int32_t device);
const char *synth_sru_cuda_target(int32_t device);  // "sm_90", or "none" where there is no such device
int32_t synth_sru_cuda_version(int32_t of_driver);  // 13000 is 13.0: what the driver knows, else what this needs

#ifdef __cplusplus
}
#endif
