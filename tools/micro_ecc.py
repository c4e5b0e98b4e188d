"""micro-ecc as a native module: for the benchmark to measure against, from a source that the user has."""

import os
import shutil
from pathlib import Path

from tools import emulated_cpu, layout
from tools.errors import UnusableArguments

VARIABLE = "MICRO_ECC_SOURCE"
MODULE = "micro_ecc.mpy"
_BUILD = layout.ROOT / "build" / "micro_ecc"
_MAKEFILE = """\
MOD = micro_ecc
SRC = micro_ecc.c
CFLAGS_EXTRA += -ffreestanding -fno-tree-loop-distribute-patterns -Wno-unused-function
include $(MPY_DIR)/py/dynruntime.mk
"""
_WRAPPER = """\
#define uECC_SUPPORTS_secp160r1 0
#define uECC_SUPPORTS_secp192r1 0
#define uECC_SUPPORTS_secp224r1 0
#define uECC_SUPPORTS_secp256k1 0
#define uECC_SUPPORT_COMPRESSED_POINT 0
#include "uECC.c"
#include "py/dynruntime.h"

// Its initialisers want one, and a native module has no C library.
void *memset(void *data, int value, size_t size) {
    for (uint8_t *at = data; size > 0; size--) {
        *at++ = value;
    }
    return data;
}

static mp_obj_t verify(mp_obj_t key, mp_obj_t digest, mp_obj_t signature) {
    mp_buffer_info_t k, d, s;
    mp_get_buffer_raise(key, &k, MP_BUFFER_READ);
    mp_get_buffer_raise(digest, &d, MP_BUFFER_READ);
    mp_get_buffer_raise(signature, &s, MP_BUFFER_READ);
    const uint8_t *point = (const uint8_t *)k.buf + 1;
    bool good = uECC_valid_public_key(point, uECC_secp256r1())
        && uECC_verify(point, d.buf, 32, s.buf, uECC_secp256r1());
    return mp_obj_new_bool(good);
}
static MP_DEFINE_CONST_FUN_OBJ_3(verify_obj, verify);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_verify, MP_OBJ_FROM_PTR(&verify_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
"""


def build(architecture: str) -> bytes:
    """The module; UnusableArguments if MICRO_ECC_SOURCE does not hold uECC.c."""
    source = Path(os.environ[VARIABLE]).expanduser().resolve()
    if not (source / "uECC.c").is_file():
        raise UnusableArguments(f"{VARIABLE}: there is no uECC.c in {source}")
    directory = _BUILD / architecture
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns(".*", "test", "examples"))
    # MicroPython's linker takes no static variable without a value; verifying does not use this one.
    text = (directory / "uECC.c").read_text()
    (directory / "uECC.c").write_text(text.replace("static uECC_RNG_Function ", "uECC_RNG_Function "))
    (directory / "Makefile").write_text(_MAKEFILE)
    (directory / "micro_ecc.c").write_text(_WRAPPER)
    emulated_cpu.link_native_module(directory, architecture, _BUILD / f"{architecture}.log")
    return (directory / MODULE).read_bytes()
