// What a module exports: its form.

#include "form.hpp"

extern "C" __attribute__((visibility("default"))) demo::Form* coulter_demo_form(int threads) {
    return demo::linked_form(threads).release();
}
