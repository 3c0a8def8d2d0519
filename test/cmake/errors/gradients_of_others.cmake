coulter_add_kernels(demo COULTER a.coulter b.coulter KERNELS a GRADIENTS b:pose)
