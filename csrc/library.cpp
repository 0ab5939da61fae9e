#include <exception>
#include <string>

#include "cpu/instruction_set.h"

// For the status report, through ctypes.
extern "C" __attribute__((visibility("default"))) const char* topicforge_cpu_instruction_set() {
  try {
    return topicforge::name_of(topicforge::chosen_set());
  } catch (const std::exception& error) {
    static const std::string words = error.what();
    return words.c_str();
  }
}
