/* What a loss of power could not take, noted while the shop runs: of each file how far it was synced, of each folder what
 * it held when it was synced. Preloaded by power.rs, which takes the rest away. Notes are lines:
 *   F <inode> <bytes written> <length>
 *   D <inode>, then of each entry: E <inode of the folder> <inode> <name>
 * Files of a synced folder get a second name in a folder apart, so that what is unlinked or replaced can come back. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

/* Where written bytes end. A file may have been given a length before it has bytes: behind them is a hole, and the rest of
 * their last page is zeros. */
static off_t written(const char *path, off_t length) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    off_t end = lseek(file, 0, SEEK_HOLE);
    if (end < 0 || end > length) end = length;
    off_t from = end > PAGE ? end - PAGE : 0;
    char page[PAGE];
    ssize_t count = pread(file, page, end - from, from);
    while (count > 0 && page[count - 1] == 0) count--;
    close(file);
    return from + (count > 0 ? count : 0);
}

static size_t describe(int fd, const char *path, const struct stat *seen, char *note, size_t room) {
    if (S_ISREG(seen->st_mode)) {
        off_t end = written(path, seen->st_size);
        return snprintf(note, room, "F %lu %ld %ld\n", seen->st_ino, (long)end, (long)seen->st_size);
    }
    size_t length = snprintf(note, room, "D %lu\n", seen->st_ino);
    DIR *folder = opendir(path);
    struct dirent *entry;
    char from[PAGE], to[PAGE];
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.') continue;
        length += snprintf(note + length, room - length, "E %lu %lu %s\n", seen->st_ino, entry->d_ino, entry->d_name);
        snprintf(from, sizeof from, "%s/%s", path, entry->d_name);
        snprintf(to, sizeof to, "%s/%lu", getenv("POWER_KEPT"), entry->d_ino);
        if (entry->d_type == DT_REG) link(from, to);
    }
    if (folder) closedir(folder);
    return length;
}

static int synced(long call, int fd) {
    char link[64], path[PAGE];
    static __thread char note[1 << 20];
    const char *root = getenv("POWER_ROOT"), *notes = getenv("POWER_NOTES");
    size_t length = 0;
    struct stat seen;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t end = readlink(link, path, sizeof path - 1);
    if (root && notes && end > 0 && fstat(fd, &seen) == 0) {
        path[end] = 0;
        /* Before the call: what is written during it may not be covered. */
        if (strncmp(path, root, strlen(root)) == 0) length = describe(fd, path, &seen, note, sizeof note);
    }
    int result = syscall(call, fd);
    if (result == 0 && length > 0) {
        int file = open(notes, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (file < 0 || write(file, note, length) != (ssize_t)length) abort();
        close(file);
    }
    return result;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }
