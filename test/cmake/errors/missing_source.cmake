coulter_add_kernels(demo SOURCES gone.cpp)
