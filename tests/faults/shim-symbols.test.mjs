// shim-symbols.test.mjs: which calls the shim (shim.h) can make fail: every name that the three programs import, or a reason why not. A name that a compiler's
// option brings (_FORTIFY_SOURCE's __openat_2), or a new call in the sources, would else stay outside of every sweep, and nobody would see it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../support/gateway.mjs'
import { run } from '../support/process.mjs'

const PROGRAMS = ['gatepostd', 'gatepost-keeper', 'gatepost-server']

/** Names of libraries: what they call in their turn is wrapped under its own name. */
const LIBRARIES = /^(sqlite3|json_|uv_|curl_|MHD_|secp256k1_|seccomp_|EVP_|BN_|EC_|ECDSA_|OSSL_|OPENSSL_|CRYPTO_|ERR_|PKCS5_|SHA1_|SHA256_|HMAC$|d2i_|i2d_)/

/** Of the compiler and its sanitizers. */
const COMPILER = /^(_ITM_|__gmon_start__$|__cxa_|__libc_start_main$|__stack_chk_fail$|__(asan|ubsan|lsan|sanitizer|interceptor)_|_Unwind_)/

/** Those that the C library alone answers, from what it is given; and what is by contract always answered. A reason for each group. */
const EXCUSED = [
  ['works on bytes that are there', `
    __memcpy_chk __memmove_chk __memset_chk __explicit_bzero_chk explicit_bzero __strcpy_chk memchr memcmp memcpy memmem memmove memset
    strchr strcmp strcpy strcspn strlen strncasecmp strcasecmp strncmp strpbrk strrchr strsep strspn strstr strnlen dirname
    strtol strtoll strtoul strtoull __isoc23_strtol __isoc23_strtoll __isoc23_strtoul __isoc23_strtoull __isoc99_sscanf __isoc23_sscanf
    __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc alphasort strerror inet_ntop inet_pton getopt`],
  ['allocates, if at all, by malloc, which is wrapped', 'strdup snprintf __snprintf_chk vsnprintf __vsnprintf_chk qsort qsort_r malloc_usable_size'],
  ['gives back, and nobody can do anything about it', 'close closedir fclose munmap freeifaddrs if_freenameindex'],
  ['ends the process', '_exit exit abort __assert_fail'],
  ['tells of the process itself', '__errno_location getauxval getenv geteuid getpid getppid getuid'],
  ['computes with time; the zone comes from a file that only the C library opens', 'gmtime_r localtime_r mktime timegm strftime strptime tzset'],
  ['has no error but a wrong argument', 'clock_gettime adjtimex signal sigaddset sigemptyset sigfillset sigprocmask pthread_sigmask umask'],
  ['fails only by misuse: locks that are not robust, threads that are there', `pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_signal
    pthread_cond_wait pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_once`],
  ['moves to the start of a file in memory', 'lseek lseek64'],
  ['is advice, whose answer is thrown away', 'posix_fadvise posix_fadvise64 sync_file_range'],
  ['a limit below the hard one is always taken; the answer is thrown away but where a filter is made', 'getrlimit getrlimit64 setrlimit setrlimit64'],
  ['goes to a child of ours or is asked about one; no handler of ours interrupts it', 'kill waitpid'],
  ['ends a connection that may have ended already', 'shutdown'],
  ['writes for a person before anything runs, from inside the C library', 'fprintf __fprintf_chk fwrite puts'],
]

const excuses = EXCUSED.flatMap(([, names]) => names.trim().split(/\s+/))

async function names(file, which) {
  const { code, stdout, stderr } = await run('nm', ['-D', which, file])
  assert.equal(code, 0, stderr)
  return stdout.trim().split('\n').map((line) => line.trim().split(/\s+/).at(-1).replace(/@.*/, ''))
}

const isForeign = (name) => LIBRARIES.test(name) || COMPILER.test(name)

test('every call that the programs import can be made to fail, or there is a reason why not', async () => {
  const wrapped = new Set(await names(program('tests/faults/shim.so'), '--defined-only'))
  for (const name of PROGRAMS) {
    const imported = (await names(program(name), '--undefined-only')).filter((n) => !isForeign(n))
    assert.ok(imported.includes('recvmsg') && imported.length > 70, `${name}: ${imported.length} names`)
    assert.deepEqual(imported.filter((n) => !wrapped.has(n) && !excuses.includes(n)), [], `${name}: neither wrapped nor excused`)
  }
})

test('no name is excused twice, and none that is wrapped', async () => {
  const wrapped = await names(program('tests/faults/shim.so'), '--defined-only')
  assert.deepEqual(excuses.filter((n, i) => wrapped.includes(n) || isForeign(n) || excuses.indexOf(n) !== i), [])
})
