#pragma once

#include <string>

namespace comq::test {

/** Builds tar archives by hand, so that every form and every damage can be had. */
class TarBuilder {
  public:
    enum class Form { ustar, gnu, pax };

    explicit TarBuilder(Form form = Form::ustar) : form_(form) {}
    TarBuilder& add(const std::string& name, const std::string& content, char type = '0');
    /** A hard link ('1') or a symbolic one ('2') to the member or path `target`. */
    TarBuilder& add_link(const std::string& name, const std::string& target, char type);
    /** A size in GNU's base-256 form. */
    TarBuilder& add_with_binary_size(const std::string& name, const std::string& content);
    /** A member whose size stands in a pax header only. */
    TarBuilder& add_with_pax_size(const std::string& name, const std::string& content);
    /** With the blocks of zeros that close an archive. */
    std::string finish() const;
    std::string unfinished() const { return bytes_; }

  private:
    void append(const std::string& header, const std::string& content);

    Form form_;
    std::string bytes_;
};

}  // namespace comq::test
