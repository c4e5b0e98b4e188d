// Time: a free-running microsecond counter, and a one-shot timer that ends a wait. Nothing ticks while nothing happens.
#include "py/mphal.h"
#include "py/runtime.h"
#include "chip.h"

#define TIMER0 0x40000000u
#define FPGAIO_COUNTER 0x40028018u
#define FPGAIO_PRESCALE 0x4002801cu

// Longest single wait: a long one is many, and the counter's wrap after 71 minutes is never missed.
#define LONGEST_WAIT_MS 60000

static volatile bool awake;
static uint32_t last_count;
static uint64_t microseconds;

void chip_time_init(void) {
    REG32(FPGAIO_PRESCALE) = CHIP_CLOCK_HZ / 1000000 - 1;
    last_count = REG32(FPGAIO_COUNTER);
    microseconds = 0;
}

static uint64_t now(void) {
    uint32_t before = chip_interrupts_off();
    uint32_t count = REG32(FPGAIO_COUNTER);
    microseconds += count - last_count;
    last_count = count;
    uint64_t result = microseconds;
    chip_interrupts_restore(before);
    return result;
}

void chip_wake(void) {
    awake = true;
}

void chip_timer_interrupt(void) {
    REG32(TIMER0) = 0;
    REG32(TIMER0 + 0xc) = 1;
    chip_wake();
}

// Until an interrupt, at most this long; at once if there was one since the last wait.
void chip_wait(int32_t milliseconds) {
    if (milliseconds < 0 || milliseconds > LONGEST_WAIT_MS) {
        milliseconds = LONGEST_WAIT_MS;
    }
    if (milliseconds > 0) {
        uint32_t ticks = milliseconds * (CHIP_CLOCK_HZ / 1000);
        REG32(TIMER0) = 0;
        REG32(TIMER0 + 8) = ticks;
        REG32(TIMER0 + 4) = ticks;
        REG32(TIMER0) = 1 << 3 | 1;
        // With interrupts masked a pending one still ends the wfi, so none slips in between.
        uint32_t before = chip_interrupts_off();
        if (!awake) {
            __asm volatile ("dsb\n wfi");
        }
        chip_interrupts_restore(before);
        REG32(TIMER0) = 0;
    }
    awake = false;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return now() / 1000;
}

mp_uint_t mp_hal_ticks_us(void) {
    return now();
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return now();
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = now() + us;
    while (now() < end) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = now() + (uint64_t)ms * 1000;
    for (;;) {
        uint64_t at = now();
        if (at >= end) {
            mp_handle_pending(true);
            return;
        }
        mp_event_wait_ms((end - at + 999) / 1000);
    }
}
