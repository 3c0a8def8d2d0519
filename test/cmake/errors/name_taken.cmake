add_library(demo_lib INTERFACE)
coulter_add_kernels(demo COULTER a.coulter)
