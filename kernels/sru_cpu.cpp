// The recurrence on a processor: a task takes a block of neighbouring columns of one sequence through time, and
// the loops over its columns become vector instructions. Compiled once per instruction set, with -DSRU_ISA=<name>;
// no templates of the standard library, whose copies the linker would share between instruction sets.
#include "sru_cpu.h"
#include "sru_step.h"

#ifndef SRU_ISA
#define SRU_ISA baseline
#endif
#define SRU_NAME_OF(isa) #isa
#define SRU_NAME(isa) SRU_NAME_OF(isa)

namespace sru {
namespace SRU_ISA {
namespace {

#define SRU_COLUMNS _Pragma("GCC ivdep") for (int64_t j = 0; j < n; ++j)

// The columns [first, first + n) of one sequence, and where its steps lie in memory.
template <typename T, typename S>
struct Block {
    const synth_sru_problem &p;
    int64_t sequence, first, n;
    bool is_reverse;
    S v_f[BLOCK], v_r[BLOCK], b_f[BLOCK], b_r[BLOCK], m[BLOCK];

    Block(const synth_sru_problem &problem, int64_t task) : p(problem) {
        const int64_t columns = columns_of_direction(p), blocks = blocks_of_direction(p);
        const int64_t block = task % blocks_of_sequence(p), start = block % blocks * BLOCK;
        sequence = task / blocks_of_sequence(p);
        is_reverse = block >= blocks;
        first = start + (is_reverse ? columns : 0);
        n = columns - start < BLOCK ? columns - start : BLOCK;
        const S *weight = static_cast<const S *>(p.weight_c) + first, *bias = static_cast<const S *>(p.bias) + first;
        const S *mask = static_cast<const S *>(p.mask);
        SRU_COLUMNS {
            v_f[j] = weight[j], v_r[j] = weight[p.width + j];
            b_f[j] = bias[j], b_r[j] = bias[p.width + j];
            m[j] = mask ? mask[sequence * p.width + first + j] : S(1);
        }
    }

