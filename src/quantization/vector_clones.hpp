#pragma once

#include "core/vector_clones.hpp"
