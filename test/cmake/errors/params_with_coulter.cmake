coulter_add_kernels(demo COULTER a.coulter PARAMS taps=3)
