# Run at every build: a commit made after configuring would otherwise be missing from the results.
# The file changes, and is compiled again, only when its content does.
#   cmake -DSOURCE=... -DINPUT=... -DOUTPUT=... -DCOMQ_VERSION=... -P WriteVersion.cmake
set(COMQ_COMMIT unknown)
find_program(GIT git)
# An unpacked archive inside somebody else's repository has no commit of its own.
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD
    RESULT_VARIABLE failed OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(COMQ_COMMIT ${commit})
    # Without its optional lock, git cannot get in the way of a commit made meanwhile.
    execute_process(
      COMMAND ${GIT} --no-optional-locks -C ${SOURCE} status --porcelain --untracked-files=no
      OUTPUT_VARIABLE modified ERROR_QUIET)
    if(modified)
      string(APPEND COMQ_COMMIT -modified)
    endif()
  endif()
endif()
configure_file(${INPUT} ${OUTPUT} @ONLY)
