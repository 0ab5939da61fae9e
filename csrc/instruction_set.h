// Which of the compiled instruction sets runs on this machine, and the table to pick from.
#pragma once

namespace topicforge {

enum class InstructionSet { baseline = 0, avx2 = 1, avx512 = 2 };

// The best set that this processor has, or the lower one that TOPICFORGE_CPU_SET names.
// Decided once per process. A set that the processor lacks, or an unknown name, is an error.
InstructionSet chosen_set();

const char* name_of(InstructionSet set);

// The instance for the chosen set; ops/kernels.h declares one per set.
template <class Table>
const Table& pick(const Table& baseline, const Table& avx2, const Table& avx512) {
  switch (chosen_set()) {
    case InstructionSet::avx512:
      return avx512;
    case InstructionSet::avx2:
      return avx2;
    default:
      return baseline;
  }
}

}  // namespace topicforge
