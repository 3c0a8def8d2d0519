coulter_add_kernels(demo COULTER a.coulter SIZES batch=64 col)
