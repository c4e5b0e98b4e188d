// ECDSA over P-256 for boards that take native code: p256.py's verify() and p256_pinned.py's, step by step, in C.
//
// Source: FIPS 186-5 section 6.4.2; the formulas and digits are those two modules', explained there. Only public
// values come in, so nothing here takes constant time.
//
// A number is 8 words of 32 bits, lowest first. Coordinates are in Montgomery's form, a * 2^256 mod p (Montgomery
// 1985): p is -1 modulo 2^32, so a round of the reduction needs no multiplication.
//
// A native module has no .bss and no C library: no static variable, nothing that the compiler would turn into
// memset or memcpy (the linker would refuse it). All memory is the stack: less than 2 KB.
#include "py/dynruntime.h"

#define WORDS 8
#define COLUMNS 43
#define KEY_SIZE 65
#define POINTS_SIZE (32 * 64)
#define ODD_MULTIPLES 8

typedef uint32_t word;
typedef uint64_t wide;

// x and 2y of an affine point, in Montgomery's form.
typedef struct {
    word x[WORDS], d[WORDS];
} affine;

static const word P[WORDS] = {~0u, ~0u, ~0u, 0, 0, 0, 1, ~0u};
static const word N[WORDS] = {
    0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, 0xffffffff, 0xffffffff, 0, 0xffffffff,
};
static const word CURVE_B[WORDS] = {
    0x29c4bddf, 0xd89cdf62, 0x78843090, 0xacf005cd, 0xf7212ed6, 0xe5a220ab, 0x04874834, 0xdc30061d,
};
// 2^256 and 2^512 mod p: the form of 1, and what brings a number into the form.
static const word FORM_OF_ONE[WORDS] = {1, 0, 0, ~0u, ~0u, ~0u, ~0u - 1, 0};
static const word SQUARE[WORDS] = {3, 0, ~0u, ~0u - 4, ~0u - 1, ~0u, ~0u - 2, 4};

// G, 3G, .. 15G. tests/test_p256_native.py makes these numbers and the ones above again.
static const affine GENERATOR[ODD_MULTIPLES] = {
#include "p256_generator.h"
};

// ---- Numbers ----

static void copy(word *r, const word *a) {
    for (int i = 0; i < WORDS; i++) {
        r[i] = a[i];
    }
}

static void from_bytes(word *r, const uint8_t *data) {
    for (int i = WORDS; i-- > 0; data += 4) {
        r[i] = (word)data[0] << 24 | (word)data[1] << 16 | (word)data[2] << 8 | data[3];
    }
}

static bool is_zero(const word *a) {
    word any = 0;
    for (int i = 0; i < WORDS; i++) {
        any |= a[i];
    }
    return any == 0;
}

static bool is_equal(const word *a, const word *b) {
    word any = 0;
    for (int i = 0; i < WORDS; i++) {
        any |= a[i] ^ b[i];
    }
    return any == 0;
}

static bool is_less(const word *a, const word *b) {
    for (int i = WORDS; i-- > 0;) {
        if (a[i] != b[i]) {
            return a[i] < b[i];
        }
    }
    return false;
}

static word plain_add(word *r, const word *a, const word *b) {
    wide w = 0;
    for (int i = 0; i < WORDS; i++) {
        w += (wide)a[i] + b[i];
        r[i] = (word)w;
        w >>= 32;
    }
    return (word)w;
}

static word plain_sub(word *r, const word *a, const word *b) {
    int64_t w = 0;
    for (int i = 0; i < WORDS; i++) {
        w += (int64_t)a[i] - b[i];
        r[i] = (word)w;
        w >>= 32;
    }
    return (word)w & 1;
}

// ---- Numbers modulo m, which is P or N. a and b are below m, and so is r; r may be a or b. ----

static void add(word *r, const word *a, const word *b, const word *m) {
    if (plain_add(r, a, b) || !is_less(r, m)) {
        plain_sub(r, r, m);
    }
}

static void sub(word *r, const word *a, const word *b, const word *m) {
    if (plain_sub(r, a, b)) {
        plain_add(r, r, m);
    }
}

