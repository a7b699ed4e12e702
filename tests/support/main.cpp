#include <cstdlib>

#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif

// Neither a test nor a program that it starts reads what the user's site says of Slurm.
[[maybe_unused]] static const int no_site = ::setenv("COMQ_SITE", "", 1);
