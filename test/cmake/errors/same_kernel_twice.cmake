coulter_add_kernels(demo COULTER a.coulter sub/a.coulter)
