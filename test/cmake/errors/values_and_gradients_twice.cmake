coulter_add_kernels(demo COULTER a.coulter GRADIENTS a:pose VALUES_AND_GRADIENTS a:pose a:weight)
