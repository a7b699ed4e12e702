#include "table/render.hpp"

namespace comq {

const std::vector<TableFormat>& table_formats() {
    static const std::vector<TableFormat> formats{{"md", render_markdown},
                                                  {"latex", render_latex},
                                                  {"csv", render_csv},
                                                  {"html", render_html},
                                                  {"json", render_json}};
    return formats;
}

}  // namespace comq
