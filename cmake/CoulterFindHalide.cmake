# Finds Halide 21. What the user gives wins (Halide_DIR, Halide_ROOT, CMAKE_PREFIX_PATH); then the wheel that
# scripts/setup puts into .venv; then the system. Only coulter-lower and the maker of the runtime object link it.
include_guard(DIRECTORY)

set(coulter_halide_version 21.0.0)

# The wheel keeps its package files in lib64, where CMAKE_PREFIX_PATH does not look on Debian.
file(GLOB coulter_halide_hints LIST_DIRECTORIES true
     "${PROJECT_SOURCE_DIR}/.venv/lib/python*/site-packages/halide/lib64/cmake/Halide")

if(Halide_DIR AND NOT EXISTS "${Halide_DIR}/HalideConfig.cmake")
  # A build directory outlives a .venv that was made anew with another Python.
  if(NOT Halide_DIR MATCHES "/\\.venv/")
    message(FATAL_ERROR "\n  Halide_DIR has no HalideConfig.cmake: ${Halide_DIR}\n"
      "  Pass the folder that has it, or -UHalide_DIR to use what scripts/setup put into .venv.")
  endif()
  unset(Halide_DIR CACHE)
  unset(HalideHelpers_DIR CACHE)
  unset(Halide_Python_DIR CACHE)
endif()

# The component keeps Halide from looking for libpng and libjpeg.
find_package(Halide ${coulter_halide_version} EXACT CONFIG QUIET COMPONENTS Halide HINTS ${coulter_halide_hints})

if(NOT Halide_FOUND)
  set(reason "")
  if(Halide_CONSIDERED_VERSIONS)
    set(reason "  Found version: ${Halide_CONSIDERED_VERSIONS} (${Halide_CONSIDERED_CONFIGS})\n")
  elseif(Halide_NOT_FOUND_MESSAGE)
    set(reason "  Reason: ${Halide_NOT_FOUND_MESSAGE}\n")
  endif()
  message(FATAL_ERROR
    "\n  Coulter needs Halide ${coulter_halide_version}, which was not found.\n${reason}"
    "  Run scripts/setup, which puts it into .venv, or pass -DHalide_DIR=<folder of HalideConfig.cmake>.")
endif()

get_target_property(COULTER_LIBHALIDE Halide::Halide IMPORTED_LOCATION_RELEASE)
if(NOT COULTER_LIBHALIDE)
  get_target_property(COULTER_LIBHALIDE Halide::Halide IMPORTED_LOCATION)
endif()
message(STATUS "Halide ${Halide_VERSION}: ${COULTER_LIBHALIDE}")
