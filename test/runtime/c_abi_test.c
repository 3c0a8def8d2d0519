/* The headers are C99, and a program in C needs nothing else. */
#include <coulter/descriptor.h>
#include <coulter/dlpack.h>
#include <coulter/runtime.h>
#include <string.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            return __LINE__ % 256 == 0 ? 1 : __LINE__ % 256;                                                           \
        }                                                                                                              \
    } while (0)

int main(void) {
    coulter_context* context = NULL;
    coulter_memory memory;
    REQUIRE(coulter_context_create(COULTER_ABI, &context) == COULTER_OK);
    REQUIRE(coulter_context_set_threads(context, 2) == COULTER_OK);
    REQUIRE(coulter_context_memory(context, &memory) == COULTER_OK);
    REQUIRE(memory.scratch_current == 0);
    REQUIRE(coulter_call(context, NULL, NULL) == COULTER_ERROR_INVALID);
    REQUIRE(strcmp(coulter_context_last_error(context), "coulter_call: the kernel's descriptor is null") == 0);
    REQUIRE(strcmp(coulter_error_name(COULTER_ERROR_INVALID), "COULTER_ERROR_INVALID") == 0);
    REQUIRE(coulter_context_destroy(context) == COULTER_OK);
    /* DLPack's layout on 64-bit machines. */
    REQUIRE(sizeof(DLDataType) == 4);
    REQUIRE(sizeof(DLDevice) == 8);
    REQUIRE(sizeof(DLTensor) == 48);
    REQUIRE(sizeof(DLManagedTensor) == 64);
    REQUIRE(sizeof(DLManagedTensorVersioned) == 80);
    return 0;
}
