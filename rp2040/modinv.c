// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The TwinHSM authors

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "rp2040/modinv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* mbedTLS's own */
#include "bignum_internal.h"

#include "hsm/crypto/util.h"

_Static_assert(sizeof(mbedtls_mpi_uint) == 4, "load and store go by words of 32 bits");

#define BITS_MAX 2048u /* primes of RSA-4096 */
#define BATCH 30       /* division steps in a matrix, and bits in a limb */
#define MASK ((1u << BATCH) - 1u)
#define LIMBS_MAX ((BITS_MAX + 2u + BATCH - 1u) / BATCH)

/* A signed number: limbs of 30 bits, the highest with the sign. */
struct number {
    int32_t limb[LIMBS_MAX];
};

/* What a batch of steps does to (f, g), times 2^30. */
struct matrix {
    int32_t u, v, q, r;
};

struct state {
    struct number f, g; /* gcd in the making */
    struct number d, e; /* d * a = f and e * a = g, mod n; both in (-2n, n) */
    struct number n;
    uint32_t n_inverse; /* mod 2^30 */
    size_t limbs;
    int32_t delta;
};

/* Thirty division steps on the low words of f and g. */
static struct matrix steps(int32_t *delta_inout, uint32_t f, uint32_t g) {
    uint32_t u = 1, v = 0, q = 0, r = 1;
    int32_t delta = *delta_inout;

