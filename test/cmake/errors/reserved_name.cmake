coulter_add_kernels(runtime COULTER a.coulter)
