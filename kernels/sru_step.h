// One step of SRU's recurrence and its gradient, for processors and for CUDA
// (Lei et al. 2018, arXiv 1709.02755; Lei 2021, arXiv 2102.12459).
//
//     f = σ(u1 + v_f c' + b_f)      r = σ(u2 + v_r c' + b_r)      c' is c one step before
//     c = f c' + (1 − f) u0         h = m r c + (1 − m r) x̃       (nothing skipped: h = m r c)
//
// S is the type of the state: float, or double for checks.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define SRU_INLINE __host__ __device__ __forceinline__
#else
#define SRU_INLINE inline __attribute__((always_inline))
#endif

namespace sru {

// ---------------------------------------------------------------- numbers of 16 bits

struct bf16 {
    uint16_t bits;
};
struct f16 {
    uint16_t bits;
};

SRU_INLINE float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
SRU_INLINE uint32_t to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

SRU_INLINE double widen(double x) { return x; }
SRU_INLINE float widen(float x) { return x; }
SRU_INLINE float widen(bf16 x) { return from_bits(uint32_t(x.bits) << 16); }
SRU_INLINE float widen(f16 x) {
#ifdef __CUDA_ARCH__
    float y;  // as cuda_fp16.h does it, which needs headers that nvcc from a package index comes without
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
#else
    const float scaled = from_bits(uint32_t(x.bits & 0x7fff) << 13) * 0x1p112f;
    const uint32_t special = scaled >= 65536.0f ? 0x7f800000u : 0u;  // infinity and NaN keep all exponent bits
    return from_bits(to_bits(scaled) | special | uint32_t(x.bits & 0x8000) << 16);
#endif
}

SRU_INLINE void narrow(double x, double *out) { *out = x; }
SRU_INLINE void narrow(float x, float *out) { *out = x; }
SRU_INLINE void narrow(float x, bf16 *out) {
    const uint32_t bits = to_bits(x);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;  // to nearest, ties to even
    out->bits = uint16_t(x == x ? rounded : 0x7fc0u);
}
SRU_INLINE void narrow(float x, f16 *out) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out->bits) : "f"(x));
#else
    const uint32_t all = to_bits(x), sign = (all >> 16) & 0x8000u, size = all & 0x7fffffffu;
    const uint32_t small = to_bits(from_bits(size) + 0.5f) - 0x3f000000u;  // below 2^-14: units of 2^-24
    const uint32_t nearest = size + 0xfffu + ((size >> 13) & 1u);          // ties to even
    const uint32_t normal = nearest >= 0x47800000u ? 0x7c00u : (nearest - 0x38000000u) >> 13;
    const uint32_t finite = size < 0x38800000u ? small : normal;
    out->bits = uint16_t(sign | (size > 0x7f800000u ? 0x7e00u : finite));
#endif
}

// ---------------------------------------------------------------- gates

SRU_INLINE double exponential(double x) { return exp(x); }
SRU_INLINE float exponential(float x) {
#ifdef __CUDA_ARCH__
    return expf(x);
#else
    // 2^n e^s with |s| ≤ ½ ln 2: a form that compilers turn into vector instructions. NaN stays NaN.
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 · 2^23: the low bits now hold n
    const float n = shifted - 12582912.0f;
    const float s = (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts
    float p = 1.0f / 5040;
    p = p * s + 1.0f / 720;
    p = p * s + 1.0f / 120;
    p = p * s + 1.0f / 24;
    p = p * s + 1.0f / 6;
    p = p * s + 0.5f;
    p = p * (s * s) + s + 1.0f;
    return p * from_bits((to_bits(shifted) + 127u) << 23);
#endif
}

template <typename S>
SRU_INLINE S sigmoid(S x) {
    return S(1) / (S(1) + exponential(-x));
}

// What a column keeps over time: v_f, v_r, b_f, b_r and m.
template <typename S>
struct Column {
    S v_f, v_r, b_f, b_r, m;
};

template <typename S>
SRU_INLINE S forget_gate(const Column<S> &column, S u1, S before) {
    return sigmoid(u1 + column.v_f * before + column.b_f);
}
template <typename S>
SRU_INLINE S reset_gate(const Column<S> &column, S u2, S before) {
    return sigmoid(u2 + column.v_r * before + column.b_r);
}

// c = f c' + (1 − f) u0, as a step from the nearer of the two, which rounds least.
template <typename S>
SRU_INLINE S next_state(S f, S u0, S before) {
    const S apart = before - u0;
    return f < S(0.5) ? u0 + f * apart : before - (S(1) - f) * apart;
}

// h = m r c + (1 − m r) x̃; with x̃ = 0 it is what stands without a skipped input.
template <typename S>
SRU_INLINE S output(S mr, S c, S skip) {
    return skip + mr * (c - skip);
}

// ---------------------------------------------------------------- gradient of a step

// Of u0, u1, u2, the skipped input and c'.
template <typename S>
struct Gradient {
    S u0, u1, u2, skip, before;
};

// Given gh, the gradient of h, and gc_after, that of c by later steps:
//
//     gg2 = gh (c − x̃) m r (1 − r)     gc = gh m r + gc_after     gg1 = gc (c' − u0) f (1 − f)
//     du0 = gc (1 − f)     dx̃ = gh (1 − m r)     dc' = gc f + gg1 v_f + gg2 v_r
//
// f and r as the forward computed them, c the state after the step.
template <typename S>
SRU_INLINE Gradient<S> step_gradient(
    const Column<S> &column, S f, S r, S u0, S before, S c, S skip, S gh, S gc_after
) {
    const S mr = column.m * r, gc = gh * mr + gc_after;
    const S gg2 = gh * (c - skip) * mr * (S(1) - r);
    const S gg1 = gc * (before - u0) * f * (S(1) - f);
    return {gc * (S(1) - f), gg1, gg2, gh * (S(1) - mr), gc * f + gg1 * column.v_f + gg2 * column.v_r};
}

}  // namespace sru
