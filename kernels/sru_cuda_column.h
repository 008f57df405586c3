// What forward and backward on CUDA have in common: constants, memory, and where a thread's column lies.
#pragma once
#include "sru_abi.h"
#include "sru_step.h"

#ifndef SRU_ON_HOST
#include <cuda_runtime.h>
#endif

#define SRU_DEVICE __device__ __forceinline__
#define SRU_KERNEL __global__ void __launch_bounds__(FEW ? FEWEST_THREADS : MOST_THREADS, BLOCKS_AT_ONCE)
#ifndef SRU_FEW_COLUMNS  // 0: the kernels for many columns take all, to be timed beside
#define SRU_FEW_COLUMNS (1 << 15)
#endif

namespace sru {

// 1 / (1 + e^-x) by the approximate reciprocal, right to one unit: the exact one branches.
template <>
SRU_INLINE float sigmoid<float>(float x) {
    const float sum = 1.0f + exponential(-x);
#ifdef __CUDA_ARCH__
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(sum));
    return y;
#else
    return 1.0f / sum;
#endif
}

template <>
SRU_INLINE double sigmoid<double>(double x) {
    const double sum = 1.0 + exponential(-x);
#ifdef __CUDA_ARCH__
    return __drcp_rn(sum);
#else
    return 1.0 / sum;
#endif
}

namespace {

constexpr int CHUNK = 4;            // steps between stored states
constexpr int FEWEST_THREADS = 32;  // of a block, where columns are too few to fill every multiprocessor
constexpr int MOST_THREADS = 64;    // of a block
constexpr int BLOCKS_AT_ONCE = 16;  // on a multiprocessor: 64 registers a thread, or 128 where columns are few
constexpr int64_t FEW_COLUMNS = SRU_FEW_COLUMNS, MANY_COLUMNS = 1 << 17;

// How far ahead of a step its inputs are asked for. A multiprocessor that has a few columns alone has registers
// to spare, and too little on its way to keep the memory busy.
template <bool FEW>
struct Lead {
    static constexpr int STEPS = FEW ? 2 * CHUNK : CHUNK;  // into registers
    static constexpr int REQUESTED = FEW ? 32 : 16;        // into the cache
};
constexpr int64_t MOST_BLOCKS = 0x7fffffff, MOST_STEPS = 0x7fffffff - Lead<true>::REQUESTED;

template <typename S>
constexpr bool IS_SLOW = sizeof(S) == 8;  // float64 is for checks: nothing is on its way

template <typename T>
struct Wide {
    using type = float;
};
template <>
struct Wide<double> {
    using type = double;
};

// A problem whose skipped inputs are always an array of their own, and its scale in both widths.
struct Task : synth_sru_problem {
    float scale;
};
template <typename S>
SRU_INLINE S scale_of(const Task &task) {
    return S(task.scale);
}
template <>
SRU_INLINE double scale_of<double>(const Task &task) {
    return task.skip_scale;
}

// ---------------------------------------------------------------- memory

// Through the cache for what no one writes meanwhile: such a load may be moved before a store.
SRU_DEVICE double load(const double *at) { return __ldg(at); }
SRU_DEVICE float load(const float *at) { return __ldg(at); }
SRU_DEVICE bf16 load(const bf16 *at) { return {__ldg(&at->bits)}; }
SRU_DEVICE f16 load(const f16 *at) { return {__ldg(&at->bits)}; }

SRU_DEVICE void store(double x, double *at) { __stwb(at, x); }
SRU_DEVICE void store(float x, float *at) { __stwb(at, x); }
SRU_DEVICE void store(bf16 x, bf16 *at) { __stwb(&at->bits, x.bits); }
SRU_DEVICE void store(f16 x, f16 *at) { __stwb(&at->bits, x.bits); }

template <typename S, typename T>
SRU_DEVICE void write(S x, T *at) {
    T y;
    narrow(x, &y);
    store(y, at);
}

// Bring into the second-level cache, which takes no register.
template <typename T>
SRU_DEVICE void request(const T *at) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(at));
#else
    (void)at;
#endif
}

// Hide from the compiler how a value came about, which would compute all that follow from it in advance.
template <typename P>
SRU_DEVICE void hide(P *&pointer) {
#ifdef __CUDA_ARCH__
    asm volatile("" : "+l"(pointer));
#else
    (void)pointer;
#endif
}

SRU_DEVICE void hide(unsigned &number) {
#ifdef __CUDA_ARCH__
    asm volatile("" : "+r"(number));
#else
    (void)number;
#endif
}

// Read what is at the pointer only when a number of float64 is known, so that registers serve both.
SRU_DEVICE void follow(float, const float *&) {}
SRU_DEVICE void follow(float, const bf16 *&) {}
SRU_DEVICE void follow(float, const f16 *&) {}
SRU_DEVICE void follow(double number, const double *&pointer) {
#ifdef __CUDA_ARCH__
    asm volatile("" : "+l"(pointer) : "d"(number));
#else
    (void)number, (void)pointer;
#endif
}

