coulter_add_kernels(demo COULTER a.coulter TARGETS x86-64-avx2 x86-64-avx512)
