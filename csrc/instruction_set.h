// Which of the compiled instruction sets runs on this machine, and the table to pick from.
#pragma once

namespace topicforge {

enum class InstructionSet { baseline = 0, avx2 = 1, avx512 = 2 };

// The best set that this processor has, or the lower one that TOPICFORGE_CPU_SET names.
// Decided once per process. A set that the processor lacks, or an unknown name, is an error.
InstructionSet chosen_set();

const char* name_of(InstructionSet set);

// Kernels of one family are a struct of function pointers with one instance per set; `pick`
// returns the one to use. A family declares its instances with TOPICFORGE_KERNEL_TABLE.
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

// Declares `family_baseline`, ... and `family_kernels()`. Where one set is compiled (not
// x86-64) there is only the baseline.
#ifdef TOPICFORGE_X86_SETS
#define TOPICFORGE_KERNEL_TABLE(Table, family)                         \
  extern const Table family##_baseline, family##_avx2, family##_avx512; \
  inline const Table& family##_kernels() {                             \
    return pick(family##_baseline, family##_avx2, family##_avx512);    \
  }
#else
#define TOPICFORGE_KERNEL_TABLE(Table, family) \
  extern const Table family##_baseline;        \
  inline const Table& family##_kernels() { return family##_baseline; }
#endif

// In a kernel file: TOPICFORGE_TABLE_NAME(family) is the name of the instance being compiled.
#define TOPICFORGE_PASTE_2(a, b) a##_##b
#define TOPICFORGE_PASTE(a, b) TOPICFORGE_PASTE_2(a, b)
#define TOPICFORGE_TABLE_NAME(family) TOPICFORGE_PASTE(family, TOPICFORGE_SET)
