// What the sanitizers of a build (COMQ_SANITIZE) are told. Linked into every program, so that it
// holds under mpirun and in an empty environment too; ASAN_OPTIONS, TSAN_OPTIONS and the others
// override it.

extern "C" {

#if defined(__SANITIZE_THREAD__)

// Reports about locks and data of other libraries only, named by functions that take part in them:
// a line matches every frame of a report, so a whole library would hide comq's callers.
// GDAL, which OpenCV loads, takes two locks of its own in both orders while it sets itself up on
// one thread.
const char* __tsan_default_suppressions() { return "deadlock:CPLCreateOrAcquireMutexEx\n"; }

#else

// UndefinedBehaviorSanitizer only prints unless it is told to stop: a test would pass.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

#endif
}
