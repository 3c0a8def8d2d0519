# Runs a lesson and compares what it prints with what it should print. What differs between machines is masked: the
# numbers before ms, us, % and threads.
#
#   cmake -D PROGRAM=path -D EXPECTED=expected.txt -P compare.cmake
#
# With COULTER_BLESS=1 in the environment it writes the file instead.
execute_process(COMMAND "${PROGRAM}" OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}\n${printed}${errors}")
endif()
string(REGEX REPLACE "[0-9]+(\\.[0-9]+)? (ms|us|%|threads)" "# \\2" printed "${printed}")
if("$ENV{COULTER_BLESS}" STREQUAL "1")
  file(WRITE "${EXPECTED}" "${printed}")
  return()
endif()
file(READ "${EXPECTED}" expected)
if(NOT printed STREQUAL expected)
  get_filename_component(name "${PROGRAM}" NAME)
  file(WRITE "${name}.printed.txt" "${printed}")
  find_program(diff diff)
  if(diff)
    execute_process(COMMAND "${diff}" -u "${EXPECTED}" "${name}.printed.txt" OUTPUT_VARIABLE printed)
  endif()
  message(FATAL_ERROR "the output is another than ${EXPECTED}\n${printed}")
endif()
