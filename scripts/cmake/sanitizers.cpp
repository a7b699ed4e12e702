// What the sanitizers of a build (COMQ_SANITIZE) are told. Linked into every program, so that it
// holds under mpirun and in an empty environment too; ASAN_OPTIONS, TSAN_OPTIONS and the others
// override it.

#include <dlfcn.h>

extern "C" {

#if defined(__SANITIZE_THREAD__)

// Reports about locks and data of other libraries only, named by functions that take part in them:
// a line matches every frame of a report, so a whole library would hide comq's callers.
// GDAL, which OpenCV loads, takes two locks of its own in both orders while it sets itself up on
// one thread; Open MPI does while it adds and removes peers. Threads share nodes of LibTorch's
// graphs and what oneDNN keeps of its kernels, and counts of references, which nobody sees inside
// LibTorch, order who frees them. OpenSSL reads its table of digests without a lock.
const char* __tsan_default_suppressions() {
    return "deadlock:CPLCreateOrAcquireMutexEx\n"
           "deadlock:mca_btl_tcp\n"
           "race:torch::autograd::Node::~Node\n"
           "race:dnnl::impl::\n"
           "race:ossl_ht_get\n";
}

#else

// UndefinedBehaviorSanitizer only prints unless it is told to stop: a test would pass.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

// Open MPI leaks 120 kB when it sets itself up, in plug-ins that it has unloaded by the time leaks
// are counted, so that they have no name to be left out by. Asked at the end of a process: leaks of
// our own are found where the same code runs without MPI.
int __lsan_is_turned_off() {
    using Initialized = int(int*);
    auto* initialized = reinterpret_cast<Initialized*>(dlsym(RTLD_DEFAULT, "MPI_Initialized"));
    int is = 0;
    return initialized != nullptr && initialized(&is) == 0 && is != 0;
}

#endif
}
