# Every library comes from the system or from CMAKE_PREFIX_PATH; nothing is downloaded.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(TBB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs)

find_package(HDF5 REQUIRED COMPONENTS C HL)
add_library(comq_hdf5 INTERFACE)
target_include_directories(comq_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(comq_hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES})

# yaml-cpp renamed its target in 0.8.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

find_package(Torch REQUIRED)
message(STATUS "LibTorch ${Torch_VERSION} in ${TORCH_INSTALL_PREFIX}")
add_library(comq_libtorch INTERFACE)
target_include_directories(comq_libtorch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(comq_libtorch INTERFACE ${TORCH_LIBRARIES})
separate_arguments(COMQ_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(comq_libtorch INTERFACE ${COMQ_TORCH_FLAGS})
# The ABI of libstdc++ is one choice for the whole build, so the other rooms follow LibTorch's.
target_compile_options(comq_options INTERFACE ${COMQ_TORCH_FLAGS})

if(COMQ_BUILD_TESTS)
  find_package(Catch2 REQUIRED)
endif()
