# Builds and runs the project in consumer/ against an installed Coulter (MODE=prefix) or its sources
# (MODE=subdirectory), edits its schedule, and builds it again from the texts alone. test/install/CMakeLists.txt gives
# the variables.
cmake_minimum_required(VERSION 3.28)

set(source "${SCRATCH}/source")
set(build "${SCRATCH}/build")
file(REMOVE_RECURSE "${SCRATCH}")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/consumer/" DESTINATION "${source}")

# Runs a command that must succeed; its output is in `log` afterwards.
macro(must what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE log ERROR_VARIABLE log)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} ended with ${code}\n${log}")
  endif()
  message(STATUS "${what}: done")
endmacro()

set(arguments
  -G "${GENERATOR}"
  "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}"
  "-DCMAKE_C_COMPILER=${CC}"
  "-DCMAKE_CXX_COMPILER=${CXX}"
  "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}"
  "-DCMAKE_C_FLAGS_RELWITHDEBINFO=${C_FLAGS}"
  "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=${CXX_FLAGS}")

if(MODE STREQUAL "prefix")
  # Installed in one place and moved to another, since a prefix is to be relocatable.
  must("installing" "${CMAKE_COMMAND}" --install "${COULTER_BUILD}" --prefix "${SCRATCH}/staged")
  file(RENAME "${SCRATCH}/staged" "${SCRATCH}/prefix")
  list(APPEND arguments "-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix")

  file(GLOB_RECURSE package_files "${SCRATCH}/prefix/*.cmake")
  if(NOT package_files)
    message(FATAL_ERROR "the prefix has no package files")
  endif()
  foreach(file IN LISTS package_files)
    file(READ "${file}" text)
    foreach(path IN ITEMS "${COULTER_SOURCE}" "${COULTER_BUILD}" "${SCRATCH}/staged")
      string(FIND "${text}" "${path}" at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${file} has a path of the build machine in it: ${path}")
      endif()
    endforeach()
  endforeach()
else()
  # Coulter's own tests and models must not be built for a consumer. With the flags of the build that this test belongs to,
  # whose objects are taken: else it takes as long as that build.
  list(APPEND arguments "-DCOULTER_SOURCE=${COULTER_SOURCE}" "-DHalide_DIR=${HALIDE}" "-DCOULTER_WERROR=${WERROR}")
  if(PYTHON)
    set(launcher "${SCRATCH}/reuse_object")
    file(WRITE "${launcher}"
      "#!/bin/sh\nexec '${PYTHON}' '${CMAKE_CURRENT_LIST_DIR}/reuse_object.py' '${COULTER_BUILD}' \"$@\"\n")
    file(CHMOD "${launcher}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
    list(APPEND arguments "-DCMAKE_C_COMPILER_LAUNCHER=${launcher}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${launcher}")
  else()
    list(APPEND arguments -DCOULTER_CCACHE=ON)
  endif()
endif()

must("configuring" "${CMAKE_COMMAND}" -S "${source}" -B "${build}" ${arguments})
must("building" "${CMAKE_COMMAND}" --build "${build}")
must("running" "${build}/consumer")
if(NOT log STREQUAL "6 15\n")
  message(FATAL_ERROR "consumer printed: ${log}")
endif()

must("ldd" ldd "${build}/consumer")
if(log MATCHES "Halide|LLVM")
  message(FATAL_ERROR "the consumer needs Halide or LLVM\n${log}")
endif()
must("running it with a shared library" "${build}/consumer_shared")
if(NOT log STREQUAL "6 15\n")
  message(FATAL_ERROR "consumer_shared printed: ${log}")
endif()
must("ldd" ldd "${build}/consumer_shared")
if(log MATCHES "Halide|LLVM")
  message(FATAL_ERROR "the shared library needs Halide or LLVM\n${log}")
endif()

file(APPEND "${source}/matvec.sched" "# an edit\n")
must("building with an edited schedule" "${CMAKE_COMMAND}" --build "${build}" --verbose)
if(NOT log MATCHES "Building the kernel library|coulter build|build [^\n]*matvec.coulter")
  message(FATAL_ERROR "an edited schedule did not rebuild the library\n${log}")
endif()
if(log MATCHES "-c [^\n]*\\.(c|cpp)[ \n]|generator[^\n]* -o ")
  message(FATAL_ERROR "an edited schedule compiled C++ or ran the generator\n${log}")
endif()

# The texts alone: no generator, no sources of one.
file(COPY "${build}/demo.kernels/text/matvec.coulter" DESTINATION "${source}")
file(REMOVE_RECURSE "${build}/demo_generator" "${source}/generator.cpp")
if(MODE STREQUAL "prefix")
  must("configuring from texts" "${CMAKE_COMMAND}" -S "${source}" -B "${SCRATCH}/build-texts" ${arguments} -DFROM_TEXTS=ON)
  must("building from texts" "${CMAKE_COMMAND}" --build "${SCRATCH}/build-texts")
  must("running from texts" "${SCRATCH}/build-texts/consumer")
  if(NOT log STREQUAL "6 15\n")
    message(FATAL_ERROR "consumer printed: ${log}")
  endif()

  # The consumer's own package, with its kernels in it.
  must("installing the consumer" "${CMAKE_COMMAND}" --install "${SCRATCH}/build-texts" --prefix "${SCRATCH}/prefix")
  must("configuring the consumer's consumer"
    "${CMAKE_COMMAND}" -S "${source}" -B "${SCRATCH}/build-second" ${arguments} -DFROM_PACKAGE=ON)
  must("building the consumer's consumer" "${CMAKE_COMMAND}" --build "${SCRATCH}/build-second")
  must("running the consumer's consumer" "${SCRATCH}/build-second/consumer")
  if(NOT log STREQUAL "6 15\n")
    message(FATAL_ERROR "the consumer's consumer printed: ${log}")
  endif()
endif()