    int64_t time(int64_t step) const { return is_reverse ? p.length - 1 - step : step; }
    bool is_padding(int64_t t) const { return p.padding && p.padding[sequence * p.length + t]; }
    bool is_start(int64_t t) const {
        const int64_t direction = is_reverse ? p.batch * p.length : 0;
        return p.starts && p.starts[direction + sequence * p.length + t];
    }
    template <typename P>
    P *row(P *base, int64_t by_sequence, int64_t by_time, int64_t t) const {
        return base + sequence * by_sequence + t * by_time + first;
    }
    const T *u(int64_t t, int part) const {
        return row(static_cast<const T *>(p.u), p.u_batch, p.u_time, t) + part * p.u_part;
    }
    T *grad_u(int64_t t, int part) const {
        return row(static_cast<T *>(p.grad_u), p.grad_u_batch, p.grad_u_time, t) + part * p.grad_u_part;
    }
    const T *skip(int64_t t) const {
        return p.parts == 4 ? u(t, 3) : row(static_cast<const T *>(p.skip), p.skip_batch, p.skip_time, t);
    }
    T *grad_skip(int64_t t) const {
        if (p.parts == 4) return grad_u(t, 3);
        return row(static_cast<T *>(p.grad_skip), p.grad_skip_batch, p.grad_skip_time, t);
    }
    template <typename P>
    P *wide(P *base, int64_t row) const {  // a row of (rows, width)
        return base + row * p.width + first;
    }
    Column<S> column(int64_t j) const { return {v_f[j], v_r[j], b_f[j], b_r[j], m[j]}; }
};

// Ask for the rows of the next step: blocks of neighbouring steps lie too far apart to be foreseen.
template <typename T>
inline void prefetch(const T *row, int64_t n) {
    const char *bytes = reinterpret_cast<const char *>(row);
    for (int64_t at = 0; at < n * int64_t(sizeof(T)); at += 64) __builtin_prefetch(bytes + at);
}

// ---------------------------------------------------------------- forward

template <bool SKIPS, typename T, typename S>
void forward_step(const Block<T, S> &block, int64_t t, S *__restrict c) {
    const int64_t n = block.n;
    const T *__restrict u0 = block.u(t, 0), *__restrict u1 = block.u(t, 1), *__restrict u2 = block.u(t, 2);
    const T *__restrict x = SKIPS ? block.skip(t) : u0;
    const S scale = S(block.p.skip_scale);
    T *__restrict h = block.row(static_cast<T *>(block.p.h), block.p.h_batch, block.p.h_time, t);
    SRU_COLUMNS {
        const Column<S> column = block.column(j);
        const S before = c[j];
        const S f = forget_gate(column, S(widen(u1[j])), before), r = reset_gate(column, S(widen(u2[j])), before);
        const S after = next_state(f, S(widen(u0[j])), before);
        narrow(output(column.m * r, after, SKIPS ? scale * S(widen(x[j])) : S(0)), &h[j]);
        c[j] = after;
    }
}

template <bool SKIPS, typename T, typename S>
void forward_block(const synth_sru_problem &p, int64_t task) {
    const Block<T, S> block(p, task);
    const int64_t n = block.n;
    S c[BLOCK];
    const S *initial = block.wide(static_cast<const S *>(p.initial), block.sequence);
    SRU_COLUMNS c[j] = initial[j];
    for (int64_t step = 0; step < p.length; ++step) {
        const int64_t t = block.time(step);
        if (p.checkpoints && step % CHECKPOINT_EVERY == 0) {
            S *kept = block.wide(static_cast<S *>(p.checkpoints), step / CHECKPOINT_EVERY * p.batch + block.sequence);
            SRU_COLUMNS kept[j] = c[j];
        }
        if (step + 1 < p.length) {
            const int64_t next = block.time(step + 1);
            for (int part = 0; part < 3; ++part) prefetch(block.u(next, part), n);
            if (SKIPS) prefetch(block.skip(next), n);
        }
        if (block.is_start(t)) SRU_COLUMNS c[j] = S(0);
        if (block.is_padding(t)) {
            T *h = block.row(static_cast<T *>(p.h), p.h_batch, p.h_time, t);
            SRU_COLUMNS h[j] = T{};
        } else {
            forward_step<SKIPS>(block, t, c);
        }
    }
    S *last = block.wide(static_cast<S *>(p.last), block.sequence);
    SRU_COLUMNS last[j] = c[j];
}

// ---------------------------------------------------------------- gradient

template <typename S>
struct Sums {
    S after[BLOCK], v_f[BLOCK], v_r[BLOCK], b_f[BLOCK], b_r[BLOCK];  // `after`: of c, by later steps
};

// What c' is at the start of a document.
template <typename S>
const S ZEROS[BLOCK] = {};

// Compute the forget gates of a chunk again, and c before its first step and after each.
template <typename T, typename S>
void recompute(const Block<T, S> &block, int64_t begin, int64_t end, S (*c)[BLOCK], S (*f)[BLOCK]) {
    const int64_t n = block.n;
    for (int64_t step = begin; step < end; ++step) {
        const int64_t t = block.time(step);
        const S *__restrict before = block.is_start(t) ? ZEROS<S> : c[step - begin];
        S *__restrict after = c[step - begin + 1], *__restrict gate = f[step - begin];
        if (block.is_padding(t)) {
            SRU_COLUMNS after[j] = before[j];
            continue;
        }
        const T *__restrict u0 = block.u(t, 0), *__restrict u1 = block.u(t, 1);
        SRU_COLUMNS {
            gate[j] = forget_gate(block.column(j), S(widen(u1[j])), before[j]);
            after[j] = next_state(gate[j], S(widen(u0[j])), before[j]);
        }
    }
}

template <bool SKIPS, typename T, typename S>
void backward_step(
    const Block<T, S> &block, int64_t t, const S *__restrict before, const S *__restrict c, const S *__restrict f,
    Sums<S> &sums
) {
    const int64_t n = block.n;
    const T *__restrict u0 = block.u(t, 0), *__restrict u2 = block.u(t, 2);
    const T *__restrict x = SKIPS ? block.skip(t) : u0;
    const T *__restrict gh = block.row(static_cast<const T *>(block.p.grad_h), block.p.grad_h_batch, block.p.grad_h_time, t);
    T *__restrict g0 = block.grad_u(t, 0), *__restrict g1 = block.grad_u(t, 1), *__restrict g2 = block.grad_u(t, 2);
    T *__restrict gx = SKIPS ? block.grad_skip(t) : g0;
    const S scale = S(block.p.skip_scale);
    SRU_COLUMNS {
        const Column<S> column = block.column(j);
        const S r = reset_gate(column, S(widen(u2[j])), before[j]);
        const S skip = SKIPS ? scale * S(widen(x[j])) : S(0);
        const Gradient<S> g = step_gradient(
            column, f[j], r, S(widen(u0[j])), before[j], c[j], skip, S(widen(gh[j])), sums.after[j]
        );
        if (SKIPS) narrow(scale * g.skip, &gx[j]);
        narrow(g.u0, &g0[j]);
        narrow(g.u1, &g1[j]);
        narrow(g.u2, &g2[j]);
        sums.after[j] = g.before;
        sums.v_f[j] += g.u1 * before[j], sums.v_r[j] += g.u2 * before[j];
        sums.b_f[j] += g.u1, sums.b_r[j] += g.u2;
    }
}

template <bool SKIPS, typename T, typename S>
void no_gradient(const Block<T, S> &block, int64_t t) {
    const int64_t n = block.n;
    for (int part = 0; part < 3; ++part) {
        T *g = block.grad_u(t, part);
        SRU_COLUMNS g[j] = T{};
    }
    if (SKIPS) {
        T *g = block.grad_skip(t);
        SRU_COLUMNS g[j] = T{};
    }
}

template <bool SKIPS, typename T, typename S>
void backward_block(const synth_sru_problem &p, int64_t task) {
    const Block<T, S> block(p, task);
    const int64_t n = block.n, b = block.sequence;
    Sums<S> sums;
    const S *last = block.wide(static_cast<const S *>(p.grad_last), b);
    SRU_COLUMNS {
        sums.after[j] = last[j];
        sums.v_f[j] = sums.v_r[j] = sums.b_f[j] = sums.b_r[j] = S(0);
    }
    S c[CHECKPOINT_EVERY + 1][BLOCK], f[CHECKPOINT_EVERY][BLOCK];
    for (int64_t chunk = (p.length + CHECKPOINT_EVERY - 1) / CHECKPOINT_EVERY - 1; chunk >= 0; --chunk) {
        const int64_t begin = chunk * CHECKPOINT_EVERY;
        const int64_t end = begin + CHECKPOINT_EVERY < p.length ? begin + CHECKPOINT_EVERY : p.length;
        const S *kept = block.wide(static_cast<const S *>(p.checkpoints), chunk * p.batch + b);
        SRU_COLUMNS c[0][j] = kept[j];
        recompute(block, begin, end, c, f);
        for (int64_t step = end - 1; step >= begin; --step) {
            const int64_t t = block.time(step), i = step - begin;
            if (block.is_padding(t)) {
                no_gradient<SKIPS>(block, t);
            } else {
                backward_step<SKIPS>(block, t, block.is_start(t) ? ZEROS<S> : c[i], c[i + 1], f[i], sums);
            }
            if (block.is_start(t)) SRU_COLUMNS sums.after[j] = S(0);
        }
    }
    S *initial = block.wide(static_cast<S *>(p.grad_initial), b);
    S *gates = block.wide(static_cast<S *>(p.grad_gates), 4 * b);
    SRU_COLUMNS {
        initial[j] = sums.after[j];
        gates[j] = sums.v_f[j], gates[p.width + j] = sums.v_r[j];
        gates[2 * p.width + j] = sums.b_f[j], gates[3 * p.width + j] = sums.b_r[j];
    }
}

// ---------------------------------------------------------------- all tasks, every type

template <typename T, typename S>
void run_forward(const synth_sru_problem &p, int64_t first, int64_t last) {
    const bool skips = p.skip || p.parts == 4;
    for (int64_t task = first; task < last; ++task) {
        skips ? forward_block<true, T, S>(p, task) : forward_block<false, T, S>(p, task);
    }
}

template <typename T, typename S>
void run_backward(const synth_sru_problem &p, int64_t first, int64_t last) {
    const bool skips = p.skip || p.parts == 4;
    for (int64_t task = first; task < last; ++task) {
        skips ? backward_block<true, T, S>(p, task) : backward_block<false, T, S>(p, task);
    }
}

void forward(const synth_sru_problem &p, int64_t first, int64_t last) {
    switch (p.dtype) {
        case SYNTH_F32: return run_forward<float, float>(p, first, last);
        case SYNTH_F64: return run_forward<double, double>(p, first, last);
        case SYNTH_BF16: return run_forward<bf16, float>(p, first, last);
        case SYNTH_F16: return run_forward<f16, float>(p, first, last);
    }
}

void backward(const synth_sru_problem &p, int64_t first, int64_t last) {
    switch (p.dtype) {
        case SYNTH_F32: return run_backward<float, float>(p, first, last);
        case SYNTH_F64: return run_backward<double, double>(p, first, last);
        case SYNTH_BF16: return run_backward<bf16, float>(p, first, last);
        case SYNTH_F16: return run_backward<f16, float>(p, first, last);
    }
}

}  // namespace

const Implementation implementation = {SRU_NAME(SRU_ISA), forward, backward};

}  // namespace SRU_ISA
}  // namespace sru
