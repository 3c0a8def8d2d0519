add_library(gen INTERFACE)
coulter_add_kernels(demo GENERATOR gen)
