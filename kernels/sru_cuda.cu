// The recurrence on CUDA: a thread takes one column of one sequence through time, while what coming steps read is
// already on its way. Threads do not wait for each other, so the same source runs on a host (`cuda_on_host.h`).
//
// Forward keeps c before each chunk of steps; backward computes the chunk's other states again, into registers,
// and then takes the chunk's steps in reverse. Registers are what is scarce: see README.md.
#include "sru_abi.h"
#include "sru_step.h"

#ifndef SRU_ON_HOST
#include <cuda_runtime.h>
#define SRU_LAUNCH(kernel, blocks, threads, stream, problem) kernel<<<blocks, threads, 0, stream>>>(problem)
#endif
#include <stdio.h>

#define SRU_EXPORT extern "C" __attribute__((visibility("default")))
#define SRU_DEVICE __device__ __forceinline__
#define SRU_KERNEL __global__ void __launch_bounds__(MOST_THREADS, BLOCKS_AT_ONCE)

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
constexpr int AHEAD = 4;            // steps whose inputs are on their way to registers
constexpr int AGAIN = 1;            // the same where inputs have been read before
static_assert(CHUNK % AHEAD == 0, "a chunk is a number of rounds of registers");
template <typename S>
constexpr bool IS_SLOW = sizeof(S) == 8;  // float64 is for checks: nothing is on its way
constexpr int REQUESTED = 16;       // steps that inputs are asked into the cache before
constexpr int FEWEST_THREADS = 32;  // of a block, where columns are too few to fill every multiprocessor
constexpr int MOST_THREADS = 64;    // of a block
constexpr int BLOCKS_AT_ONCE = 16;  // of MOST_THREADS on a multiprocessor: 64 registers a thread
constexpr int64_t MANY_COLUMNS = 1 << 17;
constexpr int64_t MOST_BLOCKS = 0x7fffffff, MOST_STEPS = 0x7fffffff - REQUESTED;

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
SRU_DEVICE void hide(unsigned &number) {
#ifdef __CUDA_ARCH__
    asm volatile("" : "+r"(number));
#else
    (void)number;
#endif
}

// The columns of a block: neighbours of one sequence and direction, so that all of its threads share their addresses
// but for the thread's own number. What threads share takes no registers of theirs.
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

// The block's columns of an array (batch, length, width), at one step in the order of its direction.
template <typename T, bool IS_REVERSE>
struct Track {
    T *at;

    SRU_DEVICE Track(const Task &p, T *base, int64_t by_sequence, int64_t by_time, const Place &place, int64_t step)
        : at(base + place.sequence * by_sequence + (IS_REVERSE ? p.length - 1 - step : step) * by_time + place.first + threadIdx.x) {}

    SRU_DEVICE T *later(int64_t by_time, int64_t steps) const { return at + (IS_REVERSE ? -steps : steps) * by_time; }
    SRU_DEVICE void go(int64_t by_time, int64_t steps) {
        at = later(by_time, steps);
        hide(at);
    }
};

// Padding and starts of a sequence. Where only one is given it is read for both, and counts once: no branches.
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
    const S *bias = row_of(p, static_cast<const S *>(p.bias), 0, place), *mask = static_cast<const S *>(p.mask);
    const S m = mask ? load(row_of(p, mask, place.sequence, place)) : S(1);
    return {load(weight), load(weight + p.width), load(bias), load(bias + p.width), m};
}

// ---------------------------------------------------------------- forward

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

