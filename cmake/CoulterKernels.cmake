# coulter_add_kernels(): a library of kernels from C++ generators or .coulter texts, and schedule files.
#
#   coulter_add_kernels(NAME
#     GENERATOR target | SOURCES generator.cpp... | COULTER files.coulter...
#     [KERNELS kernel...]       which kernels go into the library; default: all
#     [SCHEDULES file.sched...]
#     [TARGETS triple]          default: host
#     [AUTOSCHEDULE instant|tuned]
#                               write the schedule of the stages that have none to NAME.kernels/schedules/<kernel>.sched:
#                               by estimates, or by measuring
#     [SIZES dim=n...]          typical extents for those stages; default: the kernels' estimates
#     [TUNE_SIZES dim=n,...]    with AUTOSCHEDULE tuned: the sizes to measure at. Several, each of which names the same
#                               dims, are classes: the schedule has a variant for those that need one of their own
#     [GRADIENTS kernel:input,...]
#                               the gradients of these kernels by these inputs, as kernels of the same library: `<kernel>.grad`,
#                               with a header <NAME/kernel_grad.h>
#     [VALUES_AND_GRADIENTS kernel:input,...]
#                               the same with the kernel's own outputs before the gradients: `<kernel>.value_and_grad`,
#                               with a header <NAME/kernel_value_and_grad.h>
#     [PARAMS name=value...]    passed to the generator as -p name=value
#     [SHARED]                  libNAME.so instead of libNAME.a
#     [INSTALL])                install the library, its headers and a package NAME
#
# makes the library `coulter::NAME`; a program that links it includes <NAME/kernel.h>, one header per kernel (a dot in
# a kernel's name is an underscore there). Neither Halide nor LLVM is needed by that program.
#
# Two steps, each with its own dependencies:
#
#   NAME_texts   runs the generator, which writes NAME.kernels/text/<kernel>.coulter
#   NAME_build   runs `coulter build` on those texts and the schedules, which writes NAME.kernels/libNAME.a and
#                NAME.kernels/include/NAME/<kernel>.h
#
# Files are replaced only where their contents change. So a generator compiled anew that writes the same texts rebuilds
# no library, and an edited schedule compiles no C++: the headers depend on the signatures alone.
#
# AUTOSCHEDULE tuned takes a finished tuning from the store where there is one, and otherwise measures for a while while
# building: best with nothing else running. Variables of the project say how:
#
#   COULTER_TUNING_BUDGET     for each kernel, 60s by default
#   COULTER_TUNING_THREADS    that the kernels are for; by default the number of processors
#   COULTER_TUNING_STORE      file with what was measured, relative to the source folder; by default the user's own store
#   COULTER_TUNING_LOCK       TRUE for release builds: measure nothing; a tuning that the store lacks is an error. The
#                             store may then be a .jsonl file that `coulter records export` wrote, kept beside the sources
#   COULTER_TUNING_MACHINE    with COULTER_TUNING_LOCK: whose records, as `coulter records list` names it; by default those
#                             of the machine that builds
#
# COULTER_LOWER_TIMEOUT are the seconds that compiling one kernel may take, 120 by default: more for a kernel of hundreds of
# stages on a machine that does much else.
#
# Not built yet, and an error that says so: more than one triple in TARGETS.
include_guard(GLOBAL)

# All errors name the call, since a project may have many.
function(_coulter_kernels_error name)
  list(JOIN ARGN "\n  " text)
  message(FATAL_ERROR "\n  coulter_add_kernels(${name}): ${text}\n")
endfunction()

