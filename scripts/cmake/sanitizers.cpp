// What the sanitizers of a build (COMQ_SANITIZE) are told. Linked into every program, so that it holds
// under mpirun and in an empty environment too; ASAN_OPTIONS, TSAN_OPTIONS and the others override it.

extern "C" {

#if defined(__SANITIZE_THREAD__)

const char* __tsan_default_options() { return ""; }

/** Libraries that are not compiled with ThreadSanitizer, which sees half of how they order threads. */
const char* __tsan_default_suppressions() { return ""; }

#else

// UndefinedBehaviorSanitizer only prints unless it is told to stop: a test would pass.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

/** Memory of other libraries that lives as long as the process. */
const char* __lsan_default_suppressions() { return ""; }

#endif
}