// r = a * b by doubling and adding: for the two products modulo N that a verification needs.
static void slow_mul(word *r, const word *a, const word *b, const word *m) {
    word t[WORDS];
    plain_sub(t, a, a);
    for (int i = 256; i-- > 0;) {
        add(t, t, t, m);
        if (b[i >> 5] >> (i & 31) & 1) {
            add(t, t, a, m);
        }
    }
    copy(r, t);
}

static void shift_right(word *a, word top) {
    for (int i = WORDS; i-- > 0;) {
        word next = a[i];
        a[i] = next >> 1 | top << 31;
        top = next;
    }
}

// Divide u by its powers of two, and x by the same modulo m.
static void halve(word *u, word *x, const word *m) {
    while (!(u[0] & 1)) {
        shift_right(u, 0);
        shift_right(x, x[0] & 1 ? plain_add(x, x, m) : 0);
    }
}

// r = 1/a, a != 0, by the binary Euclidean algorithm (Knuth 4.5.2).
static void invert(word *r, const word *a, const word *m) {
    word u[WORDS], v[WORDS], x[WORDS], y[WORDS];
    copy(u, a);
    copy(v, m);
    plain_sub(y, a, a);
    copy(x, y);
    x[0] = 1;
    // Always u = x * a and v = y * a modulo m; v stays odd.
    for (;;) {
        halve(u, x, m);
        if (is_less(u, v)) {
            for (int i = 0; i < WORDS; i++) {
                word t = u[i];
                u[i] = v[i];
                v[i] = t;
                t = x[i];
                x[i] = y[i];
                y[i] = t;
            }
        }
        plain_sub(u, u, v);
        sub(x, x, y, m);
        if (is_zero(u)) {
            break;
        }
    }
    copy(r, y);
}

// ---- Coordinates: modulo P, in Montgomery's form ----

#if defined(__ARM_ARCH_6M__)
// No long multiplication there, and no C library that has one: four short ones.
#define UNROLLED
static inline wide product(word a, word b) {
    word al = a & 0xffff, ah = a >> 16, bl = b & 0xffff, bh = b >> 16;
    word low = al * bl, middle = ah * bl + (low >> 16);
    word other = al * bh + (middle & 0xffff);
    return (wide)(ah * bh + (middle >> 16) + (other >> 16)) << 32 | (other << 16 | (low & 0xffff));
}
#else
#define UNROLLED _Pragma("GCC unroll 8")
static inline wide product(word a, word b) {
    return (wide)a * b;
}
#endif

static void mul(word *r, const word *a, const word *b) {
    word space[2 * WORDS + 1];
    word *t = space;
    for (int i = 0; i < WORDS; i++) {
        t[i] = 0;
    }
    word top = 0;
    for (int i = 0; i < WORDS; i++, t++) {
        word digit = a[i];
        wide w = 0;
        UNROLLED
        for (int j = 0; j < WORDS; j++) {
            w = product(digit, b[j]) + t[j] + (w >> 32);
            t[j] = (word)w;
        }
        word high = w >> 32;
        // Add t[0] * P = t[0] * (2^256 - 2^224 + 2^192 + 2^96 - 1), which makes t[0] zero.
        word m = t[0];
        w = (wide)t[3] + m;
        t[3] = (word)w;
        w = (w >> 32) + t[4];
        t[4] = (word)w;
        w = (w >> 32) + t[5];
        t[5] = (word)w;
        w = (w >> 32) + t[6] + m;
        t[6] = (word)w;
        int64_t v = (int64_t)(w >> 32) + t[7] - m;
        t[7] = (word)v;
        v = (v >> 32) + high + m + top;
        t[8] = (word)v;
        top = (word)(v >> 32);
    }
    if (top || !is_less(t, P)) {
        plain_sub(r, t, P);
    } else {
        copy(r, t);
    }
}

// ---- Points: formulas as data. A call in machine code takes five times as much room. ----

// The registers. (X, D, Z) is the running sum, (U, V) a table's point, K and ONE are constants, the rest is scratch.
enum { X, D, Z, U, V, A, B, G, H, T, K, ONE, REGISTERS };

typedef word registers[REGISTERS][WORDS];