// ---------------------------------------------------------------- columns

// The columns of a block: neighbours of one sequence and direction.
struct Place {
    int64_t sequence, first, count;  // columns
    bool is_reverse;
};

SRU_INLINE int64_t columns_of(const synth_sru_problem &p) { return p.bidirectional ? p.width / 2 : p.width; }
SRU_INLINE int64_t blocks_of(const synth_sru_problem &p, int64_t threads) {  // of a sequence and direction
    return (columns_of(p) + threads - 1) / threads;
}

SRU_DEVICE Place place_of(const Task &p) {
    unsigned block = blockIdx.x;
    hide(block);  // found again at the end, rather than kept meanwhile
    const unsigned blocks = unsigned(blocks_of(p, blockDim.x)), row = block / blocks;
    const int64_t start = (block - row * blocks) * blockDim.x, columns = columns_of(p);
    const bool is_reverse = row >= p.batch;
    const int64_t sequence = is_reverse ? row - p.batch : row;
    return {sequence, start + (is_reverse ? columns : 0), columns - start, is_reverse};
}

// A thread's column of an array (batch, length, width), at one step in the order of its direction.
template <typename T, bool IS_REVERSE>
struct Track {
    T *at;

    SRU_DEVICE Track(
        const Task &p, T *base, int64_t by_sequence, int64_t by_time, const Place &place, int64_t step
    ) {
        const int64_t t = IS_REVERSE ? p.length - 1 - step : step;
        at = base + place.sequence * by_sequence + t * by_time + place.first + threadIdx.x;
    }
    SRU_DEVICE T *later(int64_t by_time, int64_t steps) const {
        return at + (IS_REVERSE ? -steps : steps) * by_time;
    }
    SRU_DEVICE void go(int64_t by_time, int64_t steps) {
        at = later(by_time, steps);
        hide(at);
    }
};

// Padding and starts of a sequence. Where one is absent the other is read, and not counted: no branches.
template <bool MASKED, bool IS_REVERSE>
struct Marks {
    const Task &p;
    int64_t first;  // the place of the first step in (batch, length)

    SRU_DEVICE Marks(const Task &problem, const Place &place) : p(problem), first() {
        if (MASKED) first = place.sequence * p.length + (IS_REVERSE ? p.length - 1 : 0);
    }
    SRU_DEVICE bool is_padding(int step) const {
        return MASKED && bool(__ldg((p.padding ? p.padding : p.starts) + place(step))) & bool(p.padding);
    }
    SRU_DEVICE bool is_start(int step) const {
        const uint8_t *starts = p.starts ? p.starts + (IS_REVERSE ? p.batch * p.length : 0) : p.padding;
        return MASKED && bool(__ldg(starts + place(step))) & bool(p.starts);
    }
    SRU_DEVICE int64_t place(int step) const { return IS_REVERSE ? first - step : first + step; }
};

// A row of (rows, width), of wide numbers.
template <typename S>
SRU_DEVICE S *row_of(const Task &p, S *base, int64_t row, const Place &place) {
    return base + row * p.width + place.first + threadIdx.x;
}

template <typename S>
SRU_DEVICE Column<S> column_of(const Task &p, const Place &place) {
    const S *weight = row_of(p, static_cast<const S *>(p.weight_c), 0, place);
    const S *bias = row_of(p, static_cast<const S *>(p.bias), 0, place);
    const S *mask = static_cast<const S *>(p.mask);
    const S m = mask ? load(row_of(p, mask, place.sequence, place)) : S(1);
    return {load(weight), load(weight + p.width), load(bias), load(bias + p.width), m};
}

// What is read of a step, as it lies in memory: to convert a number is to wait for it.
template <typename T>
struct Inputs {
    T u0, u1, u2, skip;
};

template <typename T, bool SKIPS, bool IS_REVERSE>
struct Reader {
    const Task &p;
    Track<const T, IS_REVERSE> u, skip;

    SRU_DEVICE Reader(const Task &p, const Place &place, int64_t step)
        : p(p),
          u(p, static_cast<const T *>(p.u), p.u_batch, p.u_time, place, step),
          skip(p, static_cast<const T *>(p.skip), p.skip_batch, p.skip_time, place, step) {}

    SRU_DEVICE Inputs<T> read(int64_t steps) {  // and go on by so many steps
        const Inputs<T> inputs = {
            load(u.at), load(u.at + p.u_part), load(u.at + 2 * p.u_part), SKIPS ? load(skip.at) : T{}
        };
        go(steps);
        return inputs;
    }
    SRU_DEVICE void go(int64_t steps) {
        u.go(p.u_time, steps);
        if (SKIPS) skip.go(p.skip_time, steps);
    }
    SRU_DEVICE void request_later(int64_t steps) const {
        const T *at = u.later(p.u_time, steps);
        request(at), request(at + p.u_part), request(at + 2 * p.u_part);
        if (SKIPS) request(skip.later(p.skip_time, steps));
    }
};

}  // namespace
}  // namespace sru
