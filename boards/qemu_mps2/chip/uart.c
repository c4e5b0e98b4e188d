// CMSDK UARTs: 0 is the console, 1 the HAN link.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
#include "chip.h"

#define DATA 0x00
#define STATE 0x04
#define CTRL 0x08
#define INTCLEAR 0x0c
#define BAUDDIV 0x10

#define STATE_TX_FULL 1
#define STATE_RX_FULL 2
#define CTRL_TX 1
#define CTRL_RX 2
#define CTRL_RX_INTERRUPT 8
#define RX_INTERRUPT 2

chip_uart_t chip_uarts[2] = {{.base = 0x40004000}, {.base = 0x40005000}};

void chip_uart_init(chip_uart_t *uart) {
    uart->head = uart->tail = 0;
    REG32(uart->base + BAUDDIV) = 16; // the least that the device accepts; QEMU knows no line speed
    REG32(uart->base + CTRL) = CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT;
}

// Interrupts off. What does not fit stays in the UART, and so with the sender.
static void receive(chip_uart_t *uart, bool console) {
    REG32(uart->base + INTCLEAR) = RX_INTERRUPT;
    while (REG32(uart->base + STATE) & STATE_RX_FULL) {
        uint16_t next = (uart->head + 1) % sizeof(uart->ring);
        if (next == uart->tail) {
            break;
        }
        uint8_t byte = REG32(uart->base + DATA);
        if (console && byte == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
            continue;
        }
        uart->ring[uart->head] = byte;
        uart->head = next;
    }
    chip_wake();
}

void chip_uart0_interrupt(void) {
    receive(&chip_uarts[0], true);
}

void chip_uart1_interrupt(void) {
    receive(&chip_uarts[1], false);
}

size_t chip_uart_any(chip_uart_t *uart) {
    return (uart->head + sizeof(uart->ring) - uart->tail) % sizeof(uart->ring);
}

size_t chip_uart_read(chip_uart_t *uart, uint8_t *buf, size_t size) {
    size_t n = 0;
    while (n < size && uart->tail != uart->head) {
        buf[n++] = uart->ring[uart->tail];
        uart->tail = (uart->tail + 1) % sizeof(uart->ring);
    }
    if (n && REG32(uart->base + STATE) & STATE_RX_FULL) {
        uint32_t before = chip_interrupts_off();
        receive(uart, uart == &chip_uarts[0]);
        chip_interrupts_restore(before);
    }
    return n;
}

void chip_uart_write(chip_uart_t *uart, const uint8_t *buf, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        while (REG32(uart->base + STATE) & STATE_TX_FULL) {
        }
        REG32(uart->base + DATA) = buf[i];
    }
}

// The console, for MicroPython: without spinning while nobody types.

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    if (flags & MP_STREAM_POLL_RD && chip_uart_any(&chip_uarts[0])) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    uint8_t byte;
    while (chip_uart_read(&chip_uarts[0], &byte, 1) == 0) {
        mp_event_wait_indefinite();
    }
    return byte;
}
