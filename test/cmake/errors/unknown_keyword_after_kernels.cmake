coulter_add_kernels(demo COULTER a.coulter KERNELS a SCHEDULE a.sched)
