// The pool that runs on torch's own threads, so that torch.set_num_threads holds for us too.
#pragma once

#include "cpu/pool.h"

namespace topicforge {

Pool torch_pool();

}  // namespace topicforge
