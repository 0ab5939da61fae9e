// Who meets whom, in rounds: every two blocks meet once, and in one round no block meets twice.
//
// The tiles of a round can therefore scatter into the rows of both their blocks at the same time,
// without locks or atomics, and every row receives its parts in the order of the rounds: the
// result has the same bits with any number of threads. It is the circle method of tournaments:
// with an even number of players the last stands still and the others walk around the table.
#pragma once

#include <cstdint>
#include <utility>

namespace scatter_mmd {

struct Rounds {
  int64_t players;  // blocks, and one that isn't there if their number is odd
  int64_t blocks;

  explicit Rounds(int64_t n) : players(n + n % 2), blocks(n) {}

  int64_t rounds() const { return players - 1; }
  int64_t tables() const { return players / 2; }

  // The two blocks at a table, the lower first; the second is == blocks if the first has no
  // partner in this round.
  std::pair<int64_t, int64_t> at(int64_t round, int64_t table) const {
    const int64_t walking = players - 1;
    int64_t i = (round + table) % walking, j = (round + walking - table) % walking;
    if (table == 0) j = walking;
    return i < j ? std::pair(i, j) : std::pair(j, i);
  }
};

}  // namespace scatter_mmd
