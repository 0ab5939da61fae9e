#include "instruction_set.h"

#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

namespace topicforge {
namespace {

InstructionSet best_set() {
#ifdef TOPICFORGE_X86_SETS
  __builtin_cpu_init();
  const bool fma = __builtin_cpu_supports("fma");
  if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    return InstructionSet::avx512;
  }
  if (fma && __builtin_cpu_supports("avx2")) return InstructionSet::avx2;
#endif
  return InstructionSet::baseline;
}

InstructionSet decide() {
  const InstructionSet best = best_set();
  const char* wanted = std::getenv("TOPICFORGE_CPU_SET");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (int i = 0; i <= static_cast<int>(best); ++i) {
    if (std::string(wanted) == name_of(static_cast<InstructionSet>(i))) {
      return static_cast<InstructionSet>(i);
    }
  }
  throw std::runtime_error(
      std::string("TOPICFORGE_CPU_SET must be baseline, avx2 or avx512 and not above ") +
      name_of(best) + ", the best of this processor, but is '" + wanted +
      "'; unset it to use the best");
}

}  // namespace

InstructionSet chosen_set() {
  static const InstructionSet set = decide();
  return set;
}

const char* name_of(InstructionSet set) {
  constexpr const char* names[] = {"baseline", "avx2", "avx512"};
  return names[static_cast<int>(set)];
}

}  // namespace topicforge

// For the status report, through ctypes.
extern "C" __attribute__((visibility("default"))) const char* topicforge_cpu_instruction_set() {
  try {
    return topicforge::name_of(topicforge::chosen_set());
  } catch (const std::exception& error) {
    static const std::string message = error.what();
    return message.c_str();
  }
}
