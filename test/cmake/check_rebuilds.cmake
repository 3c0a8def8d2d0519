# What coulter_add_kernels() rebuilds, tried on the project in project/ with stand-ins for the generator's and coulter's
# programs: cmake -D MODULES= -D SCRATCH= -D GENERATOR= -D MAKE_PROGRAM= -P check_rebuilds.cmake
cmake_minimum_required(VERSION 3.28)

set(source "${SCRATCH}/source")
set(build "${SCRATCH}/build")
file(REMOVE_RECURSE "${SCRATCH}")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/project/" DESTINATION "${source}")

function(configure expected)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${source}" -B "${build}" -G "${GENERATOR}"
      "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" "-DMODULES=${MODULES}" -DCMAKE_BUILD_TYPE=Debug
    RESULT_VARIABLE code OUTPUT_VARIABLE log ERROR_VARIABLE log)
  if(NOT code EQUAL 0 OR NOT log MATCHES "${expected}")
    message(FATAL_ERROR "configuring ended with ${code}, expected: ${expected}\n${log}")
  endif()
endfunction()

# build_project(WHAT [FAILS] [HAS regex...] [LACKS regex...]): builds, and checks the exit code and the log.
function(build_project what)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "FAILS" "" "HAS;LACKS")
  # Times on some file systems are coarse.
  execute_process(COMMAND "${CMAKE_COMMAND}" -E sleep 0.05)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" --build "${build}" --verbose
    RESULT_VARIABLE code OUTPUT_VARIABLE log ERROR_VARIABLE log)
  set(wrong "")
  if(ARG_FAILS AND code EQUAL 0)
    set(wrong "it was to fail")
  elseif(NOT ARG_FAILS AND NOT code EQUAL 0)
    set(wrong "it failed with ${code}")
  endif()
  foreach(regex IN LISTS ARG_HAS)
    if(NOT log MATCHES "${regex}")
      string(APPEND wrong "\n  not in the log: ${regex}")
    endif()
  endforeach()
  foreach(regex IN LISTS ARG_LACKS)
    if(log MATCHES "${regex}")
      string(APPEND wrong "\n  in the log: ${regex}")
    endif()
  endforeach()
  if(wrong)
    message(FATAL_ERROR "${what}: ${wrong}\n${log}")
  endif()
  message(STATUS "${what}: as expected")
endfunction()

function(run program expected)
  execute_process(COMMAND "${build}/${program}" RESULT_VARIABLE code OUTPUT_VARIABLE out)
  if(NOT code EQUAL 0 OR NOT out STREQUAL "${expected}\n")
    message(FATAL_ERROR "${program} ended with ${code} and printed `${out}`, expected `${expected}`")
  endif()
endfunction()

set(compiled "-c [^\n]*main\\.c")
set(generated "stub-generator: run for")
set(built "stub-coulter: build")

configure("Build files have been written")
build_project("the first build" HAS "${generated}" "${built}" "${compiled}"
  "--autoschedule [^ ]*texts\\.kernels/schedules --sizes j=4 --sizes k=5"
  "stub-coulter: transform [^ ]*source/a\\.coulter --grad x,w\\[0\\] -o [^ ]*texts\\.kernels/gradients/a\\.grad\\.coulter"
  "stub-coulter: transform [^ ]*unknown\\.kernels/text/a\\.coulter --grad x -o"
  "stub-coulter: transform [^ ]*source/a\\.coulter --value-and-grad x -o [^ ]*texts\\.kernels/gradients/a\\.value_and_grad\\.coulter"
  "stub-coulter: build [^ ]*source/a\\.coulter [^ ]*texts\\.kernels/gradients/a\\.grad\\.coulter"
  "shared\\.kernels/schedules --tuned --budget 5s --threads 3 --store [^ ]*/tuned\\.jsonl --lock --machine Another, 3 processors"
  "shared\\.kernels/schedules[^\n]*--tune-sizes j=64,k=64 --tune-sizes j=4096,k=16"
  LACKS "known\\.kernels/schedules")
run(known "3")
run(unknown "3")
run(shared "3")
run(texts "7")
foreach(header IN ITEMS texts unknown)
  if(NOT EXISTS "${build}/${header}.kernels/include/${header}/a_grad.h")
    message(FATAL_ERROR "${header} has no header of the gradient")
  endif()
endforeach()
if(NOT EXISTS "${build}/texts.kernels/include/texts/a_value_and_grad.h")
  message(FATAL_ERROR "texts has no header of the kernel with its gradient")
endif()

build_project("nothing changed" LACKS "stub-coulter: transform" "${generated}" "${built}" "${compiled}")

file(APPEND "${source}/a.sched" "# another line\n")
build_project("an edited schedule" HAS "${built}" LACKS "${generated}" "${compiled}")
build_project("nothing changed after a schedule" LACKS "${generated}" "${built}" "${compiled}")

file(APPEND "${source}/tuned.jsonl" "\n")
build_project("other records" HAS "shared\\.kernels" LACKS "texts\\.kernels" "${generated}" "${compiled}")

file(APPEND "${source}/stub-generator" "# another line\n")
build_project("a new generator that writes the same" HAS "${generated}" LACKS "${built}" "${compiled}" "transform")

file(WRITE "${source}/value" "4\n")
build_project("a generator that writes another text" HAS "${generated}" "${built}" "transform [^ ]*unknown" LACKS "${compiled}")
run(known "4")
run(unknown "4")
run(texts "7")

file(WRITE "${source}/name" "b\n")
build_project("a kernel that the generator does not write" FAILS
  HAS "coulter_add_kernels.known.: KERNELS has a, and the generator wrote no a\\.coulter" "it wrote: b")
file(WRITE "${source}/name" "a\n")
# Libraries without KERNELS may have got as far as building b, and now get the header of a anew.
build_project("the kernel is written again" HAS "${generated}")

file(WRITE "${source}/a.sched" "bad\n")
build_project("a schedule that coulter refuses" FAILS
  HAS "a\\.sched:1:1: error: the stub refuses this" "`coulter build` ended with 1")
file(WRITE "${source}/a.sched" "good\n")
build_project("a schedule that was put right" HAS "${built}" LACKS "${compiled}")

# The generator is gone. Where the texts are known, the library is still built.
file(REMOVE "${source}/stub-generator")
file(WRITE "${source}/use" "known")
file(APPEND "${source}/a.sched" "# another line\n")
configure("the generator gen is gone, using the texts it wrote")
build_project("without the generator" HAS "${built}" LACKS "${generated}" "${compiled}")
run(known "4")
