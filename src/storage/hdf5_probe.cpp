#include "storage/hdf5_probe.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <new>
#include <system_error>

#include "storage/hdf5_handle.hpp"

namespace comq {

namespace {

constexpr int too_large = 3;  ///< exit code of the process that reads

/** What reading a file may take: other than damaged ones take far less. */
struct ProbeLimits {
    rlim_t seconds = 0;
    rlim_t bytes = 0;  ///< beyond what the process began with
};

ProbeLimits limits_for(const std::filesystem::path& file) {
    std::error_code unknown;
    const auto bytes = std::filesystem::file_size(file, unknown);
    const rlim_t known = unknown ? 0 : bytes;
    return {20 + known / 5'000'000, 500'000'000 + 4 * known};
}

/** Memory that RLIMIT_DATA counts. */
rlim_t taken_bytes() {
    std::ifstream pages("/proc/self/statm");
    rlim_t data = 0;
    for (int field = 0; field < 6; ++field) pages >> data;
    return data * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

/** Reads in a way that readers have; what fails does so for them, too, and is theirs to tell. */
template <typename Read>
void try_to(Read&& read) {
    errno = 0;
    try {
        std::forward<Read>(read)();
    } catch (const Error&) {
        if (errno == ENOMEM) ::_exit(too_large);
    } catch (const std::bad_alloc&) {
        ::_exit(too_large);
    }
}

void read_attributes(const Hdf5Object& object) {
    for (const std::string& name : object.attribute_names()) {
        try_to([&] { object.text_attribute(name); });
        try_to([&] { object.integer_attribute(name); });
        try_to([&] { object.real_attribute(name); });
    }
}

void read_dataset(const Hdf5Dataset& dataset) {
    switch (dataset.element()) {
        case Hdf5Element::text:
            dataset.texts();
            break;
        case Hdf5Element::integer:
            try_to([&] { dataset.integers(); });
            dataset.tensor();
            break;
        case Hdf5Element::real:
            try_to([&] { dataset.reals(); });
            dataset.tensor();
            break;
        case Hdf5Element::other:
            break;
    }
}

template <typename Info>
herr_t visit_object(hid_t file, const char* name, const Info*, void*) {
    const auto handle = [&] { return Hdf5Handle(H5Oopen(file, name, H5P_DEFAULT), H5Oclose); };
    try_to([&] { read_attributes(Hdf5Object(handle())); });
    const Hdf5Handle object = handle();
    if (H5Iget_type(object.get()) == H5I_DATASET) {
        try_to([&] { read_dataset(Hdf5Dataset(handle())); });
    } else if (H5Iget_type(object.get()) == H5I_GROUP) {
        try_to([&] { Hdf5Group(handle()).names(); });
    }
    return 0;
}

[[noreturn]] void read_all(const std::filesystem::path& file, hid_t access, ProbeLimits limits) {
    Hdf5Guard::begin_alone();
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(number, SIG_DFL);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const rlimit of_processor{limits.seconds, limits.seconds};
    ::setrlimit(RLIMIT_CPU, &of_processor);
    const rlim_t most = taken_bytes() + limits.bytes;
    const rlimit of_memory{most, most};
    ::setrlimit(RLIMIT_DATA, &of_memory);
    errno = 0;
    {
        const Hdf5Handle opened(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
        if (opened.get() >= 0) {
            H5Ovisit1(opened.get(), H5_INDEX_NAME, H5_ITER_NATIVE, visit_object, nullptr);
        }
    }
    ::_exit(errno == ENOMEM ? too_large : 0);
}

}  // namespace

void probe_hdf5(const std::filesystem::path& file, hid_t access) {
    const ProbeLimits limits = limits_for(file);
    const pid_t child = ::fork();
    if (child == 0) read_all(file, access, limits);
    int status = 0;
    pid_t ended = -1;
    while (child > 0 && (ended = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
    if (ended != child || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
    const bool crashed =
        WIFSIGNALED(status) && WTERMSIG(status) != SIGXCPU && WTERMSIG(status) != SIGKILL;
    throw InputError(
        "{}: can't be opened: it is damaged, HDF5 {} (restore a copy, or run it again)",
        file.string(),
        crashed ? "crashes on it" : "takes more memory or time for it than its size allows");
}

}  // namespace comq
