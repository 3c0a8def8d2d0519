coulter_add_kernels(demo COULTER a.sched)