template <typename T, bool SKIPS, bool MASKED, bool IS_REVERSE>
SRU_DEVICE void forward_column(const Task &p, const Place &place) {
    using S = typename Wide<T>::type;
    const Column<S> column = column_of<S>(p, place);
    const S scale = scale_of<S>(p);
    const Marks<MASKED, IS_REVERSE> marks(p, place);
    Reader<T, SKIPS, IS_REVERSE> reader(p, place, 0);
    Track<T, IS_REVERSE> h(p, static_cast<T *>(p.h), p.h_batch, p.h_time, place, 0);
    S c = load(row_of(p, static_cast<const S *>(p.initial), place.sequence, place));
    S *kept = row_of(p, static_cast<S *>(p.checkpoints), place.sequence, place);

    const auto take = [&](int step, const Inputs<T> &now) {
        if (step % CHUNK == 0 && p.checkpoints) {
            store(c, kept);
            kept += p.batch * p.width;
        }
        const bool is_padding = marks.is_padding(step);
        const S before = marks.is_start(step) ? S(0) : c;
        const S f = forget_gate(column, S(widen(now.u1)), before), r = reset_gate(column, S(widen(now.u2)), before);
        const S after = next_state(f, S(widen(now.u0)), before);
        const S y = output(column.m * r, after, SKIPS ? scale * S(widen(now.skip)) : S(0));
        c = is_padding ? before : after;
        write(is_padding ? S(0) : y, h.at);
        h.go(p.h_time, 1);
    };
    const int length = int(p.length);
    int step = 0;
    if (IS_SLOW<S>) {
        for (; step < length; ++step) take(step, reader.read(1));
    } else {
        Inputs<T> coming[AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) coming[i] = reader.read(i < length - 1 ? 1 : 0);
        for (; step + 2 * AHEAD < length; step += AHEAD) {
            if (step + REQUESTED + 2 * AHEAD <= length) {
#pragma unroll
                for (int i = 0; i < AHEAD; ++i) reader.request_later(REQUESTED + i);
            }
#pragma unroll
            for (int i = 0; i < AHEAD; ++i) {
                const Inputs<T> now = coming[i];
                coming[i] = reader.read(1);
                take(step + i, now);
            }
        }
#pragma unroll
        for (int i = 0; i < 2 * AHEAD; ++i) {
            if (step >= length) break;
            const Inputs<T> now = coming[i % AHEAD];
            if (step + AHEAD < length) coming[i % AHEAD] = reader.read(step + AHEAD + 1 < length ? 1 : 0);
            take(step++, now);
        }
    }
    const Place here = place_of(p);
    store(c, row_of(p, static_cast<S *>(p.last), here.sequence, here));
}

template <typename T, bool SKIPS, bool MASKED>
SRU_KERNEL forward(const Task p) {
    const Place place = place_of(p);
    if (threadIdx.x >= place.count) return;
    if (place.is_reverse) {
        forward_column<T, SKIPS, MASKED, true>(p, place);
    } else {
        forward_column<T, SKIPS, MASKED, false>(p, place);
    }
}

// ---------------------------------------------------------------- gradient

// What the states of a chunk follow from, and what else the gradient of a step does.
template <typename T>
struct Pair {
    T u0, u1;
};
template <typename T>
struct Rest {
    T u2, skip, grad_h;
};

// A sum over the steps. Those of float64 are in memory, for want of registers.
template <typename S>
struct Sum {
    S total;
};
template <>
struct Sum<double> {
    volatile double total;
};

