#include "apps/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "core/terminal.hpp"

namespace comq {

namespace {

const char* colour_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::warn:
            return "\x1b[33m\x1b[1m";
        case spdlog::level::err:
        case spdlog::level::critical:
            return "\x1b[31m\x1b[1m";
        default:
            return "\x1b[32m";
    }
}

class InformSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    InformSink() : coloured_(error_is_terminal() && std::getenv("NO_COLOR") == nullptr) {}

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        // The formatter notes in the message which part the pattern colours.
        message.color_range_start = 0;
        message.color_range_end = 0;
        spdlog::memory_buf_t buffer;
        formatter_->format(message, buffer);
        std::string text(buffer.data(), buffer.size());
        if (coloured_ && message.color_range_end > message.color_range_start) {
            text.insert(message.color_range_end, "\x1b[m");
            text.insert(message.color_range_start, colour_of(message.level));
        }
        inform(text);
    }
    void flush_() override {}

  private:
    bool coloured_;
};

}  // namespace

void log_above_progress() {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("comq", std::make_shared<InformSink>()));
    spdlog::set_pattern("%^%l%$: %v");
}

}  // namespace comq