# Sets `out` to the absolute paths of the files in the list named `files`; a missing file is an error.
function(_coulter_kernels_files name keyword files out)
  set(result "")
  foreach(file IN LISTS ${files})
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE OUTPUT_VARIABLE path)
    get_property(generated SOURCE "${path}" PROPERTY GENERATED)
    if(NOT generated AND NOT EXISTS "${path}")
      _coulter_kernels_error("${name}" "no such file in ${keyword}: ${file}")
    endif()
    if(path IN_LIST result)
      _coulter_kernels_error("${name}" "${keyword} has this file twice: ${file}")
    endif()
    list(APPEND result "${path}")
  endforeach()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# Sets `out` to an argument that looks like a keyword and is none. CMake takes it for a value of the keyword before it.
function(_coulter_kernels_unknown out)
  set(unknown "${ARG_UNPARSED_ARGUMENTS}")
  foreach(keyword IN ITEMS SOURCES COULTER SCHEDULES TARGETS PARAMS SIZES TUNE_SIZES GRADIENTS VALUES_AND_GRADIENTS AUTOSCHEDULE)
    foreach(value IN LISTS ARG_${keyword})
      if(value MATCHES "^[A-Z][A-Z_]+$")
        list(APPEND unknown "${value}")
      endif()
    endforeach()
  endforeach()
  # Kernels and targets may be in capitals, so there only what resembles a keyword counts.
  foreach(value IN LISTS ARG_KERNELS ARG_GENERATOR)
    foreach(known IN LISTS ARG_KNOWN)
      string(FIND "${known}" "${value}" in_known)
      string(FIND "${value}" "${known}" in_value)
      if(value MATCHES "^[A-Z][A-Z_]+$" AND (in_known EQUAL 0 OR in_value EQUAL 0))
        list(APPEND unknown "${value}")
      endif()
    endforeach()
  endforeach()
  if(unknown)
    list(GET unknown 0 unknown)
  endif()
  set(${out} "${unknown}" PARENT_SCOPE)
endfunction()

