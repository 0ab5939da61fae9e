// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a bijection of
// 128-bit counters under a 64-bit key. No state, so that number i is the same whoever makes it.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define TOPICFORGE_BOTH __host__ __device__
#else
#define TOPICFORGE_BOTH
#endif

namespace topicforge {
namespace {

struct Philox {
  uint32_t word[4];
};

TOPICFORGE_BOTH inline Philox philox(uint64_t seed, uint64_t element, uint32_t c2, uint32_t c3) {
  uint32_t c[4] = {static_cast<uint32_t>(element), static_cast<uint32_t>(element >> 32), c2, c3};
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * c[0], b = uint64_t(0xCD9E8D57u) * c[2];
    const uint32_t c1 = c[1], c3_old = c[3];
    c[0] = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
    c[1] = static_cast<uint32_t>(b);
    c[2] = static_cast<uint32_t>(a >> 32) ^ c3_old ^ k1;
    c[3] = static_cast<uint32_t>(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c[0], c[1], c[2], c[3]}};
}

// Uniform on (0, 1), never an end: the middle of one of 2^52 cells.
TOPICFORGE_BOTH inline double uniform(uint32_t high, uint32_t low) {
  const uint64_t cell = (static_cast<uint64_t>(high) << 20) | (low >> 12);
  return (static_cast<double>(cell) + 0.5) * 2.220446049250313e-16;  // 2^-52
}

}  // namespace
}  // namespace topicforge
