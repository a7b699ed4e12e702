#include "report/csv.hpp"

namespace comq {

std::string csv_line(const std::vector<std::string>& fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (&field != &fields.front()) line += ',';
        const bool quoted = field.find_first_of(",\"\n") != std::string::npos;
        if (quoted) line += '"';
        for (const char c : field) line += c == '"' ? std::string("\"\"") : std::string(1, c);
        if (quoted) line += '"';
    }
    return line + "\n";
}

}  // namespace comq
