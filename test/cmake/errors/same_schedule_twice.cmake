coulter_add_kernels(demo COULTER a.coulter SCHEDULES a.sched ./a.sched)
