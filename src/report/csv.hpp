#pragma once

#include <string>

namespace comq {

/** `text` as one field of a line of CSV (RFC 4180): in quotes where it needs them. */
std::string csv_field(const std::string& text);

}  // namespace comq
