// Runs every check of every family that is linked in.
#include "instruction_set.h"
#include "harness.h"

int main() {
  for (void (*check)() : harness::checks()) check();
  std::printf(
      "%zu families, instruction set %s: as expected\n", harness::checks().size(),
      topicforge::name_of(topicforge::chosen_set()));
  return 0;
}
