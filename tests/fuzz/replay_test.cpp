#include "fuzz/replay.hpp"
#include "support/catch.hpp"

COMQ_REPLAY(checkpoint)
COMQ_REPLAY(safetensors)
COMQ_REPLAY(npz)
COMQ_REPLAY(torch_pickle)
COMQ_REPLAY(tar)
COMQ_REPLAY(image)
COMQ_REPLAY(config)
COMQ_REPLAY(sweep)
COMQ_REPLAY(table)
COMQ_REPLAY(result)
COMQ_REPLAY(result_bytes)
