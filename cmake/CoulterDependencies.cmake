# The libraries from the system. All are private: no installed header includes them.
include_guard(DIRECTORY)

foreach(package IN ITEMS fmt nlohmann_json CLI11)
  find_package(${package} CONFIG QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR
      "\n  Coulter needs ${package}, which was not found.\n"
      "  Run scripts/setup, which installs Debian's package, or pass -D${package}_DIR=<folder of its CMake package>.")
  endif()
endforeach()
find_package(SQLite3 3.37 QUIET)
if(NOT SQLite3_FOUND)
  message(FATAL_ERROR
    "\n  Coulter needs SQLite 3.37 or newer for the tuning store, which was not found.\n"
    "  Run scripts/setup, which installs Debian's package libsqlite3-dev.")
endif()
find_package(Threads REQUIRED)
