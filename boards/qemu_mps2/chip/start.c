// Vectors, faults, reset, watchdog, and main: run the frozen boot script, then a REPL if somebody interrupts it.
#include "py/compile.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "shared/runtime/pyexec.h"
#include "chip.h"

#define BOOT_SCRIPT "boards/qemu_mps2/main.py"
#define STACK_LIMIT 10240

#define NVIC_ENABLE 0xe000e100u
#define SCB_AIRCR 0xe000ed0cu
#define WATCHDOG 0x40008000u
#define WATCHDOG_UNLOCK 0x1acce551u

extern uint32_t _estack;
extern uint8_t _heap_start, _heap_limit;
extern void Reset_Handler(void);
void chip_uart0_interrupt(void);
void chip_uart1_interrupt(void);
void chip_timer_interrupt(void);

// Survives a reset, is zero at power-on. A reset that nobody announced was the watchdog's.
static uint32_t kept_cause __attribute__((section(".kept")));
static int cause;

static void watchdog_interrupt(void);
static void fault(void);

const uint32_t board_vectors[16 + 16] __attribute__((section(".board_vectors"), used)) = {
    (uint32_t)&_estack,
    (uint32_t)&Reset_Handler,
    (uint32_t)&watchdog_interrupt,
    (uint32_t)&fault,
    (uint32_t)&fault,
    (uint32_t)&fault,
    (uint32_t)&fault,
    0, 0, 0, 0,
    (uint32_t)&fault,
    (uint32_t)&fault,
    0,
    (uint32_t)&fault,
    (uint32_t)&fault,
    [16 + IRQ_UART0_RX] = (uint32_t)&chip_uart0_interrupt,
    [16 + IRQ_UART1_RX] = (uint32_t)&chip_uart1_interrupt,
    [16 + IRQ_TIMER0] = (uint32_t)&chip_timer_interrupt,
};

int chip_reset_cause(void) {
    return cause;
}

void chip_reset(int next_cause) {
    kept_cause = next_cause;
    __asm volatile ("dsb");
    REG32(SCB_AIRCR) = 0x05fa0004;
    for (;;) {
    }
}

// Ends QEMU with an exit code: semihosting's SYS_EXIT_EXTENDED.
void chip_power_off(int code) {
    const uint32_t arguments[2] = {0x20026, code};
    register uint32_t number __asm__ ("r0") = 0x20;
    register const void *block __asm__ ("r1") = arguments;
    __asm volatile ("bkpt 0xab" : "+r" (number) : "r" (block) : "memory");
    for (;;) {
    }
}

static void watchdog_interrupt(void) {
    // The first expiry; a second one would reset even if this code could not run.
    chip_reset(CAUSE_WATCHDOG);
}

__attribute__((used)) static void report_fault(const uint32_t *frame) {
    uint32_t number;
    __asm volatile ("mrs %0, ipsr" : "=r" (number));
    mp_printf(&mp_plat_print, "fault %u at 0x%08x, called from 0x%08x\n",
        (unsigned)number, (unsigned)frame[6], (unsigned)frame[5]);
    chip_reset(CAUSE_CRASH);
}

__attribute__((naked)) static void fault(void) {
    __asm volatile ("mov r0, sp\n b report_fault");
}

// The port ends QEMU by exit(); here what cannot go on is a crash like any other.
__attribute__((noreturn)) void __wrap_exit(int status) {
    (void)status;
    chip_reset(CAUSE_CRASH);
}

void chip_watchdog_start(uint32_t milliseconds) {
    REG32(WATCHDOG + 0xc00) = WATCHDOG_UNLOCK;
    REG32(WATCHDOG) = milliseconds * (CHIP_CLOCK_HZ / 1000);
    REG32(WATCHDOG + 8) = 3;
}

void chip_watchdog_feed(void) {
    // Any write reloads the counter and withdraws the interrupt.
    REG32(WATCHDOG + 0xc) = 1;
}

void chip_watchdog_stop(void) {
    REG32(WATCHDOG + 0xc00) = WATCHDOG_UNLOCK;
    REG32(WATCHDOG + 8) = 0;
}

static size_t heap_size(void) {
    size_t size = REG32(WORLD_BASE + WORLD_HEAP_SIZE);
    size_t most = &_heap_limit - &_heap_start;
    return size == 0 || size > most ? MICROPY_HEAP_SIZE : size & ~15u;
}

int __wrap_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    cause = kept_cause == 0 ? CAUSE_POWER_ON : kept_cause;
    kept_cause = CAUSE_WATCHDOG;
    chip_watchdog_stop();
    chip_time_init();
    chip_uart_init(&chip_uarts[0]);
    REG32(NVIC_ENABLE) = 1u << IRQ_UART0_RX | 1u << IRQ_UART1_RX | 1u << IRQ_TIMER0;
    for (;;) {
        mp_stack_ctrl_init();
        mp_stack_set_limit(STACK_LIMIT);
        gc_init(&_heap_start, &_heap_start + heap_size());
        mp_init();
        if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
            pyexec_frozen_module(BOOT_SCRIPT, true);
        }
        // Only Ctrl-C on the console leads here: whoever has the console has the device.
        chip_watchdog_stop();
        for (;;) {
            int ended = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
            if (ended != 0) {
                break;
            }
        }
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all();
        mp_deinit();
    }
}
