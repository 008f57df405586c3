// What `sru_cuda.cu` uses of CUDA, for a C++ compiler: its kernels then run on host pointers, one thread after
// the other, so that the source is tested where there is no GPU. Valid because a thread never waits for another:
// the kernels have no barriers, no shuffles and no shared memory.
//
//     c++ -std=c++17 -O2 -x c++ -include kernels/cuda_on_host.h kernels/sru_cuda.cu
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// (-Wno-unknown-pragmas: to unroll is a wish to nvcc.)

#define SRU_ON_HOST 1
#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(threads, blocks)

struct dim3 {
    unsigned x;
};
static thread_local dim3 blockIdx, blockDim, threadIdx, gridDim;

template <typename T>
inline T __ldg(const T *at) {
    return *at;
}

template <typename T>
inline void __stwb(T *at, T x) {
    *at = x;
}

using cudaError_t = int;
using cudaStream_t = void *;
enum {
    cudaSuccess = 0,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209
};
struct cudaFuncAttributes {};
enum cudaMemcpyKind { cudaMemcpyDeviceToDevice };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor, cudaDevAttrComputeCapabilityMinor };

inline int &cuda_on_host_device() {
    static thread_local int device = 0;
    return device;
}
// Two devices, so that a test can see that the caller's is set and restored.
inline cudaError_t cudaSetDevice(int device) {
    if (device < 0 || device > 1) return cudaErrorInvalidDevice;
    cuda_on_host_device() = device;
    return cudaSuccess;
}
// What a driver would answer, as a test wants it: a number in the environment, else the other.
inline int cuda_on_host_answer(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}
inline cudaError_t cudaGetDevice(int *device) {
    *device = cuda_on_host_device();
    const int error = cuda_on_host_answer("CUDA_ON_HOST_ERROR", cudaSuccess);
    return error == cudaErrorInsufficientDriver || error == cudaErrorNoDevice ? error : cudaSuccess;
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char *cudaGetErrorString(cudaError_t code) {
    return code == cudaErrorInvalidDevice ? "invalid device ordinal" : "unknown error";
}
inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int) {
    const int target = cuda_on_host_answer("CUDA_ON_HOST_TARGET", 0);
    *value = which == cudaDevAttrComputeCapabilityMajor ? target / 10 : target % 10;
    return cudaSuccess;
}
template <typename Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *, Kernel *) {
    return cuda_on_host_answer("CUDA_ON_HOST_ERROR", cudaSuccess);
}
inline cudaError_t cudaDriverGetVersion(int *version) {
    *version = cuda_on_host_answer("CUDA_ON_HOST_DRIVER", 13000);
    return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    memcpy(to, from, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t) {
    memset(to, value, bytes);
    return cudaSuccess;
}

// Every block, and in it every thread.
template <typename Kernel, typename Argument>
void launch_on_host(Kernel kernel, unsigned blocks, unsigned threads, const Argument &argument) {
    gridDim.x = blocks, blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel(argument);
    }
}
#define SRU_LAUNCH(kernel, blocks, threads, stream, argument) \
    ((void)(stream), launch_on_host(kernel, blocks, threads, argument))
