# Names and places of libraries and programs, the same in the build tree and after installation.
#
# `coulter` starts `coulter-lower` as a child process. It finds the helper beside itself, and the runtime's archive (for
# `--shared`) in ../lib: the build tree is laid out as an installed prefix is, so that one rule serves both.
include_guard(DIRECTORY)

function(coulter_program target exported)
  if(NOT TARGET ${target})
    return()
  endif()
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${exported}
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(NOT TARGET coulter::${exported})
    add_executable(coulter::${exported} ALIAS ${target})
  endif()
endfunction()

coulter_program(coulter coulter-cli)
coulter_program(coulter_lower coulter-lower)

if(TARGET coulter_lower)
  if(COULTER_INSTALL_HALIDE)
    set_target_properties(coulter_lower PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/coulter")
  else()
    get_filename_component(halide_folder "${COULTER_LIBHALIDE}" DIRECTORY)
    set_target_properties(coulter_lower PROPERTIES INSTALL_RPATH "${halide_folder}")
  endif()
endif()
if(TARGET coulter AND TARGET coulter_lower)
  # Whoever builds `coulter` wants to run it.
  add_dependencies(coulter coulter_lower)
endif()

# coulter::runtime is coulter_runtime, in the tree and in the package.
foreach(name IN ITEMS runtime io dsl schedules)
  if(TARGET coulter_${name})
    set_target_properties(coulter_${name} PROPERTIES
      EXPORT_NAME ${name}
      ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
    if(NOT TARGET coulter::${name})
      add_library(coulter::${name} ALIAS coulter_${name})
    endif()
  endif()
endforeach()
