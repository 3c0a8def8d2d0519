# The plan of the kernel `total` as the compiler driver emits plans: words of eight bytes in a section that the loader makes
# read-only once it has relocated the pointers.
        .section .data.rel.ro,"aw"
        .globl  coulter_test_total_plan
        .p2align 3
coulter_test_total_plan:
        .quad   1                       # abi
        .quad   0                       # program_count
        .quad   0                       # programs
        .quad   1                       # variant_count
        .quad   .Lvariants
        .quad   0                       # pack_count
        .quad   0                       # packs
        .quad   .Lschedule              # build: schedule, fingerprint, target, coulter_version, halide_version
        .quad   .Lfingerprint
        .quad   .Ltarget
        .quad   .Lcoulter
        .quad   .Lhalide
        .quad   6                       # flops
        .quad   -1                      # bytes
.Lvariants:
        .quad   total_argv              # function
        .quad   -1                      # condition
        .quad   0                       # requires_compact
        .quad   1                       # alignment
        .quad   0                       # feature_words
        .quad   0                       # features
        .quad   0                       # pack_count
        .quad   0                       # packs: null, so all of the plan's

        .section .rodata
.Lschedule:
        .asciz  "schedule total\n"
.Lfingerprint:
        .asciz  "0123456789abcdef"
.Ltarget:
        .asciz  "x86-64-linux"
.Lcoulter:
        .asciz  "0"
.Lhalide:
        .asciz  "21.0.0"
        .section .note.GNU-stack,"",@progbits
