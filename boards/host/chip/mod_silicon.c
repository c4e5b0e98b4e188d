// The module silicon: the host board's flash, registers and screen, each a file that the emulator keeps.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "py/runtime.h"

// map(path, size): the address where the file's first size bytes are memory; what is written there is in the file,
// and stays in it when this process is killed. OSError.
static mp_obj_t silicon_map(mp_obj_t path, mp_obj_t size) {
    int file = open(mp_obj_str_get_str(path), O_RDWR);
    if (file < 0) {
        mp_raise_OSError(errno);
    }
    void *memory = mmap(NULL, mp_obj_get_int(size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    int error = errno;
    close(file);
    if (memory == MAP_FAILED) {
        mp_raise_OSError(error);
    }
    return mp_obj_new_int_from_ull((uintptr_t)memory);
}
static MP_DEFINE_CONST_FUN_OBJ_2(silicon_map_obj, silicon_map);

static const mp_rom_map_elem_t silicon_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_silicon) },
    { MP_ROM_QSTR(MP_QSTR_map), MP_ROM_PTR(&silicon_map_obj) },
};
static MP_DEFINE_CONST_DICT(silicon_globals, silicon_globals_table);

const mp_obj_module_t silicon_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&silicon_globals,
};
MP_REGISTER_MODULE(MP_QSTR_silicon, silicon_module);
