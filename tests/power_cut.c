/* Writes down what a program does to the files below POWER_ROOT, with the data, in order: for tests/power_cut.py.
 *
 * LD_PRELOAD puts it before libc, so that it sees whoever calls: SQLite, FAISS, Python. What goes to standard output is
 * noted as well, since by that the program says what it has acknowledged. Maps are not seen; SQLite's shared memory, the
 * only one, is noted as it is at each sync of the log that it belongs to.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 4096

static int trace = -1;
static char root[PATH_MAX];
static char *names[MOST]; /* of what each descriptor has open, where that is below the root */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void put(const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(write);
    for (const char *at = data; size;) {
        ssize_t done = real(trace, at, size);
        if (done <= 0) abort();
        at += done;
        size -= done;
    }
}

/* A record: its kind, three numbers, two names, data. */
static void note(char kind, uint64_t number, uint64_t offset, const char *name, const char *other, const void *data,
                 uint64_t size) {
    if (trace < 0) return;
    uint64_t head[6] = {kind, number, offset, name ? strlen(name) : 0, other ? strlen(other) : 0, size};
    pthread_mutex_lock(&turn);
    put(head, sizeof head);
    if (name) put(name, head[3]);
    if (other) put(other, head[4]);
    if (size) put(data, size);
    pthread_mutex_unlock(&turn);
}

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("POWER_TRACE"), *below = getenv("POWER_ROOT");
    if (!file || !below || !realpath(below, root)) return;
    trace = fcntl(REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND, 0600), F_DUPFD_CLOEXEC, 1000);
}

/* Return a path below the root as one from there, in a buffer; NULL for any other. */
static char *inside(int at, const char *path, char *buffer) {
    char whole[2 * PATH_MAX], folder[PATH_MAX];
    if (trace < 0 || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        char link[64], base[PATH_MAX];
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0) return NULL;
        base[size] = 0;
        snprintf(whole, sizeof whole, "%s/%s", base, path);
    }
    char *name = strrchr(whole, '/');
    snprintf(folder, sizeof folder, "%.*s", (int)(name - whole), whole);
    char real[PATH_MAX];
    if (!realpath(folder[0] ? folder : "/", real)) return NULL;
    if (snprintf(buffer, PATH_MAX, "%s%s%s", real, strcmp(real, "/") ? "/" : "", name + 1) >= PATH_MAX) return NULL;
    size_t length = strlen(root);
    if (strncmp(buffer, root, length) || (buffer[length] != '/' && buffer[length])) return NULL;
    return buffer;
}

static int opened(int descriptor, const char *path, int flags, int was_there) {
    if (descriptor < 0 || descriptor >= MOST || !path) return descriptor;
    int kept = errno;
    struct stat found;
    fstat(descriptor, &found);
    free(names[descriptor]);
    names[descriptor] = strdup(path);
    if (!was_there || (flags & O_TRUNC)) note(was_there ? 't' : 'c', 0, 0, path, NULL, NULL, 0);
    errno = kept;
    return descriptor;
}

static int open_as(const char *function, int at, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    char *name = inside(at, path, buffer);
    struct stat found;
    int was_there = name && stat(name, &found) == 0;
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, function);
    return opened(real(at, path, flags, mode), name, flags, was_there);
}

#define MODE                                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }

int open(const char *path, int flags, ...) { MODE return open_as("openat", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_as("openat64", AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return open_as("openat", at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return open_as("openat64", at, path, flags, mode); }

int close(int descriptor) {
    if (descriptor >= 0 && descriptor < MOST && names[descriptor]) {
        free(names[descriptor]);
        names[descriptor] = NULL;
    }
    return REAL(close)(descriptor);
}

static const char *name_of(int descriptor) {
    return descriptor >= 0 && descriptor < MOST ? names[descriptor] : NULL;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    const char *name = name_of(descriptor);
    uint64_t at = name ? (uint64_t)lseek(descriptor, 0, SEEK_CUR) : 0;
    ssize_t done = REAL(write)(descriptor, data, size);
    if (done > 0 && name) note('w', 0, at, name, NULL, data, done);
    if (done > 0 && descriptor == 1) note('m', 0, 0, NULL, NULL, data, done);
    return done;
}

static ssize_t at_place(int descriptor, const void *data, size_t size, off_t offset) {
    ssize_t done = REAL(pwrite64)(descriptor, data, size, offset);
    if (done > 0 && name_of(descriptor)) note('w', 0, offset, name_of(descriptor), NULL, data, done);
    return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return at_place(descriptor, data, size, offset);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t offset) {
    return at_place(descriptor, data, size, offset);
}

static int cut(int descriptor, off_t size) {
    int done = REAL(ftruncate64)(descriptor, size);
    if (!done && name_of(descriptor)) note('s', size, 0, name_of(descriptor), NULL, NULL, 0);
    return done;
}
int ftruncate(int descriptor, off_t size) { return cut(descriptor, size); }
int ftruncate64(int descriptor, off_t size) { return cut(descriptor, size); }

static void note_sync(int descriptor) {
    const char *name = name_of(descriptor);
    if (!name) return;
    note('y', 0, 0, name, NULL, NULL, 0);
    size_t length = strlen(name);
    if (length > 4 && !strcmp(name + length - 4, "-wal")) {
        static char memory[PATH_MAX], content[1 << 20];
        static int file = -1;
        static struct stat known;
        struct stat found;
        snprintf(memory, sizeof memory, "%.*s-shm", (int)(length - 4), name);
        if (stat(memory, &found)) return;
        if (file < 0 || found.st_ino != known.st_ino) { /* never closed: that would let go of SQLite's locks */
            file = REAL(openat)(AT_FDCWD, memory, O_RDONLY | O_CLOEXEC);
            known = found;
        }
        ssize_t size = REAL(pread)(file, content, sizeof content, 0);
        if (size > 0) note('k', 0, 0, memory, NULL, content, size);
    }
}

static int synced(int descriptor, int done) {
    int kept = errno;
    if (!done) note_sync(descriptor);
    errno = kept;
    return done;
}

int fsync(int descriptor) {
    return synced(descriptor, REAL(fsync)(descriptor));
}
int fdatasync(int descriptor) {
    return synced(descriptor, REAL(fdatasync)(descriptor));
}

static int moved(int done, char kind, int at, const char *from, int to_at, const char *to) {
    int kept = errno;
    char one[PATH_MAX], other[PATH_MAX];
    char *before = inside(at, from, one), *after = to ? inside(to_at, to, other) : NULL;
    if (!done && (before || after)) note(kind, 0, 0, before, after, NULL, 0);
    errno = kept;
    return done;
}

int rename(const char *from, const char *to) {
    return moved(REAL(rename)(from, to), 'r', AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int at, const char *from, int to_at, const char *to) {
    return moved(REAL(renameat)(at, from, to_at, to), 'r', at, from, to_at, to);
}
int link(const char *from, const char *to) {
    return moved(REAL(link)(from, to), 'l', AT_FDCWD, from, AT_FDCWD, to);
}
int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    return moved(REAL(linkat)(at, from, to_at, to, flags), 'l', at, from, to_at, to);
}
int unlink(const char *path) { return moved(REAL(unlink)(path), 'u', AT_FDCWD, path, 0, NULL); }
int unlinkat(int at, const char *path, int flags) {
    return moved(REAL(unlinkat)(at, path, flags), 'u', at, path, 0, NULL);
}
