// The part of Mbed TLS's interface that MicroPython's cryptolib calls; ../aes.c is behind it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MBEDTLS_AES_ENCRYPT 1
#define MBEDTLS_AES_DECRYPT 0

typedef struct {
    int rounds;
    uint8_t keys[240];
} mbedtls_aes_context;

void mbedtls_aes_init(mbedtls_aes_context *context);
// bits: 128 or 256; 0 is returned, here and below.
int mbedtls_aes_setkey_enc(mbedtls_aes_context *context, const unsigned char *key, unsigned int bits);
int mbedtls_aes_setkey_dec(mbedtls_aes_context *context, const unsigned char *key, unsigned int bits);
int mbedtls_aes_crypt_ecb(mbedtls_aes_context *context, int mode, const unsigned char *input, unsigned char *output);
// iv is left as the next call needs it.
int mbedtls_aes_crypt_cbc(mbedtls_aes_context *context, int mode, size_t length, unsigned char *iv,
    const unsigned char *input, unsigned char *output);
// used: bytes of ``stream`` that are spent; counter and stream are left as the next call needs them.
int mbedtls_aes_crypt_ctr(mbedtls_aes_context *context, size_t length, size_t *used, unsigned char *counter,
    unsigned char *stream, const unsigned char *input, unsigned char *output);
