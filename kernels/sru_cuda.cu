// The recurrence on CUDA: a thread takes one column of one sequence through time, while what coming steps read
// is already on its way. No thread waits for another, so the same source runs on a host (`cuda_on_host.h`).
//
// This file is the C interface: it checks a problem, chooses a kernel and launches it on the caller's stream.
#include <stdio.h>

#include "sru_check.h"
#include "sru_cuda_backward.h"
#include "sru_cuda_forward.h"

#ifndef SRU_ON_HOST
#define SRU_LAUNCH(kernel, blocks, threads, stream, problem) kernel<<<blocks, threads, 0, stream>>>(problem)
#endif
#define SRU_EXPORT extern "C" __attribute__((visibility("default")))

namespace sru {
namespace {

using Kernel = void (*)(const Task);

template <bool IS_BACKWARD, typename T, bool SKIPS, bool MASKED, bool FEW>
Kernel kernel_for() {
    if constexpr (IS_BACKWARD) {
        return backward<T, SKIPS, MASKED, FEW>;
    } else {
        return forward<T, SKIPS, MASKED, FEW>;
    }
}

// Few columns have kernels of their own where time is what they are for: without marks, and not of float64.
template <bool IS_BACKWARD, typename T, bool SKIPS>
Kernel kernel_of(const Task &task) {
    constexpr bool HAS_FEW = !IS_SLOW<typename Wide<T>::type>;
    if (task.padding || task.starts) return kernel_for<IS_BACKWARD, T, SKIPS, true, false>();
    if (HAS_FEW && task.batch * task.width < FEW_COLUMNS) return kernel_for<IS_BACKWARD, T, SKIPS, false, HAS_FEW>();
    return kernel_for<IS_BACKWARD, T, SKIPS, false, false>();
}

// The fourth part of u is skipped inputs like any other; so is its gradient.
template <typename T>
void separate_skip(Task &task) {
    if (task.parts != 4) return;
    task.skip = static_cast<const T *>(task.u) + 3 * task.u_part;
    task.skip_batch = task.u_batch, task.skip_time = task.u_time;
    task.grad_skip = static_cast<T *>(task.grad_u) + 3 * task.grad_u_part;
    task.grad_skip_batch = task.grad_u_batch, task.grad_skip_time = task.grad_u_time;
}

template <bool IS_BACKWARD, typename T>
Kernel prepare(Task &task) {
    separate_skip<T>(task);
    return task.skip ? kernel_of<IS_BACKWARD, T, true>(task) : kernel_of<IS_BACKWARD, T, false>(task);
}

template <bool IS_BACKWARD>
Kernel prepare(Task &task) {
    switch (task.dtype) {
        case SYNTH_F32: return prepare<IS_BACKWARD, float>(task);
        case SYNTH_F64: return prepare<IS_BACKWARD, double>(task);
        case SYNTH_BF16: return prepare<IS_BACKWARD, bf16>(task);
        default: return prepare<IS_BACKWARD, f16>(task);
    }
}

int32_t status_of(cudaError_t error) {
    return error == cudaSuccess ? SYNTH_OK : SYNTH_CUDA_ERROR + int32_t(error);
}

template <bool IS_BACKWARD>
int32_t launch(const synth_sru_problem &p, cudaStream_t stream) {
    Task task{p, float(p.skip_scale)};
    const Kernel kernel = prepare<IS_BACKWARD>(task);
    const int64_t threads = p.batch * p.width < MANY_COLUMNS ? FEWEST_THREADS : MOST_THREADS;
    const int64_t blocks_of_sequence = (p.bidirectional ? 2 : 1) * blocks_of(p, threads);
    if (p.length > MOST_STEPS || blocks_of_sequence > MOST_BLOCKS / p.batch) return SYNTH_WRONG_SIZE;
    SRU_LAUNCH(kernel, unsigned(p.batch * blocks_of_sequence), unsigned(threads), stream, task);
    return status_of(cudaGetLastError());
}

// No steps: c stays, and no gate has a gradient.
int32_t pass_on(const synth_sru_problem &p, bool is_backward, cudaStream_t stream) {
    const size_t bytes = size_t(p.batch * p.width) * (p.dtype == SYNTH_F64 ? sizeof(double) : sizeof(float));
    const void *from = is_backward ? p.grad_last : p.initial;
    void *to = is_backward ? p.grad_initial : p.last;
    const cudaError_t error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
    if (error != cudaSuccess || !is_backward) return status_of(error);
    return status_of(cudaMemsetAsync(p.grad_gates, 0, 4 * bytes, stream));
}

// The caller's device (-1: the current one), and afterwards the one that was current.
class OnDevice {
  public:
    explicit OnDevice(int device) : error(cudaGetDevice(&before)) {
        if (error != cudaSuccess || before == device || device < 0) return;
        error = cudaSetDevice(device);
        is_changed = error == cudaSuccess;
    }
    ~OnDevice() {
        if (is_changed) cudaSetDevice(before);
    }
    OnDevice(const OnDevice &) = delete;
    int before = 0;
    cudaError_t error;

