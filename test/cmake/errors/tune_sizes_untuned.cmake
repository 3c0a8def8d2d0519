coulter_add_kernels(caps COULTER a.coulter AUTOSCHEDULE instant TUNE_SIZES i=64 i=128)
