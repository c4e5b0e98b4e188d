// MicroPython's own module cryptolib over our cipher: its libraries are no part of MicroPython's source package.
#include "py/mpconfig.h"

#undef MICROPY_PY_CRYPTOLIB
#define MICROPY_PY_CRYPTOLIB (1)
#undef MICROPY_PY_CRYPTOLIB_CTR
#define MICROPY_PY_CRYPTOLIB_CTR (1)
#undef MICROPY_PY_CRYPTOLIB_CONSTS
#define MICROPY_PY_CRYPTOLIB_CONSTS (1)
#undef MICROPY_SSL_MBEDTLS
#define MICROPY_SSL_MBEDTLS (1)

#include "extmod/modcryptolib.c"