  private:
    bool is_changed = false;
};

template <bool IS_BACKWARD>
int32_t run(const synth_sru_problem *p, int32_t device, void *stream) {
    const int32_t status = checked(p, IS_BACKWARD);
    if (status != SYNTH_OK || p->batch == 0 || p->width == 0) return status;
    const OnDevice guard(device);
    if (guard.error != cudaSuccess) return status_of(guard.error);
    const cudaStream_t queue = static_cast<cudaStream_t>(stream);
    return p->length == 0 ? pass_on(*p, IS_BACKWARD, queue) : launch<IS_BACKWARD>(*p, queue);
}

}  // namespace
}  // namespace sru

SRU_EXPORT int32_t synth_sru_abi(void) { return SYNTH_SRU_ABI; }
SRU_EXPORT int64_t synth_sru_problem_bytes(void) { return sizeof(synth_sru_problem); }
SRU_EXPORT int64_t synth_sru_checkpoint_every(void) { return sru::CHUNK; }

SRU_EXPORT const char *synth_sru_cuda_target(int32_t device) {
    static thread_local char name[16];
    int major = 0, minor = 0;
    cudaError_t error = device < 0 ? cudaGetDevice(&device) : cudaSuccess;
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    cudaGetLastError();  // an answer, and no error of the next call's
    if (error != cudaSuccess) return "none";
    snprintf(name, sizeof name, "sm_%d%d", major, minor);
    return name;
}
SRU_EXPORT const char *synth_sru_target(void) { return synth_sru_cuda_target(-1); }

SRU_EXPORT int32_t synth_sru_cuda_usable(int32_t device) {
    sru::OnDevice guard(device);
    cudaError_t error = guard.error;
    cudaFuncAttributes attributes;  // found only if the library has code for the device
    if (error == cudaSuccess) error = cudaFuncGetAttributes(&attributes, sru::forward<float, false, false, false>);
    cudaGetLastError();
    return sru::status_of(error);
}

SRU_EXPORT int32_t synth_sru_cuda_version(int32_t of_driver) {
    int version = 0;
    const cudaError_t error = of_driver ? cudaDriverGetVersion(&version) : cudaRuntimeGetVersion(&version);
    return error == cudaSuccess ? version : 0;
}

SRU_EXPORT int32_t synth_sru_cuda_forward(const synth_sru_problem *problem, int32_t device, void *stream) {
    return sru::run<false>(problem, device, stream);
}
SRU_EXPORT int32_t synth_sru_cuda_backward(const synth_sru_problem *problem, int32_t device, void *stream) {
    return sru::run<true>(problem, device, stream);
}

SRU_EXPORT const char *synth_sru_cuda_error(int32_t status) {
    switch (status) {
        case SYNTH_OK: return "no error";
        case SYNTH_WRONG_ABI: return "the problem is of another version of the interface";
        case SYNTH_WRONG_DTYPE: return "the type of the numbers is unknown";
        case SYNTH_WRONG_SIZE: return "a size is out of range, or sizes contradict each other";
        case SYNTH_NULL_POINTER: return "an array that is needed is absent";
        case SYNTH_NO_MEMORY: return "out of memory";
        default: return cudaGetErrorString(static_cast<cudaError_t>(status - SYNTH_CUDA_ERROR));
    }
}
