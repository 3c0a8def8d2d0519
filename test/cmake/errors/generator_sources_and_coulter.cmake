coulter_add_kernels(demo GENERATOR gen SOURCES generator.cpp COULTER a.coulter)
