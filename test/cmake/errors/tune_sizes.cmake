coulter_add_kernels(caps COULTER a.coulter AUTOSCHEDULE tuned TUNE_SIZES "i=64,j=64" "i=64,j=many")
