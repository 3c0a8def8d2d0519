coulter_add_kernels(demo SOURCES generator.cpp KERNELS a b a)
