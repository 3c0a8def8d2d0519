coulter_add_kernels(demo GENERATOR gen COULTER a.coulter)
