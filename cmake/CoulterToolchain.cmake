# How Coulter's own targets are compiled: build type, warnings, sanitizers, ccache. Nothing here reaches a consumer.
include_guard(DIRECTORY)

if(PROJECT_IS_TOP_LEVEL)
  get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT CMAKE_BUILD_TYPE AND NOT multi_config)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
  endif()
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Every archive may end in a shared library: that of a kernel, a Python module.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(COULTER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(COULTER_CCACHE_PROGRAM ccache)
  mark_as_advanced(COULTER_CCACHE_PROGRAM)
  if(COULTER_CCACHE_PROGRAM)
    set(CMAKE_C_COMPILER_LAUNCHER "${COULTER_CCACHE_PROGRAM}")
    set(CMAKE_CXX_COMPILER_LAUNCHER "${COULTER_CCACHE_PROGRAM}")
  endif()
endif()

# The same object from any build folder: reproducible, and found again by ccache.
add_compile_options("-fdebug-prefix-map=${CMAKE_BINARY_DIR}=.")

# Link it as `target_link_libraries(t PRIVATE $<BUILD_INTERFACE:coulter_warnings>)`, which keeps it out of the export.
add_library(coulter_warnings INTERFACE)
target_compile_options(coulter_warnings INTERFACE
  -Wall
  -Wextra
  -Wpedantic
  -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<BOOL:${COULTER_WERROR}>:-Werror>)

# The preset asan-ubsan asks for -Og: g++ takes as long as with -O0 over instrumented code and about half as long as with
# -O1, and unlike -O0 it still inlines accessors of the standard library, wherever the linker takes them from.
if(COULTER_SANITIZE)
  list(JOIN COULTER_SANITIZE "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees uninitialized members in the standard library's own code (std::regex) once it is instrumented.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
