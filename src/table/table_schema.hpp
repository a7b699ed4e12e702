#pragma once

#include "config/schema.hpp"
#include "table/table_spec.hpp"

namespace comq {

/** Every key of a table. `known` are the names that the configs of its cells may use. */
Schema<TableSpec> table_schema(const KnownNames& known);

}  // namespace comq
