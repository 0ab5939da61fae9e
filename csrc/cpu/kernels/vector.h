#include "cpu/vector.h"
