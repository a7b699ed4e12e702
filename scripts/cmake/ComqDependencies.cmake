# Every library comes from the system or from CMAKE_PREFIX_PATH; nothing is downloaded.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(TBB REQUIRED)
# ThreadSanitizer takes each loop for a race where it does not see what TBB orders.
if(COMQ_SANITIZE STREQUAL "thread")
  file(STRINGS ${TBB_DIR}/../../libtbb.so COMQ_TBB_INSTRUMENTED REGEX "__tsan_init" LIMIT_COUNT 1)
  if(NOT COMQ_TBB_INSTRUMENTED)
    message(FATAL_ERROR "The TBB in ${TBB_DIR} is not compiled with ThreadSanitizer: "
      "scripts/instrument_tbb.sh build/tbb-tsan makes one.")
  endif()
endif()
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)

find_package(HDF5 REQUIRED COMPONENTS C HL)
add_library(comq_hdf5 INTERFACE)
target_include_directories(comq_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(comq_hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})

# Decodes images that are no JPEG. Found by name, since its own CMake files come with all of its
# modules, and those with hundreds of packages.
find_path(COMQ_OPENCV_INCLUDE_DIR opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4)
find_library(COMQ_OPENCV_CORE opencv_core)
find_library(COMQ_OPENCV_IMGCODECS opencv_imgcodecs)
if(COMQ_OPENCV_INCLUDE_DIR AND COMQ_OPENCV_CORE AND COMQ_OPENCV_IMGCODECS)
  set(COMQ_OPENCV_FOUND TRUE)
  add_library(comq_opencv INTERFACE)
  target_include_directories(comq_opencv SYSTEM INTERFACE ${COMQ_OPENCV_INCLUDE_DIR})
  target_link_libraries(comq_opencv INTERFACE ${COMQ_OPENCV_IMGCODECS} ${COMQ_OPENCV_CORE})
else()
  set(COMQ_OPENCV_FOUND FALSE)
endif()
message(STATUS "OpenCV: ${COMQ_OPENCV_FOUND}")

