coulter_add_kernels(demo SOURCES generator.cpp PARAMS taps)
