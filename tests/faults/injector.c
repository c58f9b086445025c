/* Which call under a folder fails, and how?

Preloaded into a process (LD_PRELOAD), it stands between every library and the system, and counts the calls that touch
one folder: those that change it, that remove from it, or that read from it. The n-th fails with an error number, and
those after it too where the fault stays (a full disk). The plan lies in shared memory, so that a parent reads what its
child came to. The clock of the wall can be set back, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CHANGES = 1, REMOVALS = 2, READS = 4 };

enum { CALLS = 1 << 13, NAME = 256 };

struct plan {
    char folder[PATH_MAX], calls[CALLS][NAME];
    int kinds, at, error, stays, halves;
    time_t late;
    atomic_int seen;
};
static struct plan *plan;

__attribute__((constructor)) static void begin(void) {
    void *shared = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    plan = shared == MAP_FAILED ? NULL : shared;
}

/* `at` 0: nothing fails, and what is seen is counted; `halves`: every write writes half of what it is asked to. */
void fault_plan(const char *folder, int kinds, int at, int error, int stays, int halves) {
    plan->kinds = 0;
    snprintf(plan->folder, sizeof plan->folder, "%s", folder);
    plan->at = at, plan->error = error, plan->stays = stays, plan->halves = halves;
    atomic_store(&plan->seen, 0);
    plan->kinds = kinds;
}

/* How many seconds the clock is late. */
void fault_clock(long late) { plan->late = late; }

int fault_seen(void) { return atomic_load(&plan->seen); }
/* The n-th call that was seen, from 1 on, as its name and its path under the folder; empty where it is not known. */
const char *fault_call(int n) { return n > 0 && n <= CALLS && n <= fault_seen() ? plan->calls[n - 1] : ""; }