template <typename T, bool SKIPS, bool MASKED, bool IS_REVERSE>
SRU_DEVICE void backward_column(const Task &p, const Place &place) {
    using S = typename Wide<T>::type;
    const Column<S> column = column_of<S>(p, place);
    const S scale = scale_of<S>(p);
    const Marks<MASKED, IS_REVERSE> marks(p, place);
    constexpr bool IS_ROLLED = IS_SLOW<S> || MASKED;  // marks would take the registers of states: these are in memory
    const int64_t end = p.length - 1, last_chunk = end / CHUNK;
    Reader<T, SKIPS, IS_REVERSE> reader(p, place, end);
    Track<const T, IS_REVERSE> grad_h(p, static_cast<const T *>(p.grad_h), p.grad_h_batch, p.grad_h_time, place, end);
    Track<T, IS_REVERSE> grad_u(p, static_cast<T *>(p.grad_u), p.grad_u_batch, p.grad_u_time, place, end);
    Track<T, IS_REVERSE> grad_skip(p, static_cast<T *>(p.grad_skip), p.grad_skip_batch, p.grad_skip_time, place, end);
    const S *kept = row_of(p, static_cast<const S *>(p.checkpoints), last_chunk * p.batch + place.sequence, place);
    S c = load(kept), gc = load(row_of(p, static_cast<const S *>(p.grad_last), place.sequence, place));
    Sum<S> gv_f{0}, gv_r{0}, gb_f{0}, gb_r{0};
    uint32_t marked = 0;  // of the chunk's steps: the starts, then the padding
    const auto is_start = [&](int i) { return marked >> i & 1; };
    const auto is_padding = [&](int i) { return marked >> (i + CHUNK) & 1; };

    const auto read_pair = [&](int64_t steps) -> Pair<T> {  // so many steps from where the reader is
        const T *at = reader.u.later(p.u_time, steps);
        return {load(at), load(at + p.u_part)};
    };
    const auto read_rest = [&] {
        const T u2 = load(reader.u.at + 2 * p.u_part), skip = SKIPS ? load(reader.skip.at) : T{}, gh = load(grad_h.at);
        reader.go(-1);
        grad_h.go(p.grad_h_time, -1);
        return Rest<T>{u2, skip, gh};
    };
    const auto recompute = [&](S &before, int first, int i, const Pair<T> &now) {
        if (MASKED) {
            const uint32_t start = marks.is_start(first + i), padding = marks.is_padding(first + i);
            marked = (i ? marked : 0) | start << i | padding << (i + CHUNK);
        }
        before = is_start(i) ? S(0) : c;
        const S f = forget_gate(column, S(widen(now.u1)), before);
        c = is_padding(i) ? before : next_state(f, S(widen(now.u0)), before);
    };
    const auto take = [&](S before, int i, const Pair<T> &pair, auto read) {
        const S f = forget_gate(column, S(widen(pair.u1)), before);
        const Rest<T> rest = read(f);
        const S u0 = S(widen(pair.u0)), skip = SKIPS ? scale * S(widen(rest.skip)) : S(0);
        const S r = reset_gate(column, S(widen(rest.u2)), before);
        const S after = next_state(f, u0, before);
        Gradient<S> g = step_gradient(column, f, r, u0, before, after, skip, S(widen(rest.grad_h)), gc);
        if (is_padding(i)) g = {S(0), S(0), S(0), S(0), gc};
        gc = is_start(i) ? S(0) : g.before;
        gv_f.total = gv_f.total + g.u1 * before, gv_r.total = gv_r.total + g.u2 * before;
        gb_f.total = gb_f.total + g.u1, gb_r.total = gb_r.total + g.u2;
        write(g.u0, grad_u.at), write(g.u1, grad_u.at + p.grad_u_part), write(g.u2, grad_u.at + 2 * p.grad_u_part);
        grad_u.go(p.grad_u_time, -1);
        if (!SKIPS) return;
        write(scale * g.skip, grad_skip.at);
        grad_skip.go(p.grad_skip_time, -1);
    };
    const auto go_to_chunk_before = [&](int first) {
        if (first > 0) kept -= p.batch * p.width;
        c = load(kept);
    };

    int first = int(last_chunk * CHUNK), count = int(p.length) - first;
    while (first >= 0 && (count < CHUNK || IS_ROLLED)) {
        S before[CHUNK];
#pragma unroll 1
        for (int i = 0; i < count; ++i) recompute(before[i], first, i, read_pair(i + 1 - count));
#pragma unroll 1
        for (int i = count - 1; i >= 0; --i) {
            const Pair<T> pair = read_pair(0);
            take(before[i], i, pair, [&](S f) {
                follow(f, reader.u.at);
                return read_rest();
            });
        }
        go_to_chunk_before(first);
        first -= CHUNK;
        count = CHUNK;
    }
    if (!IS_ROLLED && first >= 0) {
        Pair<T> coming[AHEAD], again[AGAIN];
        Rest<T> rests[AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) coming[i] = read_pair(i + 1 - CHUNK);
        for (; first >= 0; first -= CHUNK) {
            if (first >= REQUESTED) {
#pragma unroll 1
                for (int i = 0; i < CHUNK; ++i) {
                    reader.request_later(-REQUESTED - i);
                    request(grad_h.later(p.grad_h_time, -REQUESTED - i));
                }
            }
            S before[CHUNK];
#pragma unroll
            for (int i = 0; i < CHUNK; ++i) {
                const Pair<T> now = coming[i % AHEAD];
                if (i + AHEAD < CHUNK) {
                    coming[i % AHEAD] = read_pair(i + AHEAD + 1 - CHUNK);
                } else {
                    rests[i % AHEAD] = read_rest();
                }
                recompute(before[i], first, i, now);
            }
#pragma unroll
            for (int j = 0; j < AGAIN; ++j) again[j] = read_pair(AHEAD - j);
            go_to_chunk_before(first);
#pragma unroll
            for (int j = 0; j < CHUNK; ++j) {
                const Pair<T> pair = again[j % AGAIN];
                const Rest<T> rest = rests[j % AHEAD];
                if (j + AHEAD < CHUNK) {
                    rests[j % AHEAD] = read_rest();
                } else {
                    const int i = j + AHEAD - CHUNK;
                    coming[i] = read_pair(first > 0 ? i + 1 - CHUNK : 1);
                }
                if (j + AGAIN < CHUNK) again[j % AGAIN] = read_pair((j + AHEAD < CHUNK ? AHEAD + 1 : CHUNK - j) - AGAIN);
                take(before[CHUNK - 1 - j], CHUNK - 1 - j, pair, [&](S) { return rest; });
            }
        }
    }
    const Place here = place_of(p);
    store(gc, row_of(p, static_cast<S *>(p.grad_initial), here.sequence, here));
    S *gates = row_of(p, static_cast<S *>(p.grad_gates), 4 * here.sequence, here);
    store(S(gv_f.total), gates), store(S(gv_r.total), gates + p.width), store(S(gb_f.total), gates + 2 * p.width), store(S(gb_r.total), gates + 3 * p.width);
}