// r = a * b, a + b, a - b, modulo P. All operands of mul are in Montgomery's form.
#define MUL(r, a, b) (0x1000 | (r) << 8 | (a) << 4 | (b))
#define ADD(r, a, b) (0x2000 | (r) << 8 | (a) << 4 | (b))
#define SUB(r, a, b) (0x3000 | (r) << 8 | (a) << 4 | (b))
#define END 0

static void run(registers f, const uint16_t *formula) {
    for (; *formula != END; formula++) {
        word step = *formula;
        word *r = f[step >> 8 & 15], *a = f[step >> 4 & 15], *b = f[step & 15];
        switch (step >> 12) {
            case 1:
                mul(r, a, b);
                break;
            case 2:
                add(r, a, b, P);
                break;
            default:
                sub(r, a, b, P);
        }
    }
}

// dbl-2001-b for D = 2Y. Infinity stays infinity.
static const uint16_t DOUBLE[] = {
    MUL(G, D, D),
    MUL(B, X, G),
    MUL(T, Z, Z),
    SUB(A, X, T), ADD(T, X, T), MUL(T, A, T), ADD(A, T, T), ADD(A, A, T),
    MUL(X, A, A), SUB(X, X, B), SUB(X, X, B),
    MUL(Z, D, Z),
    SUB(B, B, X), ADD(A, A, A), MUL(B, A, B), MUL(G, G, G), SUB(D, B, G),
    END,
};

// madd-2007-bl for D = 2Y: how far (U, V) is from the sum, and the addition if that is not zero.
static const uint16_t COMPARE[] = {
    MUL(T, Z, Z),
    MUL(H, U, T), SUB(H, H, X),
    MUL(A, T, Z), MUL(A, A, V), SUB(A, A, D),
    END,
};
static const uint16_t ADD_POINT[] = {
    ADD(B, H, H),
    MUL(Z, Z, B),
    MUL(G, B, B), MUL(H, H, G), MUL(G, X, G),
    MUL(X, A, A), SUB(X, X, H), SUB(X, X, G), SUB(X, X, G),
    MUL(B, D, H), SUB(G, G, X), MUL(A, A, G), SUB(A, A, B), ADD(D, A, A),
    END,
};

// p256.py's _odd_multiples, with D for its y: 2Q beside Q; one more 2Q; a point made affine.
static const uint16_t FIRST_MULTIPLE[] = {
    MUL(T, Z, D),
    MUL(A, X, X), SUB(A, A, ONE), ADD(U, A, A), ADD(A, U, A),
    MUL(X, T, X), ADD(X, X, X),
    MUL(D, T, T), ADD(D, D, D),
    MUL(U, A, A), SUB(U, U, X), SUB(U, U, X),
    SUB(V, X, U), MUL(V, A, V), SUB(V, V, D),
    END,
};
static const uint16_t NEXT_MULTIPLE[] = {
    SUB(H, U, X),
    MUL(Z, Z, H),
    MUL(T, H, H), MUL(U, U, T), MUL(T, X, T),
    SUB(A, V, D),
    SUB(B, U, T), MUL(V, V, B),
    MUL(X, A, A), SUB(X, X, U), SUB(X, X, T),
    SUB(D, U, X), MUL(D, A, D), SUB(D, D, V),
    END,
};
static const uint16_t MAKE_AFFINE[] = {
    MUL(T, Z, Z), MUL(U, U, T), MUL(T, T, Z), ADD(T, T, T), MUL(V, V, T),
    MUL(Z, Z, H),
    END,
};

// X and D into the form; T = D^2, and U = X^3 - 3X.
static const uint16_t CURVE[] = {
    MUL(X, X, K), MUL(D, D, K),
    MUL(T, D, D),
    MUL(U, X, X), MUL(U, U, X), SUB(U, U, X), SUB(U, U, X), SUB(U, U, X),
    END,
};

// Add (U, V) or its negative to the sum, whatever the two are.
static void add_point(registers f, bool negative) {
    if (negative) {
        plain_sub(f[V], P, f[V]);
    }
    if (is_zero(f[Z])) {
        copy(f[X], f[U]);
        copy(f[D], f[V]);
        copy(f[Z], f[ONE]);
        return;
    }
    run(f, COMPARE);
    if (!is_zero(f[H])) {
        run(f, ADD_POINT);
    } else if (is_zero(f[A])) {
        // The sum is the point itself.
        run(f, DOUBLE);
    } else {
        // The sum is the point's negative.
        plain_sub(f[Z], P, P);
    }
}

