# Compiler settings shared by every target, carried by the INTERFACE target comq_options.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(comq_options INTERFACE)
target_compile_options(comq_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<BOOL:${COMQ_WARNINGS_AS_ERRORS}>:-Werror>)
# GCC 12 warns of overlapping and too long copies inside std::string itself (GCC bug 105651).
target_compile_options(comq_options INTERFACE
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict -Wno-array-bounds>)
# Contraction into FMA would make a sum depend on which compiler clone of a function runs.
target_compile_options(comq_options INTERFACE -ffp-contract=off)
if(COMQ_SANITIZE STREQUAL "address")
  set(COMQ_SANITIZERS address,undefined)
elseif(COMQ_SANITIZE STREQUAL "thread")
  set(COMQ_SANITIZERS thread)
elseif(COMQ_SANITIZE)
  message(FATAL_ERROR "COMQ_SANITIZE is address, thread or OFF, not ${COMQ_SANITIZE}.")
endif()
if(COMQ_SANITIZERS)
  add_library(comq_sanitizers OBJECT ${CMAKE_SOURCE_DIR}/scripts/cmake/sanitizers.cpp)
  target_compile_options(comq_sanitizers PRIVATE -fsanitize=${COMQ_SANITIZERS})
  # GCC's instrumentation makes it warn of uninitialised variables inside its own library.
  target_compile_options(comq_options INTERFACE
    -fsanitize=${COMQ_SANITIZERS} -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(comq_options INTERFACE -fsanitize=${COMQ_SANITIZERS})
  target_link_libraries(comq_options INTERFACE $<TARGET_OBJECTS:comq_sanitizers>)
endif()

# Precompiled headers need two of ccache's checks relaxed, or every use of one is a miss; paths
# relative to the source tree let checkouts in different folders share their results.
find_program(CCACHE_PROGRAM ccache)
if(COMQ_CCACHE AND CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
  target_compile_options(comq_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()
