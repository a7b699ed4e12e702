#pragma once

#include <csetjmp>
#include <cstdio>
// jpeglib.h needs FILE and size_t but includes neither header.
#include <jpeglib.h>

namespace comq {

/** The only way out of an error in libjpeg is `longjmp`, to `on_error`. */
struct JpegErrors {
    jpeg_error_mgr base;
    std::jmp_buf on_error;
    char message[JMSG_LENGTH_MAX];
};

/** JpegErrors::base.error_exit. */
extern "C" inline void comq_jpeg_error_exit(j_common_ptr info) {
    auto* errors = reinterpret_cast<JpegErrors*>(info->err);
    errors->base.format_message(info, errors->message);
    std::longjmp(errors->on_error, 1);
}

}  // namespace comq
