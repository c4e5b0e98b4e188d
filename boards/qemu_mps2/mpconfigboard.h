// The qemu port's configuration, and what an update agent needs on top of it.
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)

// mpremote mounts a directory of the host over the console.
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

#undef MICROPY_PY_MACHINE_INCLUDEFILE
#define MICROPY_PY_MACHINE_INCLUDEFILE "chip/machine.c.inc"
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_UART (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "chip/machine_uart.c.inc"
#define MICROPY_PY_MACHINE_WDT (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "chip/machine_wdt.c.inc"
#define MICROPY_PY_HASHLIB_SHA256 (1)

#undef MICROPY_PY_SYS_PLATFORM
#define MICROPY_PY_SYS_PLATFORM "qemu_mps2"

// Interrupts exist on this board, so whoever shares data with them must keep them out.
static inline uint32_t chip_interrupts_off(void) {
    uint32_t before;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (before) : : "memory");
    return before;
}
static inline void chip_interrupts_restore(uint32_t before) {
    __asm volatile ("msr primask, %0" : : "r" (before) : "memory");
}
#define MICROPY_BEGIN_ATOMIC_SECTION() chip_interrupts_off()
#define MICROPY_END_ATOMIC_SECTION(before) chip_interrupts_restore(before)

void chip_wait(int32_t milliseconds);
#define MICROPY_INTERNAL_WFE(milliseconds) chip_wait(milliseconds)
