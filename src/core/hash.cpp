#include "core/hash.hpp"

#include <openssl/evp.h>

#include <array>
#include <vector>

#include "core/errors.hpp"
#include "core/input_file.hpp"

namespace comq {

uint64_t fnv1a64(std::string_view text) {
    uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001B3ULL;
    }
    return hash;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
        throw Failure("OpenSSL offers no SHA-256");
    }
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
        throw Failure("OpenSSL's SHA-256 fails");
    }
    return *this;
}

Sha256& Sha256::update(std::string_view text) {
    return update(std::as_bytes(std::span(text.data(), text.size())));
}

std::string Sha256::hex_digest() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) {
        throw Failure("OpenSSL's SHA-256 fails");
    }
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
    }
    return text;
}

std::string sha256_hex(std::string_view text) { return Sha256().update(text).hex_digest(); }

std::string sha256_hex_of_file(const std::filesystem::path& file) {
    const FileDescriptor opened = open_input(file);
    Sha256 hash;
    std::vector<std::byte> buffer(1 << 20);
    while (true) {
        const ssize_t count = ::read(opened.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw InputError("{}: reading failed: {}", file.string(), system_message());
        if (count == 0) return hash.hex_digest();
        hash.update(std::span(buffer).first(static_cast<std::size_t>(count)));
    }
}

}  // namespace comq
