# The package. Each folder installs its own targets with EXPORT coulterTargets; this file exports them, and adds what
# belongs to no folder: the package files, coulter_add_kernels(), version.hpp, libHalide.
#
# libHalide is copied to lib/coulter, where coulter-lower finds it relative to itself, so a prefix can be moved and needs
# no .venv. With COULTER_INSTALL_HALIDE=OFF nothing is copied and coulter-lower records where Halide is on this machine.
# Programs that link generated libraries need neither, wherever they run.
include_guard(DIRECTORY)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Coulter")

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/CoulterConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/cmake/CoulterConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/cmake/CoulterConfigVersion.cmake"
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/cmake/CoulterConfig.cmake"
  "${PROJECT_BINARY_DIR}/cmake/CoulterConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/CoulterBuildStep.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/CoulterGenerateStep.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/CoulterKernels.cmake"
  DESTINATION "${package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/dsl/include/coulter/version.hpp" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/coulter")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/coulter")

if(TARGET coulter_lower AND COULTER_INSTALL_HALIDE)
  file(REAL_PATH "${COULTER_LIBHALIDE}" libhalide)
  install(PROGRAMS "${libhalide}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/coulter" RENAME libHalide.so)
  get_filename_component(halide_root "${Halide_DIR}/../../.." ABSOLUTE)
  get_filename_component(site_packages "${halide_root}/.." ABSOLUTE)
  file(GLOB halide_licence
       "${site_packages}/halide-${Halide_VERSION}.dist-info/licenses/LICENSE*"
       "${halide_root}/share/doc/Halide/LICENSE*")
  if(halide_licence)
    list(GET halide_licence 0 halide_licence)
    install(FILES "${halide_licence}" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/coulter" RENAME LICENSE.Halide)
  endif()
endif()

set(exported FALSE)
foreach(target IN ITEMS coulter_runtime coulter_dsl)
  if(TARGET ${target})
    set(exported TRUE)
  endif()
endforeach()
if(exported)
  install(EXPORT coulterTargets NAMESPACE coulter:: DESTINATION "${package_dir}")
endif()
