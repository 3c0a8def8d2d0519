# TWICE has the headers that two targets install under one name.
if(TWICE)
  message(FATAL_ERROR "two targets have a header of this name, and one would overwrite the other: ${TWICE}")
endif()
