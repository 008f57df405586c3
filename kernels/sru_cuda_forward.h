// Forward on CUDA: the inputs of the next steps are on their way to registers, those after them to the cache.
#pragma once
#include "sru_cuda_column.h"

namespace sru {
namespace {

template <typename T, bool SKIPS, bool MASKED, bool FEW, bool IS_REVERSE>
SRU_DEVICE void forward_column(const Task &p, const Place &place) {
    using S = typename Wide<T>::type;
    constexpr int AHEAD = Lead<FEW>::STEPS, REQUESTED = Lead<FEW>::REQUESTED;
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
        const S f = forget_gate(column, S(widen(now.u1)), before);
        const S r = reset_gate(column, S(widen(now.u2)), before);
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

template <typename T, bool SKIPS, bool MASKED, bool FEW>
SRU_KERNEL forward(const Task p) {
    const Place place = place_of(p);
    if (threadIdx.x >= place.count) return;
    if (place.is_reverse) {
        forward_column<T, SKIPS, MASKED, FEW, true>(p, place);
    } else {
        forward_column<T, SKIPS, MASKED, FEW, false>(p, place);
    }
}

}  // namespace
}  // namespace sru