# Apache Arrow reads Parquet files: a package of its own, or the libraries inside PyArrow's wheel,
# whose names end in a version.
find_package(Arrow CONFIG QUIET)
find_package(Parquet CONFIG QUIET)
if(Arrow_FOUND AND Parquet_FOUND)
  set(COMQ_ARROW_FOUND TRUE)
  add_library(comq_arrow INTERFACE)
  target_link_libraries(comq_arrow INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
else()
  set(COMQ_ARROW_DIR "" CACHE PATH "The folder pyarrow of PyArrow's wheel")
  file(GLOB COMQ_ARROW_LIBRARIES ${COMQ_ARROW_DIR}/libparquet.so.*[0-9] ${COMQ_ARROW_DIR}/libarrow.so.*[0-9])
  list(LENGTH COMQ_ARROW_LIBRARIES count)
  set(COMQ_ARROW_FOUND FALSE)
  if(COMQ_ARROW_DIR AND count EQUAL 2)
    set(COMQ_ARROW_FOUND TRUE)
    add_library(comq_arrow INTERFACE)
    target_include_directories(comq_arrow SYSTEM INTERFACE ${COMQ_ARROW_DIR}/include)
    target_link_libraries(comq_arrow INTERFACE ${COMQ_ARROW_LIBRARIES})
  endif()
endif()
message(STATUS "Arrow: ${COMQ_ARROW_FOUND}")

# What draws the charts of make_report's pages: minified files and licences of npm packages, which
# scripts/functions.sh fetches. Read when a page is written, never compiled.
set(COMQ_CHARTS_DIR "" CACHE PATH "The folder of d3.min.js and plot.umd.min.js")

# Only runs over many ranks need it (src/ranks). The C++ bindings were removed from MPI.
option(COMQ_MPI "Use MPI where it is found" ON)
if(COMQ_MPI)
  find_package(MPI QUIET COMPONENTS CXX)
endif()
if(MPI_CXX_FOUND)
  add_library(comq_mpi INTERFACE)
  target_include_directories(comq_mpi SYSTEM INTERFACE ${MPI_CXX_INCLUDE_DIRS})
  target_compile_definitions(comq_mpi INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  target_link_libraries(comq_mpi INTERFACE ${MPI_CXX_LIBRARIES})
endif()
message(STATUS "MPI: ${MPI_CXX_FOUND}")

# libzip's own CMake files name tools that Debian packages apart, and fail without them.
find_path(COMQ_LIBZIP_INCLUDE_DIR zip.h REQUIRED)
find_library(COMQ_LIBZIP_LIBRARY zip REQUIRED)
add_library(comq_libzip INTERFACE)
target_include_directories(comq_libzip SYSTEM INTERFACE ${COMQ_LIBZIP_INCLUDE_DIR})
target_link_libraries(comq_libzip INTERFACE ${COMQ_LIBZIP_LIBRARY})

# yaml-cpp renamed its target in 0.8.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# LibTorch brings headers of another version of fmt, beside its own; the one that is linked has to
# be found first in the rooms that include both.
get_target_property(COMQ_FMT_INCLUDES fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
foreach(folder ${COMQ_FMT_INCLUDES})
  if(EXISTS ${folder}/fmt)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
    file(CREATE_LINK ${folder}/fmt ${CMAKE_BINARY_DIR}/include/fmt SYMBOLIC)
  endif()
endforeach()
target_include_directories(comq_options SYSTEM BEFORE INTERFACE ${CMAKE_BINARY_DIR}/include)

# The wheel's config warns that it finds no static kineto, which its libtorch_cpu holds already.
set(kineto_LIBRARY torch)
# It looks for its own libraries in the system's folders first, where another LibTorch may be.
if(Torch_DIR)
  cmake_path(SET COMQ_LIBTORCH_PREFIX NORMALIZE ${Torch_DIR}/../../..)
  list(PREPEND CMAKE_PREFIX_PATH ${COMQ_LIBTORCH_PREFIX})
endif()
find_package(Torch QUIET)
if(NOT Torch_FOUND)
  message(FATAL_ERROR "LibTorch was not found. scripts/setup.sh brings it; or name the folder of its "
    "TorchConfig.cmake with -DTorch_DIR=.../share/cmake/Torch.")
endif()
unset(kineto_LIBRARY)
message(STATUS "LibTorch ${Torch_VERSION}: ${Torch_DIR}")
add_library(comq_libtorch INTERFACE)
target_include_directories(comq_libtorch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(comq_libtorch INTERFACE ${TORCH_LIBRARIES})

# A LibTorch built for the older C++ ABI compiles, but never links with the system's libraries.
include(CheckCXXSourceCompiles)
cmake_path(GET TORCH_LIBRARY PARENT_PATH COMQ_LIBTORCH_FOLDER)
set(CMAKE_REQUIRED_INCLUDES ${CMAKE_BINARY_DIR}/include ${TORCH_INCLUDE_DIRS})
set(CMAKE_REQUIRED_LINK_OPTIONS -L${COMQ_LIBTORCH_FOLDER} -Wl,--allow-shlib-undefined)
set(CMAKE_REQUIRED_LIBRARIES -ltorch_cpu -lc10 fmt::fmt)
check_cxx_source_compiles("
  #include <ATen/Parallel.h>
  #include <fmt/format.h>
  int main() { return fmt::format(\"{}\", at::get_parallel_info()).empty(); }" COMQ_LIBTORCH_LINKS)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT COMQ_LIBTORCH_LINKS)
  message(FATAL_ERROR "The LibTorch in ${Torch_DIR} does not link with this compiler and its libraries "
    "(built for another C++ ABI?); choose another with scripts/setup.sh --libtorch pip.")
endif()

if(COMQ_BUILD_TESTS)
  find_package(Catch2 REQUIRED)
endif()
