// What a call must hold before either library works on it.
#pragma once
#include "sru_abi.h"

namespace sru {

// Return SYNTH_OK, or the status of what is wrong. An empty problem needs no pointers.
inline int32_t checked(const synth_sru_problem *p, bool is_backward) {
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

}  // namespace sru