# Checks whatever can be checked from the arguments alone, before a target is made.
function(_coulter_kernels_check name)
  if(NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    _coulter_kernels_error("${name}" "the name must be an identifier, it is part of file and target names")
  endif()
  if(name MATCHES "^(coulter|dsl|io|runtime|schedules)$" OR TARGET coulter::${name} OR TARGET ${name}_lib)
    _coulter_kernels_error("${name}" "there is a target coulter::${name} or ${name}_lib already, choose another name")
  endif()

  set(missing "${ARG_KEYWORDS_MISSING_VALUES}")
  if(missing)
    list(GET missing 0 keyword)
    _coulter_kernels_error("${name}" "${keyword} has no value")
  endif()
  _coulter_kernels_unknown(unknown)
  if(unknown)
    list(JOIN ARG_KNOWN " " known)
    _coulter_kernels_error("${name}" "unknown keyword: ${unknown}" "known keywords: ${known}")
  endif()
  foreach(keyword IN ITEMS GRADIENTS VALUES_AND_GRADIENTS)
    set(seen "")
    foreach(gradient IN LISTS ARG_${keyword})
      if(NOT gradient MATCHES "^([A-Za-z_][A-Za-z0-9_.]*):[A-Za-z_][][A-Za-z0-9_.]*(,[A-Za-z_][][A-Za-z0-9_.]*)*$")
        _coulter_kernels_error("${name}" "${keyword} wants kernel:input,input,..., not: ${gradient}")
      endif()
      set(kernel "${CMAKE_MATCH_1}")
      if(kernel IN_LIST seen)
        _coulter_kernels_error("${name}" "${keyword} has this kernel twice: ${kernel}" "list all inputs at once")
      endif()
      if(ARG_KERNELS AND NOT kernel IN_LIST ARG_KERNELS)
        list(JOIN ARG_KERNELS " " known)
        _coulter_kernels_error("${name}" "${keyword} has ${kernel}, which KERNELS has not" "KERNELS has: ${known}")
      endif()
      list(APPEND seen "${kernel}")
    endforeach()
  endforeach()
  if(DEFINED ARG_AUTOSCHEDULE AND NOT ARG_AUTOSCHEDULE MATCHES "^(instant|tuned)$")
    list(JOIN ARG_AUTOSCHEDULE " " modes)
    _coulter_kernels_error("${name}" "AUTOSCHEDULE wants instant or tuned, not: ${modes}")
  endif()
  foreach(size IN LISTS ARG_SIZES)
    if(NOT size MATCHES "^[A-Za-z_][A-Za-z0-9_.]*=[0-9]+$")
      _coulter_kernels_error("${name}" "SIZES wants dim=n, not: ${size}")
    endif()
  endforeach()

  set(size "[A-Za-z_][A-Za-z0-9_.]*=[0-9]+")
  set(seen "")
  foreach(sizes IN LISTS ARG_TUNE_SIZES)
    if(NOT sizes MATCHES "^${size}(,${size})*$")
      _coulter_kernels_error("${name}" "TUNE_SIZES wants dim=n,dim=n,... for each class of sizes, not: ${sizes}")
    endif()
    if(sizes IN_LIST seen)
      _coulter_kernels_error("${name}" "TUNE_SIZES has these sizes twice: ${sizes}")
    endif()
    list(APPEND seen "${sizes}")
  endforeach()
  if(DEFINED ARG_TUNE_SIZES AND NOT ARG_AUTOSCHEDULE STREQUAL "tuned")
    _coulter_kernels_error("${name}" "TUNE_SIZES wants AUTOSCHEDULE tuned: nothing is measured without it"
      "typical extents for AUTOSCHEDULE instant are given by SIZES")
  endif()

  set(given "")
  foreach(keyword IN ITEMS GENERATOR SOURCES COULTER)
    if(DEFINED ARG_${keyword})
      list(APPEND given ${keyword})
    endif()
  endforeach()
  list(LENGTH given count)
  list(JOIN given " and " given)
  if(count EQUAL 0)
    _coulter_kernels_error("${name}" "nothing to build from, give one of"
      "  GENERATOR target         a program that calls coulter::generate"
      "  SOURCES generator.cpp    the sources of such a program"
      "  COULTER file.coulter     texts that such a program wrote")
  elseif(count GREATER 1)
    _coulter_kernels_error("${name}" "${given} exclude each other, give one of GENERATOR, SOURCES, COULTER")
  endif()

  if(DEFINED ARG_COULTER AND DEFINED ARG_PARAMS)
    _coulter_kernels_error("${name}" "PARAMS are a generator's, and texts given by COULTER have none")
  endif()
  foreach(param IN LISTS ARG_PARAMS)
    if(NOT param MATCHES "^[A-Za-z_][A-Za-z0-9_.]*=")
      _coulter_kernels_error("${name}" "PARAMS wants name=value, not: ${param}")
    endif()
  endforeach()
  list(LENGTH ARG_TARGETS count)
  if(count GREATER 1)
    list(JOIN ARG_TARGETS " " triples)
    _coulter_kernels_error("${name}" "more than one triple in TARGETS is not built yet: ${triples}"
      "call coulter_add_kernels once for each")
  endif()
  foreach(file IN LISTS ARG_COULTER)
    if(NOT file MATCHES "\\.coulter$")
      _coulter_kernels_error("${name}" "COULTER wants .coulter files, not: ${file}")
    endif()
  endforeach()
  foreach(file IN LISTS ARG_SCHEDULES)
    if(NOT file MATCHES "\\.sched$")
      _coulter_kernels_error("${name}" "SCHEDULES wants .sched files, not: ${file}")
    endif()
  endforeach()
  set(seen "")
  foreach(kernel IN LISTS ARG_KERNELS)
    if(NOT kernel MATCHES "^[A-Za-z_][A-Za-z0-9_.]*$")
      _coulter_kernels_error("${name}" "KERNELS wants names of kernels, not: ${kernel}")
    endif()
    if(kernel IN_LIST seen)
      _coulter_kernels_error("${name}" "KERNELS has this kernel twice: ${kernel}")
    endif()
    list(APPEND seen "${kernel}")
  endforeach()
endfunction()

# The generator step of `name`: sets `out_texts` to the texts it writes (empty: not known before it has run), and
# `out_stamp` to the file that says that it has run. It also writes <text_dir>.list, which changes when a text does.
function(_coulter_kernels_generate name program text_dir out_texts out_stamp)
  set(texts "")
  set(missing "")
  foreach(kernel IN LISTS ARG_KERNELS)
    list(APPEND texts "${text_dir}/${kernel}.coulter")
    if(NOT EXISTS "${text_dir}/${kernel}.coulter")
      list(APPEND missing "${kernel}")
    endif()
  endforeach()

  # A generator that is not built here may be gone once it has done its work. The texts are enough.
  get_target_property(imported ${program} IMPORTED)
  if(imported)
    get_target_property(location ${program} LOCATION)
    if(NOT EXISTS "${location}" AND texts AND NOT missing)
      message(STATUS "coulter_add_kernels(${name}): the generator ${program} is gone, using the texts it wrote")
      set(${out_texts} "${texts}" PARENT_SCOPE)
      set(${out_stamp} "" PARENT_SCOPE)
      return()
    endif()
  endif()

  set(stamp "${text_dir}.stamp")
  list(JOIN ARG_KERNELS "|" kernels)
  set(params "")
  foreach(param IN LISTS ARG_PARAMS)
    list(APPEND params -p "${param}")
  endforeach()
  add_custom_command(
    OUTPUT "${stamp}"
    BYPRODUCTS ${texts} "${text_dir}.list"
    COMMAND "${CMAKE_COMMAND}"
      -D "NAME=${name}"
      -D "DIR=${text_dir}"
      -D "KERNELS=${kernels}"
      -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/CoulterGenerateStep.cmake"
      -- "$<TARGET_FILE:${program}>" ${params}
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    DEPENDS ${program} "$<TARGET_FILE:${program}>" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/CoulterGenerateStep.cmake"
    COMMENT "Generating the texts of ${name}"
    VERBATIM)
  set(${out_texts} "${texts}" PARENT_SCOPE)
  set(${out_stamp} "${stamp}" PARENT_SCOPE)
endfunction()

# Sets gradient_texts to the texts of the gradients of `name`, gradient_kernels to their kernels and gradient_stamps to
# what says that they are up to date. `texts` of the caller are those that are known; for others, which the generator
# writes, their list stands.
function(_coulter_kernels_gradients name dir text_dir)
  set(made "")
  set(gradients "")
  set(names "")
  set(wanted ${ARG_GRADIENTS})
  list(TRANSFORM wanted APPEND ":grad")
  set(with_values ${ARG_VALUES_AND_GRADIENTS})
  list(TRANSFORM with_values APPEND ":value_and_grad")
  foreach(gradient IN LISTS wanted with_values)
    string(REGEX MATCH "^([^:]+):([^:]+):([^:]+)$" match "${gradient}")
    set(kernel "${CMAKE_MATCH_1}")
    set(inputs "${CMAKE_MATCH_2}")
    set(form "${CMAKE_MATCH_3}")
    string(REPLACE "_" "-" option "--${form}")
    set(text "${text_dir}/${kernel}.coulter")
    set(from "${text_dir}.list")
    foreach(known IN LISTS texts)
      cmake_path(GET known STEM LAST_ONLY stem)
      if(stem STREQUAL kernel)
        set(text "${known}")
        set(from "${known}")
      endif()
    endforeach()
    set(out "${dir}/gradients/${kernel}.${form}.coulter")
    # The text keeps its time where it does not change; the stamp says that it is up to date.
    add_custom_command(
      OUTPUT "${out}.stamp"
      BYPRODUCTS "${out}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${dir}/gradients"
      COMMAND "$<TARGET_FILE:coulter::coulter-cli>" transform "${text}" "${option}" "${inputs}" -o "${out}"
      COMMAND "${CMAKE_COMMAND}" -E touch "${out}.stamp"
      DEPENDS "${from}" coulter::coulter-cli "$<TARGET_FILE:coulter::coulter-cli>"
      COMMENT "Differentiating ${kernel} of ${name}"
      VERBATIM)
    list(APPEND made "${out}.stamp")
    list(APPEND gradients "${out}")
    list(APPEND names "${kernel}.${form}")
  endforeach()
  set(gradient_stamps "${made}" PARENT_SCOPE)
  set(gradient_texts "${gradients}" PARENT_SCOPE)
  set(gradient_kernels "${names}" PARENT_SCOPE)
endfunction()

# Installation of `name`: the library, the headers, and a package `name` with coulter::name in it.
function(_coulter_kernels_install name library dir)
  include(GNUInstallDirs)
  install(TARGETS ${name}_lib EXPORT ${name}_kernels)
  install(FILES "${library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(DIRECTORY "${dir}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/${name}")
  install(EXPORT ${name}_kernels NAMESPACE coulter:: FILE ${name}Targets.cmake DESTINATION "${package_dir}")
  file(WRITE "${dir}/${name}Config.cmake"
    "include(CMakeFindDependencyMacro)\n"
    "find_dependency(Coulter)\n"
    "find_dependency(Threads)\n"
    "include(\"\${CMAKE_CURRENT_LIST_DIR}/${name}Targets.cmake\")\n")
  install(FILES "${dir}/${name}Config.cmake" DESTINATION "${package_dir}")
endfunction()

function(coulter_add_kernels name)
  set(options SHARED INSTALL)
  set(lists GENERATOR SOURCES COULTER KERNELS SCHEDULES TARGETS PARAMS SIZES TUNE_SIZES GRADIENTS VALUES_AND_GRADIENTS AUTOSCHEDULE)
  set(ARG_KNOWN ${lists} ${options})
  cmake_parse_arguments(PARSE_ARGV 1 ARG "${options}" "" "${lists}")
  _coulter_kernels_check("${name}")
  _coulter_kernels_files("${name}" SCHEDULES ARG_SCHEDULES schedules)
  _coulter_kernels_files("${name}" SOURCES ARG_SOURCES sources)
  _coulter_kernels_files("${name}" COULTER ARG_COULTER texts)

  # Which texts there are, by KERNELS or by what the files are called.
  if(DEFINED ARG_COULTER)
    set(kernels "")
    foreach(text IN LISTS texts)
      cmake_path(GET text STEM LAST_ONLY kernel)
      if(kernel IN_LIST kernels)
        _coulter_kernels_error("${name}" "COULTER has two files for the kernel ${kernel}")
      endif()
      list(APPEND kernels "${kernel}")
    endforeach()
    foreach(kernel IN LISTS ARG_KERNELS)
      if(NOT kernel IN_LIST kernels)
        list(JOIN kernels " " known)
        _coulter_kernels_error("${name}" "KERNELS has ${kernel}, and no file in COULTER is called ${kernel}.coulter"
          "the files have: ${known}")
      endif()
    endforeach()
    if(ARG_KERNELS)
      foreach(text IN LISTS texts)
        cmake_path(GET text STEM LAST_ONLY kernel)
        if(NOT kernel IN_LIST ARG_KERNELS)
          list(REMOVE_ITEM texts "${text}")
        endif()
      endforeach()
    else()
      set(ARG_KERNELS "${kernels}")
    endif()
  endif()

  if(DEFINED ARG_GENERATOR)
    list(LENGTH ARG_GENERATOR count)
    if(NOT count EQUAL 1)
      list(JOIN ARG_GENERATOR " " targets)
      _coulter_kernels_error("${name}" "GENERATOR wants one target, not: ${targets}")
    endif()
    if(NOT TARGET ${ARG_GENERATOR})
      _coulter_kernels_error("${name}" "GENERATOR wants a target, and there is none called ${ARG_GENERATOR} here"
        "the sources of a generator are given by SOURCES")
    endif()
    get_target_property(type ${ARG_GENERATOR} TYPE)
    if(NOT type STREQUAL "EXECUTABLE")
      _coulter_kernels_error("${name}" "GENERATOR wants a program, and ${ARG_GENERATOR} is of type ${type}")
    endif()
  endif()
  if(NOT TARGET coulter::coulter-cli)
    _coulter_kernels_error("${name}" "there is no target coulter::coulter-cli"
      "call find_package(Coulter) or add_subdirectory(<Coulter's source>) before")
  endif()

  set(dir "${CMAKE_CURRENT_BINARY_DIR}/${name}.kernels")
  set(text_dir "${dir}/text")

  # Step 1: texts.
  set(stamp "")
  if(DEFINED ARG_SOURCES)
    add_executable(${name}_generator ${sources})
    target_link_libraries(${name}_generator PRIVATE coulter::dsl)
    set(program ${name}_generator)
  elseif(DEFINED ARG_GENERATOR)
    set(program ${ARG_GENERATOR})
  endif()
  if(DEFINED program)
    _coulter_kernels_generate("${name}" ${program} "${text_dir}" texts stamp)
  endif()
  _coulter_kernels_gradients("${name}" "${dir}" "${text_dir}")
  add_custom_target(${name}_texts DEPENDS ${stamp} ${gradient_stamps})

  # Step 2: the library.
  set(prefix "${CMAKE_STATIC_LIBRARY_PREFIX}")
  set(suffix "${CMAKE_STATIC_LIBRARY_SUFFIX}")
  set(shared "")
  if(ARG_SHARED)
    set(prefix "${CMAKE_SHARED_LIBRARY_PREFIX}")
    set(suffix "${CMAKE_SHARED_LIBRARY_SUFFIX}")
    set(shared --shared)
  endif()
  set(file "${prefix}${name}${suffix}")
  set(library "${dir}/${file}")
  set(target host)
  if(ARG_TARGETS)
    set(target "${ARG_TARGETS}")
  endif()
  set(headers "")
  foreach(kernel IN LISTS ARG_KERNELS gradient_kernels)
    string(REPLACE "." "_" header "${kernel}")
    list(APPEND headers "${dir}/include/${name}/${header}.h")
  endforeach()
  list(TRANSFORM headers REPLACE "^.*/" "" OUTPUT_VARIABLE header_names)
  list(JOIN header_names "|" header_names)
  # Without KERNELS the texts are whatever the generator wrote, and their list stands for them.
  set(inputs "${texts}")
  set(text_arguments ${texts})
  if(NOT texts)
    set(inputs "${text_dir}.list")
    set(text_arguments "${text_dir}")
  endif()
  list(APPEND inputs ${gradient_stamps})
  list(APPEND text_arguments ${gradient_texts})
  set(schedule_arguments "")
  foreach(schedule IN LISTS schedules)
    list(APPEND schedule_arguments --schedule "${schedule}")
  endforeach()
  set(decisions "")
  if(COULTER_LOWER_TIMEOUT)
    list(APPEND decisions --timeout "${COULTER_LOWER_TIMEOUT}")
  endif()
  if(ARG_AUTOSCHEDULE)
    list(APPEND decisions --autoschedule "${dir}/schedules")
  endif()
  set(records "")
  set(terminal "")
  if(ARG_AUTOSCHEDULE STREQUAL "tuned")
    list(APPEND decisions --tuned)
    if(COULTER_TUNING_BUDGET)
      list(APPEND decisions --budget "${COULTER_TUNING_BUDGET}")
    endif()
    if(COULTER_TUNING_THREADS)
      list(APPEND decisions --threads "${COULTER_TUNING_THREADS}")
    endif()
    if(COULTER_TUNING_STORE)
      cmake_path(ABSOLUTE_PATH COULTER_TUNING_STORE BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE
        OUTPUT_VARIABLE store)
      list(APPEND decisions --store "${store}")
    endif()
    if(COULTER_TUNING_LOCK)
      list(APPEND decisions --lock)
      if(COULTER_TUNING_STORE)
        set(records "${store}")
      endif()
      if(COULTER_TUNING_MACHINE)
        list(APPEND decisions --machine "${COULTER_TUNING_MACHINE}")
      endif()
    else()
      set(terminal USES_TERMINAL) # one at a time: they measure
    endif()
  endif()
  foreach(size IN LISTS ARG_SIZES)
    list(APPEND decisions --sizes "${size}")
  endforeach()
  foreach(sizes IN LISTS ARG_TUNE_SIZES)
    list(APPEND decisions --tune-sizes "${sizes}")
  endforeach()
  set(programs coulter::coulter-cli "$<TARGET_FILE:coulter::coulter-cli>")
  if(TARGET coulter::coulter-lower)
    list(APPEND programs coulter::coulter-lower "$<TARGET_FILE:coulter::coulter-lower>")
  endif()
  add_custom_command(
    OUTPUT "${dir}/build.stamp"
    BYPRODUCTS "${library}" ${headers}
    COMMAND "${CMAKE_COMMAND}"
      -D "NAME=${name}"
      -D "DIR=${dir}"
      -D "FILE=${file}"
      -D "HEADERS=${header_names}"
      -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/CoulterBuildStep.cmake"
      -- "$<TARGET_FILE:coulter::coulter-cli>" build ${text_arguments} ${schedule_arguments}
      --name "${name}" --target "${target}" ${shared} ${decisions}
      --depfile "${dir}/build.d" --depfile-target "${dir}/build.stamp"
    COMMAND "${CMAKE_COMMAND}" -E touch "${dir}/build.stamp"
    DEPENDS ${inputs} ${schedules} ${records} ${programs} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/CoulterBuildStep.cmake"
    DEPFILE "${dir}/build.d"
    COMMENT "Building the kernel library ${name}"
    ${terminal}
    VERBATIM)
  add_custom_target(${name}_build DEPENDS "${dir}/build.stamp")
  add_dependencies(${name}_build ${name}_texts)

  # The library. Its include folder must exist when CMake checks it.
  file(MAKE_DIRECTORY "${dir}/include")
  find_package(Threads REQUIRED)
  add_library(${name}_lib INTERFACE)
  add_library(coulter::${name} ALIAS ${name}_lib)
  set_target_properties(${name}_lib PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${name}_lib INTERFACE "$<BUILD_INTERFACE:${dir}/include>")
  set(installed "lib")
  if(ARG_INSTALL)
    include(GNUInstallDirs)
    set(installed "${CMAKE_INSTALL_LIBDIR}")
    target_include_directories(${name}_lib INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  endif()
  # A static library is a target, so that the linker gets the runtime after it whatever else links the runtime.
  set(linked "${library}")
  if(NOT ARG_SHARED)
    set(linked ${name}_file)
    add_library(${linked} STATIC IMPORTED GLOBAL)
    set_target_properties(${linked} PROPERTIES
      IMPORTED_LOCATION "${library}"
      INTERFACE_LINK_LIBRARIES coulter::runtime)
    add_dependencies(${linked} ${name}_build)
  endif()
  target_link_libraries(${name}_lib INTERFACE
    "$<BUILD_INTERFACE:${linked}>"
    "$<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${installed}/${file}>"
    coulter::runtime
    Threads::Threads
    ${CMAKE_DL_LIBS})
  add_dependencies(${name}_lib ${name}_build)

  if(ARG_INSTALL)
    _coulter_kernels_install("${name}" "${library}" "${dir}")
  endif()
endfunction()
