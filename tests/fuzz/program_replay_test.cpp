#include "fuzz/replay.hpp"
#include "support/catch.hpp"

COMQ_REPLAY(program)
