coulter_add_kernels(demo COULTER a.coulter GRADIENTS a=pose,weight)
