#include "data/tar_builder.hpp"

#include <fmt/format.h>

#include <cstddef>

namespace comq::test {

namespace {

constexpr std::size_t block = 512;

void put(std::string& header, std::size_t offset, const std::string& text) {
    header.replace(offset, text.size(), text);
}

void put_checksum(std::string& header) {
    put(header, 148, "        ");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(header, 148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
}

std::string header_of(const std::string& name, std::size_t size, char type, bool posix) {
    std::string header(block, '\0');
    put(header, 0, name.substr(0, 100));
    put(header, 100, "0000644");
    put(header, 124, fmt::format("{:011o}", size));
    put(header, 136, "00000000000");
    header[156] = type;
    put(header, 257, posix ? std::string("ustar\00000", 8) : std::string("ustar  "));
    put_checksum(header);
    return header;
}

std::string pax_record(const std::string& key, const std::string& value) {
    const std::string rest = fmt::format(" {}={}\n", key, value);
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) ++length;
    return std::to_string(length) + rest;
}

}  // namespace

void TarBuilder::append(const std::string& header, const std::string& content) {
    bytes_ += header;
    bytes_ += content;
    bytes_.resize((bytes_.size() + block - 1) / block * block);
}

TarBuilder& TarBuilder::add(const std::string& name, const std::string& content, char type) {
    std::string header = header_of(name, content.size(), type, form_ != Form::gnu);
    if (name.size() > 100 && form_ == Form::gnu) {
        append(header_of("././@LongLink", name.size() + 1, 'L', false), name + '\0');
    } else if (name.size() > 100 && form_ == Form::pax) {
        const std::string record = pax_record("mtime", "1.5") + pax_record("path", name);
        append(header_of("PaxHeaders/x", record.size(), 'x', true), record);
    } else if (name.size() > 100) {
        const std::size_t slash = name.rfind('/');
        header = header_of(name.substr(slash + 1), content.size(), type, true);
        put(header, 345, name.substr(0, slash));
        put_checksum(header);
    }
    append(header, content);
    return *this;
}

TarBuilder& TarBuilder::add_link(const std::string& name, const std::string& target, char type) {
    std::string header = header_of(name, 0, type, form_ != Form::gnu);
    if (target.size() > 100 && form_ == Form::gnu) {
        append(header_of("././@LongLink", target.size() + 1, 'K', false), target + '\0');
    } else if (target.size() > 100) {
        const std::string record = pax_record("linkpath", target);
        append(header_of("PaxHeaders/x", record.size(), 'x', true), record);
    }
    put(header, 157, target.substr(0, 100));
    put_checksum(header);
    append(header, "");
    return *this;
}

TarBuilder& TarBuilder::add_with_binary_size(const std::string& name, const std::string& content) {
    std::string header = header_of(name, 0, '0', false);
    std::string size(12, '\0');
    size[0] = static_cast<char>(0x80);
    for (std::size_t i = 0; i < 4; ++i) {
        size[11 - i] = static_cast<char>((content.size() >> (8 * i)) & 0xFFU);
    }
    put(header, 124, size);
    put_checksum(header);
    append(header, content);
    return *this;
}

TarBuilder& TarBuilder::add_with_pax_size(const std::string& name, const std::string& content) {
    const std::string record = pax_record("size", std::to_string(content.size()));
    append(header_of("PaxHeaders/x", record.size(), 'x', true), record);
    append(header_of(name, 0, '0', true), content);
    return *this;
}

std::string TarBuilder::finish() const { return bytes_ + std::string(2 * block, '\0'); }

}  // namespace comq::test
