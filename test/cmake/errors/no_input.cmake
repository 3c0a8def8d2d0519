coulter_add_kernels(demo SCHEDULES a.sched)
