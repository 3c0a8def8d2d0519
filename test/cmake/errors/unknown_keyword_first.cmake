coulter_add_kernels(demo LANGUAGE c COULTER a.coulter)
