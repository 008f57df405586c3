// The gradient on CUDA: from the last chunk to the first, c of a chunk's steps is computed again, then its steps
// are taken in reverse. Without marks the states stay in registers, and the next chunk's inputs are on their way.
#pragma once
#include "sru_cuda_column.h"

namespace sru {
namespace {

// What the states of a chunk follow from, and what else the gradient of a step does.
template <typename T>
struct Pair {
    T u0, u1;
};
template <typename T>
struct Rest {
    T u2, skip, grad_h;
};
template <typename T>
struct Step {
    Pair<T> pair;
    Rest<T> rest;
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

template <typename T, bool SKIPS, bool MASKED, bool FEW, bool IS_REVERSE>
SRU_DEVICE void backward_column(const Task &p, const Place &place) {
    using S = typename Wide<T>::type;
    constexpr int AHEAD = Lead<FEW>::STEPS, REQUESTED = Lead<FEW>::REQUESTED;
    const Column<S> column = column_of<S>(p, place);
    const S scale = scale_of<S>(p);
    const Marks<MASKED, IS_REVERSE> marks(p, place);
    constexpr bool IS_ROLLED = IS_SLOW<S> || MASKED;  // marks take the registers of states
    const int64_t end = p.length - 1, last_chunk = end / CHUNK;
    Reader<T, SKIPS, IS_REVERSE> reader(p, place, end);
    const T *base_h = static_cast<const T *>(p.grad_h);
    T *base_u = static_cast<T *>(p.grad_u), *base_skip = static_cast<T *>(p.grad_skip);
    Track<const T, IS_REVERSE> grad_h(p, base_h, p.grad_h_batch, p.grad_h_time, place, end);
    Track<T, IS_REVERSE> grad_u(p, base_u, p.grad_u_batch, p.grad_u_time, place, end);
    Track<T, IS_REVERSE> grad_skip(p, base_skip, p.grad_skip_batch, p.grad_skip_time, place, end);
    const S *states = static_cast<const S *>(p.checkpoints);
    const S *kept = row_of(p, states, last_chunk * p.batch + place.sequence, place);
    S c = load(kept), gc = load(row_of(p, static_cast<const S *>(p.grad_last), place.sequence, place));
    Sum<S> gv_f{0}, gv_r{0}, gb_f{0}, gb_r{0};
    uint32_t marked = 0;  // of the chunk's steps: the starts, then the padding
    const auto is_start = [&](int i) { return marked >> i & 1; };
    const auto is_padding = [&](int i) { return marked >> (i + CHUNK) & 1; };

    const auto read_pair = [&](int64_t steps) -> Pair<T> {  // so many steps from where the reader is
        const T *at = reader.u.later(p.u_time, steps);
        return {load(at), load(at + p.u_part)};
    };
    const auto read_rest = [&](int64_t steps = -1) {  // and go on by so many
        const T skip = SKIPS ? load(reader.skip.at) : T{};
        const Rest<T> rest = {load(reader.u.at + 2 * p.u_part), skip, load(grad_h.at)};
        reader.go(steps);
        grad_h.go(p.grad_h_time, steps);
        return rest;
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
        write(g.u0, grad_u.at), write(g.u1, grad_u.at + p.grad_u_part);
        write(g.u2, grad_u.at + 2 * p.grad_u_part);
        grad_u.go(p.grad_u_time, -1);
        if (!SKIPS) return;
        write(scale * g.skip, grad_skip.at);
        grad_skip.go(p.grad_skip_time, -1);
    };
    const auto request_earlier = [&](int first) {
        if constexpr (!IS_SLOW<S>) {
            const int steps = first >= REQUESTED ? CHUNK : 0;
#pragma unroll 1
            for (int i = 0; i < steps; ++i) {
                reader.request_later(-REQUESTED - i);
                request(grad_h.later(p.grad_h_time, -REQUESTED - i));
            }
        }
    };
    const auto go_to_chunk_before = [&](int first) {
        if (first > 0) kept -= p.batch * p.width;
        c = load(kept);
    };

    int first = int(last_chunk * CHUNK), count = int(p.length) - first;
    while (first >= 0 && (count < CHUNK || IS_ROLLED)) {
        request_earlier(first);
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
    if (FEW && first >= 0) {  // registers for all inputs of the chunks before, none of which is read twice
        Step<T> coming[AHEAD], now[CHUNK];
        int next = first + CHUNK - 1;  // where the reader is
        const auto read_step = [&]() -> Step<T> {
            const Pair<T> pair = read_pair(0);
            const Rest<T> rest = read_rest(next > 0 ? -1 : 0);  // before the first: it again, and not used
            --next;
            return {pair, rest};
        };
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) coming[i] = read_step();
        for (; first >= 0; first -= CHUNK) {
            request_earlier(first - AHEAD);
#pragma unroll
            for (int i = 0; i < CHUNK; ++i) now[i] = coming[i];
#pragma unroll
            for (int i = 0; i < AHEAD; ++i) coming[i] = i < AHEAD - CHUNK ? coming[i + CHUNK] : read_step();
            S before[CHUNK];
#pragma unroll
            for (int i = 0; i < CHUNK; ++i) recompute(before[i], first, i, now[CHUNK - 1 - i].pair);
            go_to_chunk_before(first);
#pragma unroll
            for (int i = CHUNK - 1; i >= 0; --i) {
                const Step<T> &step = now[CHUNK - 1 - i];
                take(before[i], i, step.pair, [&](S) { return step.rest; });
            }
        }
    } else if (!IS_ROLLED && first >= 0) {
        Pair<T> coming[CHUNK];
        Rest<T> rests[CHUNK];
#pragma unroll
        for (int i = 0; i < CHUNK; ++i) coming[i] = read_pair(i + 1 - CHUNK);
        for (; first >= 0; first -= CHUNK) {
            request_earlier(first);
            S before[CHUNK];
#pragma unroll
            for (int i = 0; i < CHUNK; ++i) {
                const Pair<T> now = coming[i];
                rests[i] = read_rest();
                recompute(before[i], first, i, now);
            }
            Pair<T> again = read_pair(CHUNK);
            go_to_chunk_before(first);
#pragma unroll
            for (int i = CHUNK - 1; i >= 0; --i) {
                const int slot = CHUNK - 1 - i;
                const Pair<T> pair = again;
                const Rest<T> rest = rests[slot];
                coming[slot] = read_pair(first > 0 ? slot + 1 - CHUNK : 1);  // of the first: not used
                if (i > 0) again = read_pair(i);
                take(before[i], i, pair, [&](S) { return rest; });
            }
        }
    }
    const Place here = place_of(p);
    store(gc, row_of(p, static_cast<S *>(p.grad_initial), here.sequence, here));
    S *gates = row_of(p, static_cast<S *>(p.grad_gates), 4 * here.sequence, here);
    store(S(gv_f.total), gates), store(S(gv_r.total), gates + p.width);
    store(S(gb_f.total), gates + 2 * p.width), store(S(gb_r.total), gates + 3 * p.width);
}

template <typename T, bool SKIPS, bool MASKED, bool FEW>
SRU_KERNEL backward(const Task p) {
    const Place place = place_of(p);
    if (threadIdx.x >= place.count) return;
    if (place.is_reverse) {
        backward_column<T, SKIPS, MASKED, FEW, true>(p, place);
    } else {
        backward_column<T, SKIPS, MASKED, FEW, false>(p, place);
    }
}

}  // namespace
}  // namespace sru