static void call(mp_obj_t hook) {
    if (hook != mp_const_none) {
        mp_call_function_n_kw(hook, 0, 0, NULL);
    }
}

// points = Q, 3Q, .. 15Q for Q = (X, D), of which D is y and not yet 2y.
static void odd_multiples(registers f, affine *points, mp_obj_t hook) {
    word factors[ODD_MULTIPLES][WORDS];
    add(f[Z], f[D], f[D], P);
    copy(points[0].x, f[X]);
    copy(points[0].d, f[Z]);
    run(f, FIRST_MULTIPLE);
    for (int i = 1; i < ODD_MULTIPLES; i++) {
        run(f, NEXT_MULTIPLE);
        copy(factors[i], f[H]);
        copy(points[i].x, f[X]);
        copy(points[i].d, f[D]);
        call(hook);
    }
    // 1/Z in Montgomery's form: the inverse of Z * 2^256, times 2^512.
    invert(f[Z], f[Z], P);
    mul(f[Z], f[Z], f[K]);
    mul(f[Z], f[Z], f[K]);
    for (int i = ODD_MULTIPLES - 1; i > 0; i--) {
        copy(f[H], factors[i]);
        copy(f[U], points[i].x);
        copy(f[V], points[i].d);
        run(f, MAKE_AFFINE);
        copy(points[i].x, f[U]);
        copy(points[i].d, f[V]);
    }
    call(hook);
}

// digits[i], i to 256: the wNAF of a scalar, 0 or odd from -15 to 15, of which at most one in five is not 0.
static void recode(int8_t *digits, const word *scalar) {
    word s[WORDS];
    copy(s, scalar);
    for (int i = 0; i <= 256; i++) {
        int digit = 0;
        if (s[0] & 1) {
            digit = s[0] & 31;
            // Taking the digit away clears the lowest five bits; a negative one carries into the sixth. The carry
            // never leaves the number: below N, the second word from the top is not all ones if the top one is.
            s[0] &= ~31u;
            if (digit > 15) {
                digit -= 32;
                word carry = 32;
                for (int j = 0; j < WORDS && carry; j++) {
                    s[j] += carry;
                    carry = s[j] < carry;
                }
            }
        }
        digits[i] = digit;
        shift_right(s, 0);
    }
}

static void sum_any(registers f, const word *u, const word *v, mp_obj_t hook) {
    affine points[ODD_MULTIPLES];
    // First, so that what it needs of the stack can hold the digits then.
    odd_multiples(f, points, hook);
    int8_t digits[2][257];
    recode(digits[0], u);
    recode(digits[1], v);
    plain_sub(f[Z], P, P);
    for (int i = 256; i >= 0; i--) {
        run(f, DOUBLE);
        for (int k = 0; k < 2; k++) {
            int digit = digits[k][i];
            if (digit) {
                const affine *point = (k ? points : GENERATOR) + ((digit < 0 ? -digit : digit) >> 1);
                copy(f[U], point->x);
                copy(f[V], point->d);
                add_point(f, digit < 0);
            }
        }
        call(hook);
    }
}

// p256_pinned.py's sum; u and v are changed.
static void sum_pinned(registers f, word *u, word *v, const uint8_t *table, mp_obj_t hook) {
    word top[2];
    for (int k = 0; k < 2; k++) {
        word *bits = k ? v : u;
        // An even scalar plus N is odd; then (2^258 + scalar) / 2 has a bit for every digit.
        word carry = bits[0] & 1 ? 0 : plain_add(bits, bits, N);
        shift_right(bits, carry);
        top[k] = 2;
    }
    plain_sub(f[Z], P, P);
    for (int column = COLUMNS - 1; column >= 0; column--) {
        run(f, DOUBLE);
        for (int k = 0; k < 2; k++) {
            const word *bits = k ? v : u;
            int i = 0;
            for (int bit = 5 * COLUMNS + column; bit >= 0; bit -= COLUMNS) {
                i = i << 1 | ((bit < 256 ? bits[bit >> 5] : top[k]) >> (bit & 31) & 1);
            }
            bool negative = !(i & 32);
            const uint8_t *entry = table + KEY_SIZE + k * POINTS_SIZE + (((negative ? ~i : i) & 31) << 6);
            from_bytes(f[U], entry);
            from_bytes(f[V], entry + 32);
            mul(f[U], f[U], f[K]);
            mul(f[V], f[V], f[K]);
            add_point(f, negative);
        }
        call(hook);
    }
}

