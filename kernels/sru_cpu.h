// What each instruction set's copy of `sru_cpu.cpp` offers to `sru_cpu_dispatch.cpp`.
#pragma once
#include "sru_abi.h"

namespace sru {

constexpr int64_t BLOCK = 256;             // columns that one task takes through all of time
constexpr int64_t CHECKPOINT_EVERY = 16;  // steps between stored states; the gradient computes those between

// Work on tasks first … last − 1; task = sequence · blocks of a sequence + block.
using Blocks = void (*)(const synth_sru_problem &problem, int64_t first, int64_t last);

struct Implementation {
    const char *target;
    Blocks forward, backward;
};

namespace baseline {
extern const Implementation implementation;
}
namespace avx2 {
extern const Implementation implementation;
}
namespace avx512 {
extern const Implementation implementation;
}

// Columns that share a direction are cut into blocks: a block never holds columns of both.
inline int64_t columns_of_direction(const synth_sru_problem &problem) {
    return problem.bidirectional ? problem.width / 2 : problem.width;
}
inline int64_t blocks_of_direction(const synth_sru_problem &problem) {
    return (columns_of_direction(problem) + BLOCK - 1) / BLOCK;
}
inline int64_t blocks_of_sequence(const synth_sru_problem &problem) {
    return blocks_of_direction(problem) * (problem.bidirectional ? 2 : 1);
}

}  // namespace sru
