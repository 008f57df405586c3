// The C interface of the library for processors: checks a problem, chooses the instruction set once, and spreads
// the blocks of columns over threads.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "sru_check.h"
#include "sru_cpu.h"

#define SRU_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace sru;

constexpr int64_t ELEMENTS_WORTH_A_THREAD = 1 << 16;  // starting one takes as long as some 20,000 elements

bool is_wanted(const char *target) {
    const char *wanted = std::getenv("SYNTH_KERNELS_TARGET");  // for tests: an older processor's instructions
    return !wanted || !*wanted || !std::strcmp(wanted, target);
}

const Implementation &choose() {
#if (defined(__x86_64__) || defined(__i386__)) && !defined(SRU_ONLY_BASELINE)
    __builtin_cpu_init();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx512 && is_wanted("avx512")) return avx512::implementation;
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && is_wanted("avx2")) return avx2::implementation;
#endif
    return baseline::implementation;
}

const Implementation &chosen() {
    static const Implementation &implementation = choose();
    return implementation;
}

int32_t spread(const synth_sru_problem &p, Blocks work, int64_t threads) {
    const int64_t tasks = p.batch * blocks_of_sequence(p);
    const int64_t worthwhile = p.batch * p.width * p.length / ELEMENTS_WORTH_A_THREAD + 1;
    threads = threads < worthwhile ? threads : worthwhile;
    threads = threads < tasks ? threads : tasks;
    std::atomic<int64_t> next{0};
    const auto take = [&] {
        for (int64_t task; (task = next++) < tasks;) work(p, task, task + 1);
    };
    std::vector<std::thread> others;
    try {
        for (int64_t i = 1; i < threads; ++i) others.emplace_back(take);
    } catch (...) {  // no more threads to be had: those that run do all
    }
    take();
    for (auto &other : others) other.join();
    return SYNTH_OK;
}

}  // namespace

SRU_EXPORT int32_t synth_sru_abi(void) { return SYNTH_SRU_ABI; }
SRU_EXPORT int64_t synth_sru_problem_bytes(void) { return sizeof(synth_sru_problem); }
SRU_EXPORT int64_t synth_sru_checkpoint_every(void) { return CHECKPOINT_EVERY; }
SRU_EXPORT const char *synth_sru_target(void) { return chosen().target; }

SRU_EXPORT int32_t synth_sru_forward(const synth_sru_problem *problem, int32_t threads) {
    const int32_t status = checked(problem, false);
    return status == SYNTH_OK ? spread(*problem, chosen().forward, threads) : status;
}

SRU_EXPORT int32_t synth_sru_backward(const synth_sru_problem *problem, int32_t threads) {
    const int32_t status = checked(problem, true);
    return status == SYNTH_OK ? spread(*problem, chosen().backward, threads) : status;
}
