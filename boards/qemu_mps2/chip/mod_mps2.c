// The module mps2: the board's NOR flash as MicroPython's extended block device, and the ways to stop.
//
// The flash is RAM that QEMU keeps in a file, so this driver is what makes it NOR: a program only clears bits, and
// it refuses bytes that are not erased. Killing QEMU between any two instructions is a power cut.
//
// It is a part on a test bench, too: it writes down each operation before it begins, and loses its power inside the
// one that the bench has armed (boards/qemu_mps2/memory_map.py, TRACE).
#include <string.h>
#include "py/mperrno.h"
#include "py/runtime.h"
#include "chip.h"

#define OP_SYNC 3
#define OP_COUNT 4
#define OP_SIZE 5
#define OP_ERASE 6

typedef struct _flash_obj_t {
    mp_obj_base_t base;
    uint8_t *memory;
    uint32_t size;
    uint32_t erase_size;
    uint32_t write_size;
    volatile uint32_t *counters; // erases, programs, programmed bytes; where a power cut does not reach
} flash_obj_t;

extern const mp_obj_type_t mps2_flash_type;

// Flash(address, size, erase_size, write_size, counters): bytes; counters is the address of three 32-bit words.
static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 5, 5, false);
    flash_obj_t *self = mp_obj_malloc(flash_obj_t, type);
    self->memory = (uint8_t *)mp_obj_get_int_truncated(args[0]);
    self->size = mp_obj_get_int(args[1]);
    self->erase_size = mp_obj_get_int(args[2]);
    self->write_size = mp_obj_get_int(args[3]);
    self->counters = (volatile uint32_t *)mp_obj_get_int_truncated(args[4]);
    if (self->write_size == 0 || self->erase_size == 0 || self->erase_size % self->write_size || self->size % self->erase_size) {
        mp_raise_ValueError(NULL);
    }
    return MP_OBJ_FROM_PTR(self);
}

#define TRACE_COUNT 0 // words of the trace's head: operations so far, since the bench last cleared it
#define TRACE_CUT_AT 1 // the one that loses power, from 1; 0: none
#define TRACE_CUT_BYTES 2 // how many of its bytes are done before
#define TRACE_ENTRIES 4
#define TRACE_ERASE 0x80000000u // in an entry's first word, beside the address; the second is the length

// Fill or program length bytes at to, from whom: NULL for erased. Does not return if the armed operation is this one.
static void operate(flash_obj_t *self, uint8_t *to, const uint8_t *from, size_t length) {
    volatile uint32_t *trace = (volatile uint32_t *)TRACE_BASE;
    uint32_t number = trace[TRACE_COUNT];
    if (number < TRACE_CAPACITY) {
        trace[TRACE_ENTRIES + 2 * number] = (to - self->memory) | (from == NULL ? TRACE_ERASE : 0);
        trace[TRACE_ENTRIES + 2 * number + 1] = length;
    }
    trace[TRACE_COUNT] = ++number;
    bool cut = number == trace[TRACE_CUT_AT];
    if (cut && trace[TRACE_CUT_BYTES] < length) {
        length = trace[TRACE_CUT_BYTES];
    }
    if (from == NULL) {
        memset(to, 0xff, length);
    } else {
        for (size_t i = 0; i < length; ++i) {
            to[i] &= from[i];
        }
    }
    if (cut) {
        chip_power_off(CHIP_POWER_CUT);
    }
}

// The byte address of a call's range, or -1.
static int32_t range(flash_obj_t *self, mp_int_t block, mp_int_t offset, size_t length) {
    if (block < 0 || offset < 0 || (uint32_t)block > self->size / self->erase_size || (uint32_t)offset > self->size) {
        return -1;
    }
    uint32_t start = block * self->erase_size + offset;
    return start > self->size || length > self->size - start ? -1 : (int32_t)start;
}

static void erase(flash_obj_t *self, uint32_t block) {
    operate(self, self->memory + block * self->erase_size, NULL, self->erase_size);
    self->counters[0] += 1;
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_WRITE);
    int32_t start = range(self, mp_obj_get_int(args[1]), n_args == 4 ? mp_obj_get_int(args[3]) : 0, buf.len);
    if (start < 0) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    memcpy(buf.buf, self->memory + start, buf.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    mp_int_t block = mp_obj_get_int(args[1]);
    int32_t start = range(self, block, n_args == 4 ? mp_obj_get_int(args[3]) : 0, buf.len);
    if (start < 0 || start % self->write_size || buf.len % self->write_size) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    if (n_args == 3) {
        if (buf.len % self->erase_size) {
            return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
        }
        for (size_t i = 0; i < buf.len / self->erase_size; ++i) {
            erase(self, block + i);
        }
    }
    uint8_t *to = self->memory + start;
    const uint8_t *from = buf.buf;
    for (size_t i = 0; i < buf.len; ++i) {
        if (to[i] != 0xff) {
            return MP_OBJ_NEW_SMALL_INT(-MP_EIO);
        }
    }
    operate(self, to, from, buf.len);
    self->counters[1] += 1;
    self->counters[2] += buf.len;
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t op_in, mp_obj_t arg_in) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(op_in)) {
        case OP_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case OP_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self->size / self->erase_size);
        case OP_SIZE:
            return MP_OBJ_NEW_SMALL_INT(self->erase_size);
        case OP_ERASE: {
            mp_int_t block = mp_obj_get_int(arg_in);
            if (range(self, block, 0, self->erase_size) < 0) {
                return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
            }
            erase(self, block);
            return MP_OBJ_NEW_SMALL_INT(0);
        }
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

// Memory-mapped: memoryview(flash) is the part itself, as with rp2.Flash. Read-only.
static mp_int_t flash_get_buffer(mp_obj_t self_in, mp_buffer_info_t *buf, mp_uint_t flags) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (flags & MP_BUFFER_WRITE) {
        return 1;
    }
    buf->buf = self->memory;
    buf->len = self->size;
    buf->typecode = 'B';
    return 0;
}

static const mp_rom_map_elem_t flash_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj)},
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mps2_flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    make_new, flash_make_new,
    buffer, flash_get_buffer,
    locals_dict, &flash_locals
    );

// power_off(code): QEMU ends with this exit code.
static mp_obj_t mps2_power_off(mp_obj_t code) {
    chip_power_off(mp_obj_get_int(code));
}
static MP_DEFINE_CONST_FUN_OBJ_1(mps2_power_off_obj, mps2_power_off);

// crash(): a reset whose cause is CRASH_RESET.
static mp_obj_t mps2_crash(void) {
    chip_reset(CAUSE_CRASH);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mps2_crash_obj, mps2_crash);

static const mp_rom_map_elem_t mps2_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_mps2)},
    {MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&mps2_flash_type)},
    {MP_ROM_QSTR(MP_QSTR_power_off), MP_ROM_PTR(&mps2_power_off_obj)},
    {MP_ROM_QSTR(MP_QSTR_crash), MP_ROM_PTR(&mps2_crash_obj)},
    {MP_ROM_QSTR(MP_QSTR_CRASH_RESET), MP_ROM_INT(CAUSE_CRASH)},
};
static MP_DEFINE_CONST_DICT(mps2_globals, mps2_globals_table);

const mp_obj_module_t mps2_module = {{&mp_type_module}, (mp_obj_dict_t *)&mps2_globals};
MP_REGISTER_MODULE(MP_QSTR_mps2, mps2_module);