    for (unsigned i = 0; i < BATCH; i++) {
        uint32_t positive = (uint32_t)(-delta >> 31); /* all ones when delta > 0 */
        uint32_t odd = 0u - (g & 1u);

        /* g + f, or g - f when delta > 0, if g is odd */
        g += ((f ^ positive) - positive) & odd;
        q += ((u ^ positive) - positive) & odd;
        r += ((v ^ positive) - positive) & odd;
        positive &= odd;
        delta = (int32_t)(((uint32_t)delta ^ positive) - positive + 1u);
        /* f becomes the old g, which is g - f + f */
        f += g & positive;
        u += q & positive;
        v += r & positive;
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *delta_inout = delta;
    return (struct matrix){(int32_t)u, (int32_t)v, (int32_t)q, (int32_t)r};
}

static int64_t times(int32_t a, int32_t b) { return (int64_t)a * b; }

/* (f, g) = matrix * (f, g) / 2^30, exactly. */
static void update_fg(struct state *s, const struct matrix *t) {
    int64_t cf = 0;
    int64_t cg = 0;

    for (size_t i = 0; i < s->limbs; i++) {
        int32_t f = s->f.limb[i];
        int32_t g = s->g.limb[i];

        cf += times(t->u, f) + times(t->v, g);
        cg += times(t->q, f) + times(t->r, g);
        if (i > 0) {
            s->f.limb[i - 1] = (int32_t)((uint32_t)cf & MASK);
            s->g.limb[i - 1] = (int32_t)((uint32_t)cg & MASK);
        }
        cf >>= BATCH;
        cg >>= BATCH;
    }
    s->f.limb[s->limbs - 1] = (int32_t)cf;
    s->g.limb[s->limbs - 1] = (int32_t)cg;
}

/* (d, e) = matrix * (d, e) / 2^30 mod n: multiples of n make the low limbs zero, and keep both in (-2n, n).
 */
static void update_de(struct state *s, const struct matrix *t) {
    int32_t d_sign = s->d.limb[s->limbs - 1] >> 31;
    int32_t e_sign = s->e.limb[s->limbs - 1] >> 31;
    int32_t md = (t->u & d_sign) + (t->v & e_sign);
    int32_t me = (t->q & d_sign) + (t->r & e_sign);
    int64_t cd = times(t->u, s->d.limb[0]) + times(t->v, s->e.limb[0]);
    int64_t ce = times(t->q, s->d.limb[0]) + times(t->r, s->e.limb[0]);

    md -= (int32_t)((s->n_inverse * (uint32_t)cd + (uint32_t)md) & MASK);
    me -= (int32_t)((s->n_inverse * (uint32_t)ce + (uint32_t)me) & MASK);
    cd += times(s->n.limb[0], md);
    ce += times(s->n.limb[0], me);
    cd >>= BATCH;
    ce >>= BATCH;
    for (size_t i = 1; i < s->limbs; i++) {
        int32_t d = s->d.limb[i];
        int32_t e = s->e.limb[i];

        cd += times(t->u, d) + times(t->v, e) + times(s->n.limb[i], md);
        ce += times(t->q, d) + times(t->r, e) + times(s->n.limb[i], me);
        s->d.limb[i - 1] = (int32_t)((uint32_t)cd & MASK);
        s->e.limb[i - 1] = (int32_t)((uint32_t)ce & MASK);
        cd >>= BATCH;
        ce >>= BATCH;
    }
    s->d.limb[s->limbs - 1] = (int32_t)cd;
    s->e.limb[s->limbs - 1] = (int32_t)ce;
}

/* number = (number + (n if add)) * sign, carried through. The masks are 0 or -1. */
static void adjust(struct number *number, const struct number *n, size_t limbs, int32_t add, int32_t negate) {
    int32_t carry = 0;

    for (size_t i = 0; i < limbs; i++) {
        int32_t limb = number->limb[i] + (n->limb[i] & add);

        limb = (limb ^ negate) - negate + carry;
        if (i + 1 < limbs) {
            carry = limb >> BATCH;
            limb = (int32_t)((uint32_t)limb & MASK);
        }
        number->limb[i] = limb;
    }
}

/* Is f 1 (sign 0) or -1 (sign -1)? */
static bool is_unit(const struct state *s, int32_t sign) {
    uint32_t difference = 0;

    for (size_t i = 0; i < s->limbs; i++) {
        int32_t wanted = i + 1 < s->limbs ? (int32_t)((uint32_t)sign & MASK) : sign;

        difference |= (uint32_t)(s->f.limb[i] ^ (i == 0 ? (sign == 0 ? 1 : wanted) : wanted));
    }
    return difference == 0;
}

static void load(struct number *to, const mbedtls_mpi *from, size_t limbs) {
    for (size_t i = 0; i < limbs; i++) {
        uint32_t value = 0;

        for (unsigned bit = 0; bit < BATCH; bit += 10) {
            size_t at = i * BATCH + bit;
            size_t word = at / 32;
            uint64_t two = word < from->n ? from->p[word] : 0;

            two |= word + 1 < from->n ? (uint64_t)from->p[word + 1] << 32 : 0;
            value |= ((uint32_t)(two >> (at % 32)) & 0x3FFu) << bit;
        }
        to->limb[i] = (int32_t)value;
    }
}

static void store(mbedtls_mpi_uint *to, size_t words, const struct number *from, size_t limbs) {
    for (size_t i = 0; i < words; i++) {
        to[i] = 0;
    }
    for (size_t i = 0; i < limbs; i++) {
        uint64_t value = (uint64_t)(uint32_t)from->limb[i] << (i * BATCH % 32);
        size_t word = i * BATCH / 32;

        if (word < words) {
            to[word] |= (uint32_t)value;
        }
        if (word + 1 < words) {
            to[word + 1] |= (uint32_t)(value >> 32);
        }
    }
}

/* `*done` tells whether there is an inverse. */
static int invert(struct state *s, mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *n, bool *done) {
    size_t bits = mbedtls_mpi_bitlen(n);
    size_t words = n->n;
    unsigned count = (49u * (unsigned)bits + (bits < 46 ? 80u : 57u)) / 17u;
    uint32_t inverse;

    s->limbs = (bits + 2u + BATCH - 1u) / BATCH;
    load(&s->n, n, s->limbs);
    load(&s->g, a, s->limbs);
    s->f = s->n;
    s->e.limb[0] = 1;
    s->delta = 1;
    /* Newton: each turn doubles the number of right bits, 3 at the start. */
    inverse = (uint32_t)s->n.limb[0];
    for (unsigned i = 0; i < 4; i++) {
        inverse *= 2u - (uint32_t)s->n.limb[0] * inverse;
    }
    s->n_inverse = inverse & MASK;
    for (unsigned step = 0; step < count; step += BATCH) {
        struct matrix t = steps(&s->delta, (uint32_t)s->f.limb[0] | (uint32_t)s->f.limb[1] << BATCH,
                                (uint32_t)s->g.limb[0] | (uint32_t)s->g.limb[1] << BATCH);

        update_de(s, &t);
        update_fg(s, &t);
    }
    int32_t sign = s->f.limb[s->limbs - 1] >> 31;
    *done = is_unit(s, sign);
    if (!*done) {
        return 0;
    }
    adjust(&s->d, &s->n, s->limbs, s->d.limb[s->limbs - 1] >> 31, sign);
    adjust(&s->d, &s->n, s->limbs, s->d.limb[s->limbs - 1] >> 31, 0);
    int ret = mbedtls_mpi_grow(x, words);
    if (ret == 0) {
        store(x->p, x->n, &s->d, s->limbs);
        x->s = 1;
    }
    return ret;
}

int modinv(mbedtls_mpi *gcd, mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *n) {
    struct state state = {.delta = 1};
    bool done = false;
    int ret = 0;

    if (x != NULL && x != n && gcd != n && n->s == 1 && a->s == 1 && mbedtls_mpi_get_bit(n, 0) == 1 &&
        mbedtls_mpi_bitlen(n) >= 64 && mbedtls_mpi_bitlen(n) <= BITS_MAX && mbedtls_mpi_cmp_int(a, 0) != 0 &&
        mbedtls_mpi_cmp_mpi(a, n) < 0) {
        ret = invert(&state, x, a, n, &done);
        crypto_wipe(&state, sizeof state);
    }
    if (ret == 0 && !done) {
        return mbedtls_mpi_gcd_modinv_odd(gcd, x, a, n);
    }
    return ret == 0 && gcd != NULL ? mbedtls_mpi_lset(gcd, 1) : ret;
}
