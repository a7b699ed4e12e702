# A room is one folder of src/ built as one static library, comq_<room>, of every source in it but
# *_keys.cpp: its section of a config, which belongs to comq_experiment_config.
#   comq_add_room(<room> [EXCEPT a.cpp ...] [SOURCES generated.cpp ...] [LINKS target ...] [TORCH] [KERNELS])
# TORCH: the sources include LibTorch and share one precompiled header, built once in comq_torch_bridge.
# KERNELS: each source is compiled alone, whatever COMQ_UNITY_BUILD says.
#
# With COMQ_UNITY_BUILD the sources of a room are compiled a few at a time, which halves the time of
# a whole build and lengthens that of one change; so names in unnamed namespaces are unique in a room.
set(COMQ_UNITY_BATCH 7)

function(comq_add_room room)
  cmake_parse_arguments(ROOM "TORCH;KERNELS" "" "EXCEPT;SOURCES;LINKS" ${ARGN})
  file(GLOB_RECURSE sources RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "^[^/]*_keys\\.cpp$")
  list(REMOVE_ITEM sources ${ROOM_EXCEPT})
  add_library(comq_${room} STATIC ${sources} ${ROOM_SOURCES})
  target_include_directories(comq_${room} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(comq_${room} PUBLIC comq_options ${ROOM_LINKS})
  if(NOT ROOM_KERNELS)
    set_target_properties(comq_${room} PROPERTIES
      UNITY_BUILD ${COMQ_UNITY_BUILD} UNITY_BUILD_BATCH_SIZE ${COMQ_UNITY_BATCH})
  endif()
  if(ROOM_TORCH)
    target_link_libraries(comq_${room} PUBLIC comq_libtorch)
    comq_use_torch_header(comq_${room})
  endif()
endfunction()

# A program of src/apps, built into <build>/bin and installed.
#   comq_add_program(<name> SOURCES a.cpp ... LINKS comq_<room> ... [TORCH])
function(comq_add_program name)
  cmake_parse_arguments(PROGRAM "TORCH" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE comq_program ${PROGRAM_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(PROGRAM_TORCH)
    comq_use_torch_header(${name})
  endif()
  add_dependencies(programs ${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # bash looks for a file of the program's name.
  install(FILES ${CMAKE_SOURCE_DIR}/scripts/completion/comq.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${name})
endfunction()

function(comq_use_torch_header target)
  if(target STREQUAL "comq_torch_bridge")
    target_precompile_headers(comq_torch_bridge PRIVATE ${CMAKE_SOURCE_DIR}/src/torch_bridge/torch.hpp)
  else()
    target_precompile_headers(${target} REUSE_FROM comq_torch_bridge)
  endif()
endfunction()
