coulter_add_kernels(my-demo COULTER a.coulter)