static int of_descriptor(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static int is_under(const char *path) {
    size_t length = strlen(plan->folder);
    return !strncmp(path, plan->folder, length) && (path[length] == '/' || !path[length]);
}

static int fails_at(const char *call, const char *path) {
    if (!is_under(path)) return 0;
    int now = atomic_fetch_add(&plan->seen, 1) + 1;
    if (now <= CALLS) snprintf(plan->calls[now - 1], NAME, "%s %s", call, path + strlen(plan->folder));
    if (!plan->at || now < plan->at || (now > plan->at && !plan->stays)) return 0;
    errno = plan->error;
    return 1;
}

static int counts(int kind) { return plan && (plan->kinds & kind); }

static int fails(int kind, const char *call, int descriptor) {
    char path[PATH_MAX];
    return counts(kind) && of_descriptor(descriptor, path) && fails_at(call, path);
}

static int fails_on(int kind, const char *call, int folder, const char *path) {
    char full[2 * PATH_MAX];
    if (!counts(kind) || !path) return 0;
    if (path[0] == '/') return fails_at(call, path);
    if (folder == AT_FDCWD ? !getcwd(full, PATH_MAX) : !of_descriptor(folder, full)) return 0;
    size_t length = strlen(full);
    snprintf(full + length, sizeof full - length, "/%s", path);
    return fails_at(call, full);
}

static size_t cut(int descriptor, size_t count) {
    char path[PATH_MAX];
    if (!counts(CHANGES) || !plan->halves || count < 2 || !of_descriptor(descriptor, path)) return count;
    return is_under(path) ? count / 2 : count;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define ON_DESCRIPTOR(kind, name, parameters, descriptor, arguments) \
    int name parameters { return fails(kind, #name, descriptor) ? -1 : REAL(name) arguments; }
ON_DESCRIPTOR(CHANGES, fsync, (int one), one, (one))
ON_DESCRIPTOR(CHANGES, fdatasync, (int one), one, (one))
ON_DESCRIPTOR(CHANGES, syncfs, (int one), one, (one))
ON_DESCRIPTOR(CHANGES, ftruncate, (int one, off_t size), one, (one, size))
ON_DESCRIPTOR(CHANGES, ftruncate64, (int one, off64_t size), one, (one, size))
ON_DESCRIPTOR(CHANGES, fallocate, (int one, int mode, off_t from, off_t size), one, (one, mode, from, size))
ON_DESCRIPTOR(CHANGES, fallocate64, (int one, int mode, off64_t from, off64_t size), one, (one, mode, from, size))

/* These return their error. */
#define AS_ERROR(name, type) \
    int name(int one, type from, type size) { return fails(CHANGES, #name, one) ? plan->error : REAL(name)(one, from, size); }
AS_ERROR(posix_fallocate, off_t)
AS_ERROR(posix_fallocate64, off64_t)

#define ON_PATH(kind, name, parameters, folder, path, arguments) \
    int name parameters { return fails_on(kind, #name, folder, path) ? -1 : REAL(name) arguments; }
ON_PATH(CHANGES, mkdir, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
ON_PATH(CHANGES, mkdirat, (int at, const char *path, mode_t mode), at, path, (at, path, mode))
ON_PATH(CHANGES, rename, (const char *from, const char *to), AT_FDCWD, to, (from, to))
ON_PATH(CHANGES, renameat, (int at, const char *from, int into, const char *to), into, to, (at, from, into, to))
ON_PATH(CHANGES, renameat2, (int at, const char *from, int into, const char *to, unsigned how), into, to,
        (at, from, into, to, how))
ON_PATH(CHANGES, link, (const char *from, const char *to), AT_FDCWD, to, (from, to))
ON_PATH(CHANGES, linkat, (int at, const char *from, int into, const char *to, int how), into, to,
        (at, from, into, to, how))
ON_PATH(CHANGES, symlink, (const char *from, const char *to), AT_FDCWD, to, (from, to))
ON_PATH(REMOVALS, unlink, (const char *path), AT_FDCWD, path, (path))
ON_PATH(REMOVALS, unlinkat, (int at, const char *path, int how), at, path, (at, path, how))
ON_PATH(REMOVALS, rmdir, (const char *path), AT_FDCWD, path, (path))

#define OPENING(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT) ? CHANGES : READS)
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return fails_on(OPENING(flags), #name, AT_FDCWD, path) ? -1 : REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return fails_on(OPENING(flags), #name, at, path) ? -1 : REAL(name)(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int one, const void *bytes, size_t count) {
    return fails(CHANGES, "write", one) ? -1 : REAL(write)(one, bytes, cut(one, count));
}
ssize_t pwrite(int one, const void *bytes, size_t count, off_t from) {
    return fails(CHANGES, "pwrite", one) ? -1 : REAL(pwrite)(one, bytes, cut(one, count), from);
}
ssize_t pwrite64(int one, const void *bytes, size_t count, off64_t from) {
    return fails(CHANGES, "pwrite64", one) ? -1 : REAL(pwrite64)(one, bytes, cut(one, count), from);
}
ssize_t writev(int one, const struct iovec *parts, int count) {
    if (fails(CHANGES, "writev", one)) return -1;
    size_t first = count > 0 ? cut(one, parts[0].iov_len) : 0;
    if (count > 0 && first < parts[0].iov_len) return REAL(write)(one, parts[0].iov_base, first);
    return REAL(writev)(one, parts, count);
}
ssize_t sendfile(int one, int from, off_t *at, size_t count) {
    ssize_t (*go)(int, int, off_t *, size_t) = real("sendfile");
    return fails(CHANGES, "sendfile", one) ? -1 : go(one, from, at, cut(one, count));
}
ssize_t sendfile64(int one, int from, off64_t *at, size_t count) {
    ssize_t (*go)(int, int, off64_t *, size_t) = real("sendfile64");
    return fails(CHANGES, "sendfile64", one) ? -1 : go(one, from, at, cut(one, count));
}
ssize_t copy_file_range(int from, off64_t *at, int one, off64_t *to, size_t count, unsigned how) {
    return fails(CHANGES, "copy_file_range", one) ? -1 : REAL(copy_file_range)(from, at, one, to, cut(one, count), how);
}
ssize_t read(int one, void *bytes, size_t count) {
    return fails(READS, "read", one) ? -1 : REAL(read)(one, bytes, count);
}
ssize_t pread(int one, void *bytes, size_t count, off_t from) {
    return fails(READS, "pread", one) ? -1 : REAL(pread)(one, bytes, count, from);
}
ssize_t pread64(int one, void *bytes, size_t count, off64_t from) {
    return fails(READS, "pread64", one) ? -1 : REAL(pread64)(one, bytes, count, from);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = REAL(clock_gettime)(which, now);
    if (!failed && plan && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec -= plan->late;
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int (*go)(struct timeval *restrict, void *restrict) = real("gettimeofday");
    int failed = go(now, zone);
    if (!failed && plan) now->tv_sec -= plan->late;
    return failed;
}
time_t time(time_t *now) {
    time_t found = REAL(time)(NULL) - (plan ? plan->late : 0);
    if (now) *now = found;
    return found;
}
