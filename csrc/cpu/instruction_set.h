#include "../instruction_set.h"
