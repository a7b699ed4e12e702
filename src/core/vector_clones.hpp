#pragma once

/**
 * Compiles a function once for each instruction set and picks one when the program is loaded.
 * Sums run over the same terms in the same order in every clone and nothing is contracted into
 * FMA, so all clones give the same bits; only their speed differs.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COMQ_VECTOR_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define COMQ_VECTOR_CLONES
#endif
