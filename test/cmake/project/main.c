#include HEADER
#include <stdio.h>

int main(void) {
    printf("%d\n", a());
    return 0;
}
