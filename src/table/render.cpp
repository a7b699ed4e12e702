#include "table/render.hpp"

namespace comq {

std::string render(const Table& table, TableFormat format) {
    switch (format) {
        case TableFormat::markdown:
            return render_markdown(table);
        case TableFormat::latex:
            return render_latex(table);
        case TableFormat::csv:
            return render_csv(table);
        case TableFormat::html:
            return render_html(table);
        case TableFormat::json:
            return render_json(table);
    }
    return {};
}

}  // namespace comq