// ---- The module ----

// Copies the bytes, because the caller's buffer may change while the hook runs. False if type or length is wrong.
static bool get_bytes(uint8_t *r, mp_obj_t value, size_t size) {
    mp_obj_t type = MP_OBJ_FROM_PTR(mp_obj_get_type(value));
    if (type != mp_load_global(MP_QSTR_bytes) && type != mp_load_global(MP_QSTR_bytearray)
        && type != mp_load_global(MP_QSTR_memoryview)) {
        return false;
    }
    mp_buffer_info_t info;
    if (!mp_get_buffer(value, &info, MP_BUFFER_READ) || info.len != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        r[i] = ((const uint8_t *)info.buf)[i];
    }
    return true;
}

static bool is_signature(const uint8_t *key, const uint8_t *digest, const uint8_t *signature, mp_obj_t hook,
    const uint8_t *table) {
    registers f;
    word r[WORDS], s[WORDS], u[WORDS], v[WORDS];
    from_bytes(f[X], key + 1);
    from_bytes(f[D], key + 33);
    if (key[0] != 4 || !is_less(f[X], P) || !is_less(f[D], P)) {
        return false;
    }
    copy(f[K], SQUARE);
    copy(f[ONE], FORM_OF_ONE);
    run(f, CURVE);
    add(f[U], f[U], CURVE_B, P);
    if (!is_equal(f[T], f[U])) {
        return false;
    }
    from_bytes(r, signature);
    from_bytes(s, signature + 32);
    if (is_zero(r) || is_zero(s) || !is_less(r, N) || !is_less(s, N)) {
        return false;
    }
    invert(s, s, N);
    call(hook);
    from_bytes(u, digest);
    if (!is_less(u, N)) {
        plain_sub(u, u, N);
    }
    slow_mul(u, u, s, N);
    slow_mul(v, r, s, N);
    call(hook);
    if (table) {
        sum_pinned(f, u, v, table, hook);
    } else {
        sum_any(f, u, v, hook);
    }
    // Infinity has no x, so no r is right.
    if (is_zero(f[Z])) {
        return false;
    }
    // x mod n == r without a division: X == r * Z^2, or (r + n) * Z^2 where x was n or more.
    mul(f[Z], f[Z], f[Z]);
    mul(f[Z], f[Z], f[K]);
    do {
        mul(f[T], r, f[Z]);
        if (is_equal(f[T], f[X])) {
            return true;
        }
    } while (!plain_add(r, r, N) && is_less(r, P));
    return false;
}

// verify(public_key, digest, signature, hook=None, table=None): ``table`` is a PinnedKey's. It is used for its own
// key only; any other key is verified without it.
static mp_obj_t verify(size_t count, const mp_obj_t *arguments) {
    uint8_t key[KEY_SIZE], digest[32], signature[64];
    if (!get_bytes(key, arguments[0], KEY_SIZE) || !get_bytes(digest, arguments[1], 32)
        || !get_bytes(signature, arguments[2], 64)) {
        return mp_const_false;
    }
    const uint8_t *table = NULL;
    if (count > 4 && arguments[4] != mp_const_none) {
        mp_buffer_info_t info;
        mp_get_buffer_raise(arguments[4], &info, MP_BUFFER_READ);
        table = info.len == KEY_SIZE + 2 * POINTS_SIZE + 32 ? info.buf : NULL;
        for (int i = 0; table && i < KEY_SIZE; i++) {
            if (table[i] != key[i]) {
                table = NULL;
            }
        }
    }
    mp_obj_t hook = count > 3 ? arguments[3] : mp_const_none;
    return mp_obj_new_bool(is_signature(key, digest, signature, hook, table));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(verify_obj, 3, 5, verify);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_verify, MP_OBJ_FROM_PTR(&verify_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
