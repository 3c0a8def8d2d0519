coulter_add_kernels(demo COULTER a.coulter AUTOSCHEDULE fast)