template <typename T, bool SKIPS, bool MASKED>
SRU_KERNEL backward(const Task p) {
    const Place place = place_of(p);
    if (threadIdx.x >= place.count) return;
    if (place.is_reverse) {
        backward_column<T, SKIPS, MASKED, true>(p, place);
    } else {
        backward_column<T, SKIPS, MASKED, false>(p, place);
    }
}

// ---------------------------------------------------------------- launch

using Kernel = void (*)(const Task);

template <bool IS_BACKWARD, typename T, bool SKIPS, bool MASKED>
Kernel kernel_for() {
    if constexpr (IS_BACKWARD) {
        return backward<T, SKIPS, MASKED>;
    } else {
        return forward<T, SKIPS, MASKED>;
    }
}

template <bool IS_BACKWARD, typename T>
Kernel kernel_of(const Task &task) {
    const bool is_masked = task.padding || task.starts;
    if (task.skip) return is_masked ? kernel_for<IS_BACKWARD, T, true, true>() : kernel_for<IS_BACKWARD, T, true, false>();
    return is_masked ? kernel_for<IS_BACKWARD, T, false, true>() : kernel_for<IS_BACKWARD, T, false, false>();
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
    return kernel_of<IS_BACKWARD, T>(task);
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

int32_t status_of(cudaError_t error) { return error == cudaSuccess ? SYNTH_OK : SYNTH_CUDA_ERROR + int32_t(error); }

template <bool IS_BACKWARD>
int32_t launch(const synth_sru_problem &p, cudaStream_t stream) {
    Task task{p, float(p.skip_scale)};
    const Kernel kernel = prepare<IS_BACKWARD>(task);
    const int64_t threads = p.batch * p.width < MANY_COLUMNS ? FEWEST_THREADS : MOST_THREADS;
    const int64_t directions = p.bidirectional ? 2 : 1, blocks_of_sequence = directions * blocks_of(p, threads);
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

int32_t check(const synth_sru_problem *p, bool is_backward) {
    if (!p) return SYNTH_NULL_POINTER;
    if (p->abi != SYNTH_SRU_ABI) return SYNTH_WRONG_ABI;
    if (p->dtype < SYNTH_F32 || p->dtype > SYNTH_F16) return SYNTH_WRONG_DTYPE;
    if (p->batch < 0 || p->length < 0 || p->width < 0) return SYNTH_WRONG_SIZE;
    if ((p->parts != 3 && p->parts != 4) || (p->parts == 4 && p->skip)) return SYNTH_WRONG_SIZE;
    if (p->bidirectional && p->width % 2) return SYNTH_WRONG_SIZE;
    if (p->batch == 0 || p->width == 0) return SYNTH_OK;
    if (!p->weight_c || !p->bias || (p->length && !p->u)) return SYNTH_NULL_POINTER;
    if (!is_backward) return p->initial && p->last && (p->h || !p->length) ? SYNTH_OK : SYNTH_NULL_POINTER;
    if (!p->grad_last || !p->grad_initial || !p->grad_gates) return SYNTH_NULL_POINTER;
    if (!p->length) return SYNTH_OK;
    const bool has_all = p->grad_h && p->grad_u && p->checkpoints && !p->skip == !p->grad_skip;
    return has_all ? SYNTH_OK : SYNTH_NULL_POINTER;
}

// The caller's device, and afterwards the one that was current.
class OnDevice {
  public:
    explicit OnDevice(int device) : error(cudaGetDevice(&before)) {
        if (error == cudaSuccess && before != device) error = cudaSetDevice(device), is_changed = error == cudaSuccess;
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
    const int32_t status = check(p, IS_BACKWARD);
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

SRU_EXPORT const char *synth_sru_target(void) {
#ifdef SRU_ON_HOST
    return "host";
#else
    static thread_local char name[16];
    int device = 0, major = 0, minor = 0;
    if (cudaGetDevice(&device) != cudaSuccess) return "none";
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    snprintf(name, sizeof name, "sm_%d%d", major, minor);
    return name;
#endif
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
