#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace comq {

/** 64-bit FNV-1a hash: quick, and no protection against somebody who wants two equal ones. */
uint64_t fnv1a64(std::string_view text);

/** Incremental SHA-256. */
class Sha256 {
  public:
    Sha256();

    Sha256& update(std::span<const std::byte> bytes);
    Sha256& update(std::string_view text);
    /** 64 lower-case hexadecimal digits; the object is spent afterwards. */
    std::string hex_digest();

  private:
    std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;  ///< of OpenSSL
};

std::string sha256_hex(std::string_view text);
/** Reads the whole file once. Throws InputError naming the file when it can't be read. */
std::string sha256_hex_of_file(const std::filesystem::path& file);

}  // namespace comq
