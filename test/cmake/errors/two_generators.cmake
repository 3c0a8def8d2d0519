coulter_add_kernels(demo GENERATOR gen other)
