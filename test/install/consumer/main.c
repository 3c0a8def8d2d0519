/* Calls the kernel `matvec` through its C interface and prints the two elements of its result. */
#ifndef KERNEL_HEADER
#define KERNEL_HEADER <demo/matvec.h>
#endif
#include KERNEL_HEADER
#include <coulter/runtime.h>
#include <stdio.h>

static DLTensor tensor(float* data, int64_t* shape, int rank) {
    DLTensor t = {0};
    t.data = data;
    t.device.device_type = kDLCPU;
    t.ndim = rank;
    t.dtype.code = kDLFloat;
    t.dtype.bits = 32;
    t.dtype.lanes = 1;
    t.shape = shape;
    return t;
}

int main(void) {
    float a_data[6] = {1, 2, 3, 4, 5, 6}, x_data[3] = {1, 1, 1}, y_data[2] = {0, 0};
    int64_t a_shape[2] = {2, 3}, x_shape[1] = {3}, y_shape[1] = {2};
    DLTensor a = tensor(a_data, a_shape, 2), x = tensor(x_data, x_shape, 1), y = tensor(y_data, y_shape, 1);

    coulter_context* context = NULL;
    if (coulter_context_create(COULTER_ABI, &context) != 0) return 1;
    const int code = matvec(context, &a, &x, &y);
    if (code != 0) {
        fprintf(stderr, "%s\n", coulter_context_last_error(context));
        return 1;
    }
    printf("%g %g\n", y_data[0], y_data[1]);
    coulter_context_destroy(context);
    return 0;
}
