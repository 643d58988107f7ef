/*
 * The calls that the linker puts in place of the real ones (-Wl,--wrap, see CMakeLists.txt): each
 * fails where the plan says so, as the real one would. SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <sqlite3.h>

#include "faults.h"
#include "fuzz.h"

static size_t blocks, store_blocks;

size_t
faults_blocks(void)
{
    return blocks;
}

size_t
faults_store_blocks(void)
{
    return store_blocks;
}

/* -- The program's memory, and cJSON's ----------------------------------------------------------
 */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
char *__real_realpath(const char *path, char *out);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
char *__wrap_realpath(const char *path, char *out);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_free(void *block);

static bool
is_refused(void)
{
    if (!faults_strike(FAULT_MEMORY))
        return false;
    errno = ENOMEM;
    return true;
}

static void *
counted(void *block)
{
    blocks += block != NULL;
    return block;
}

void *
__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : counted(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : counted(__real_calloc(count, size));
}

void *
__wrap_realloc(void *block, size_t size)
{
    void *grown = is_refused() ? NULL : __real_realloc(block, size);

    return block == NULL ? counted(grown) : grown;
}

void *
__wrap_reallocarray(void *block, size_t count, size_t size)
{
    void *grown = is_refused() ? NULL : __real_reallocarray(block, count, size);

    return block == NULL ? counted(grown) : grown;
}

char *
__wrap_strdup(const char *text)
{
    return is_refused() ? NULL : counted(__real_strdup(text));
}

char *
__wrap_strndup(const char *text, size_t len)
{
    return is_refused() ? NULL : counted(__real_strndup(text, len));
}

char *
__wrap_realpath(const char *path, char *out)
{
    FUZZ_CHECK(out == NULL);
    return is_refused() ? NULL : counted(__real_realpath(path, out));
}

int
__wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    int len = -1;

    *out = NULL;
    if (is_refused())
        return -1;
    va_start(args, format);
    len = vasprintf(out, format, args);
    va_end(args);
    (void)counted(len < 0 ? NULL : *out);
    return len;
}

void
__wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

/* -- SQLite's memory ----------------------------------------------------------------------------
 */

static void *
store_malloc(int size)
{
    void *block = faults_strike(FAULT_STORE_MEMORY) ? NULL : __real_malloc((size_t)size);

    store_blocks += block != NULL;
    return block;
}

static void
store_free(void *block)
{
    store_blocks -= block != NULL;
    __real_free(block);
}

static void *
store_realloc(void *block, int size)
{
    return faults_strike(FAULT_STORE_MEMORY) ? NULL : __real_realloc(block, (size_t)size);
}

static int
store_size(void *block)
{
    return (int)malloc_usable_size(block);
}

static int
store_roundup(int size)
{
    return (size + 7) & ~7;
}

static int
store_init(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void
store_shutdown(void *arg)
{
    (void)arg;
}

void
faults_install(void)
{
    static sqlite3_mem_methods methods = {store_malloc,  store_free, store_realloc,  store_size,
                                          store_roundup, store_init, store_shutdown, NULL};
    cJSON_Hooks hooks = {__wrap_malloc, __wrap_free};

    cJSON_InitHooks(&hooks);
    FUZZ_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
    /* Small blocks would come from a reserve, which never fails. */
    FUZZ_CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
}

/* -- OpenSSL ------------------------------------------------------------------------------------
 */

unsigned char *__real_HMAC(const EVP_MD *digest, const void *key, int key_len,
                           const unsigned char *bytes, size_t len, unsigned char *out,
                           unsigned int *out_len);
int __real_EVP_EncodeBlock(unsigned char *out, const unsigned char *bytes, int len);

unsigned char *__wrap_HMAC(const EVP_MD *digest, const void *key, int key_len,
                           const unsigned char *bytes, size_t len, unsigned char *out,
                           unsigned int *out_len);
int __wrap_EVP_EncodeBlock(unsigned char *out, const unsigned char *bytes, int len);

unsigned char *
__wrap_HMAC(const EVP_MD *digest, const void *key, int key_len, const unsigned char *bytes,
            size_t len, unsigned char *out, unsigned int *out_len)
{
    return faults_strike(FAULT_CRYPTO)
               ? NULL
               : __real_HMAC(digest, key, key_len, bytes, len, out, out_len);
}

int
__wrap_EVP_EncodeBlock(unsigned char *out, const unsigned char *bytes, int len)
{
    return faults_strike(FAULT_CRYPTO) ? -1 : __real_EVP_EncodeBlock(out, bytes, len);
}

BIO *__real_BIO_new_mem_buf(const void *bytes, int len);
EVP_PKEY *__real_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
int __real_EVP_DigestSignInit(EVP_MD_CTX *context, EVP_PKEY_CTX **out, const EVP_MD *digest,
                              ENGINE *engine, EVP_PKEY *key);
int __real_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *out, size_t *out_len,
                          const unsigned char *bytes, size_t len);

BIO *__wrap_BIO_new_mem_buf(const void *bytes, int len);
EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
int __wrap_EVP_DigestSignInit(EVP_MD_CTX *context, EVP_PKEY_CTX **out, const EVP_MD *digest,
                              ENGINE *engine, EVP_PKEY *key);
int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *out, size_t *out_len,
                          const unsigned char *bytes, size_t len);

/* As OpenSSL says it. */
static bool
is_short(void)
{
    if (!faults_strike(FAULT_CRYPTO))
        return false;
    ERR_raise(ERR_LIB_PEM, ERR_R_MALLOC_FAILURE);
    return true;
}

BIO *
__wrap_BIO_new_mem_buf(const void *bytes, int len)
{
    return is_short() ? NULL : __real_BIO_new_mem_buf(bytes, len);
}

EVP_PKEY *
__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg)
{
    return is_short() ? NULL : __real_PEM_read_bio_PrivateKey(bio, out, ask, arg);
}

EVP_MD_CTX *
__wrap_EVP_MD_CTX_new(void)
{
    return is_short() ? NULL : __real_EVP_MD_CTX_new();
}

int
__wrap_EVP_DigestSignInit(EVP_MD_CTX *context, EVP_PKEY_CTX **out, const EVP_MD *digest,
                          ENGINE *engine, EVP_PKEY *key)
{
    return is_short() ? 0 : __real_EVP_DigestSignInit(context, out, digest, engine, key);
}

int
__wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *out, size_t *out_len,
                      const unsigned char *bytes, size_t len)
{
    return is_short() ? 0 : __real_EVP_DigestSign(context, out, out_len, bytes, len);
}
