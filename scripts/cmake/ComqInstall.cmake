# What is installed beside the programs, and how those find LibTorch afterwards.

# Configs and data sets of programs (core/paths.hpp).
install(DIRECTORY configs datasets experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/comq
  PATTERN CMakeLists.txt EXCLUDE
  PATTERN __pycache__ EXCLUDE)
# What make_report puts a page together from.
install(DIRECTORY src/page/web/ DESTINATION ${CMAKE_INSTALL_DATADIR}/comq/page)
if(COMQ_CHARTS_DIR)
  install(DIRECTORY ${COMQ_CHARTS_DIR}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/comq/charts)
endif()
# Scripts that need no checkout, with the modules beside them.
set(COMQ_INSTALLED_SCRIPTS compare_peers.py export_network.py export_runs.py fetch_weights.sh plot_results.py)
list(TRANSFORM COMQ_INSTALLED_SCRIPTS PREPEND scripts/ OUTPUT_VARIABLE script_files)
install(PROGRAMS ${script_files} DESTINATION ${CMAKE_INSTALL_DATADIR}/comq/scripts)
install(DIRECTORY scripts/exporting scripts/peers scripts/plots scripts/tracking DESTINATION ${CMAKE_INSTALL_DATADIR}/comq/scripts
  PATTERN __pycache__ EXCLUDE)
install(FILES scripts/checkpoints.sha256 scripts/python_environment.py scripts/result_files.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/comq/scripts)
foreach(script ${COMQ_INSTALLED_SCRIPTS})
  install(CODE "
    file(MAKE_DIRECTORY \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    file(CREATE_LINK ../${CMAKE_INSTALL_DATADIR}/comq/scripts/${script}
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/${script}\" SYMBOLIC)")
endforeach()
install(FILES scripts/completion/_comq DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

# A LibTorch outside the source tree stays where it is. One inside it (scripts/setup.sh fetches it
# into build/) would go with the tree, and CMake leaves such folders out of installed run paths: its
# libraries are linked into <prefix>/lib/comq, or copied where the file system can't link. So are
# those of PyArrow's wheel.
set(COMQ_PRIVATE_LIBRARIES lib/comq)
cmake_path(IS_PREFIX CMAKE_SOURCE_DIR ${COMQ_LIBTORCH_FOLDER} NORMALIZE COMQ_LIBTORCH_INSIDE)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(CMAKE_INSTALL_RPATH $ORIGIN/../${COMQ_PRIVATE_LIBRARIES})
install(CODE "
  set(target \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${COMQ_PRIVATE_LIBRARIES}\")
  file(REMOVE_RECURSE \"\${target}\")
  file(MAKE_DIRECTORY \"\${target}\")
  foreach(library ${COMQ_ARROW_LIBRARIES})
    cmake_path(GET library FILENAME name)
    message(STATUS \"Installing: \${target}/\${name}\")
    file(CREATE_LINK \"\${library}\" \"\${target}/\${name}\" COPY_ON_ERROR)
  endforeach()")
if(COMQ_LIBTORCH_INSIDE)
  install(CODE "
    set(target \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${COMQ_PRIVATE_LIBRARIES}\")
    file(GET_RUNTIME_DEPENDENCIES LIBRARIES \"${TORCH_LIBRARY}\"
      RESOLVED_DEPENDENCIES_VAR needed UNRESOLVED_DEPENDENCIES_VAR missing
      DIRECTORIES \"${COMQ_LIBTORCH_FOLDER}\" PRE_EXCLUDE_REGEXES ^ld-linux
      POST_INCLUDE_REGEXES \"^${COMQ_LIBTORCH_FOLDER}/\" POST_EXCLUDE_REGEXES .)
    foreach(library \"${TORCH_LIBRARY}\" \${needed})
      cmake_path(GET library FILENAME name)
      message(STATUS \"Installing: \${target}/\${name}\")
      file(CREATE_LINK \"\${library}\" \"\${target}/\${name}\" COPY_ON_ERROR)
    endforeach()")
endif()
