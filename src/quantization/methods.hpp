#pragma once

#include "quantization/method.hpp"

// Every method, one line each, sorted by name: the variable at the end of its file.
#define COMQ_METHODS(METHOD) \
    METHOD(adaround_method)  \
    METHOD(beacon_method)    \
    METHOD(comq_method)      \
    METHOD(comq_plus_method) \
    METHOD(gpfq_method)      \
    METHOD(gptq_method)      \
    METHOD(rtn_method)

namespace comq {

#define COMQ_DECLARE_METHOD(method) extern const MethodEntry method;
COMQ_METHODS(COMQ_DECLARE_METHOD)
#undef COMQ_DECLARE_METHOD

}  // namespace comq
