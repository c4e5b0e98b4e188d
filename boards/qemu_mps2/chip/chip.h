// QEMU mps2-an385 as this board uses it: register addresses, and what the files of chip/ share.
#ifndef HANOTA_CHIP_H
#define HANOTA_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHIP_CLOCK_HZ 25000000u
#define REG32(address) (*(volatile uint32_t *)(address))

// Reset causes, in MicroPython's numbers where it has one (machine.PWRON_RESET ...).
#define CAUSE_POWER_ON 1
#define CAUSE_RESET 2
#define CAUSE_WATCHDOG 3
#define CAUSE_CRASH 4

// Interrupt numbers (QEMU hw/arm/mps2.c, AN385): UART n receives on 2n.
#define IRQ_UART0_RX 0
#define IRQ_UART1_RX 2
#define IRQ_TIMER0 8

// The page of registers shared with the emulator, and the facts of this start: boards/qemu_mps2/memory_map.py.
#define WORLD_BASE 0x21f00000u
#define WORLD_HEAP_SIZE 32
#define TRACE_BASE 0x21f20000u
#define TRACE_CAPACITY 65536u
#define CHIP_POWER_CUT 67 // QEMU's exit code: the power was lost in an armed flash operation

int chip_reset_cause(void);
__attribute__((noreturn)) void chip_reset(int cause);
__attribute__((noreturn)) void chip_power_off(int code);
void chip_time_init(void);
// Something happened: end the wait in progress, or the next one.
void chip_wake(void);
void chip_watchdog_start(uint32_t milliseconds);
void chip_watchdog_feed(void);
void chip_watchdog_stop(void);

// A UART with a receive ring, filled by interrupt. When the ring is full the sender is held back.
typedef struct _chip_uart_t {
    uint32_t base;
    volatile uint16_t head; // written by the interrupt
    volatile uint16_t tail;
    uint8_t ring[512];
} chip_uart_t;

extern chip_uart_t chip_uarts[2];
void chip_uart_init(chip_uart_t *uart);
size_t chip_uart_any(chip_uart_t *uart);
size_t chip_uart_read(chip_uart_t *uart, uint8_t *buf, size_t size);
void chip_uart_write(chip_uart_t *uart, const uint8_t *buf, size_t size);

#endif
