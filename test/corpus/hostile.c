/*
 * What a hostile container does that a shell cannot do. The lab's corpus image has it as /bin/hostile.
 *
 *   deep LEVELS LENGTH       directories of LENGTH times `d`, one in the other, with a file `leaf` in the innermost one
 *   many COUNT PREFIX        COUNT files PREFIX000000.. that hold their own name
 *   link-to LENGTH NAME      a symlink whose target has LENGTH bytes
 *   socket NAME              a listening unix socket; the process goes on
 *   time NAME SECONDS        sets access and modification time, before 1970 as well
 *   xattr NAME KEY HEX       sets an extended attribute
 *   as UID PROGRAM           runs PROGRAM as another user
 *   memfd PROGRAM            runs a copy of PROGRAM that is in memory alone
 *   churn HOW NAME [NAME]    never holds still: see churns[]
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

static int opened(int folder, const char *name, int flags) {
  int fd = openat(folder, name, flags, 0644);
  if (fd < 0) err(1, "%s", name);
  return fd;
}

static void put(int fd, const void *bytes, size_t length) {
  if (write(fd, bytes, length) != (ssize_t)length) err(1, "write");
}

static void deep(char **args) {
  int folder = opened(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
  char name[256] = {0};
  memset(name, 'd', (size_t)atoi(args[1]));
  for (int level = atoi(args[0]); level > 0; level--) {
    if (mkdirat(folder, name, 0755)) err(1, "mkdir");
    int next = opened(folder, name, O_RDONLY | O_DIRECTORY);
    close(folder);
    folder = next;
  }
  put(opened(folder, "leaf", O_CREAT | O_WRONLY), "leaf\n", 5);
}

static void many(char **args) {
  char name[300];
  for (int number = 0; number < atoi(args[0]); number++) {
    int length = snprintf(name, sizeof name, "%s%06d", args[1], number);
    int fd = opened(AT_FDCWD, name, O_CREAT | O_WRONLY);
    put(fd, name, (size_t)length);
    close(fd);
  }
}

static void link_to(char **args) {
  size_t length = (size_t)atoi(args[0]);
  char *target = calloc(1, length + 1);
  memset(target, 't', length);
  if (symlink(target, args[1])) err(1, "symlink");
}

static void unix_socket(char **args) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, args[0], sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1)) err(1, "bind");
  for (;;) pause();
}

static void set_time(char **args) {
  struct timespec times[2] = {{.tv_sec = atoll(args[1])}, {.tv_sec = atoll(args[1])}};
  if (utimensat(AT_FDCWD, args[0], times, AT_SYMLINK_NOFOLLOW)) err(1, "utimensat");
}

static void set_xattr(char **args) {
  unsigned char value[256];
  size_t length = strlen(args[2]) / 2;
  for (size_t at = 0; at < length && at < sizeof value; at++) sscanf(args[2] + at * 2, "%2hhx", &value[at]);
  if (lsetxattr(args[0], args[1], value, length, 0)) err(1, "%s %s", args[0], args[1]);
}

static void memfd(char **args) {
  int from = opened(AT_FDCWD, args[0], O_RDONLY), to = memfd_create("kworker", 0);
  struct stat size;
  if (to < 0 || fstat(from, &size) || sendfile(to, from, NULL, (size_t)size.st_size) != size.st_size) err(1, "memfd");
  char *argv[] = {"[kworker/0:1]", NULL}, *environment[] = {"WALLET=44AFFq5kSiGBoZ", NULL};
  fexecve(to, argv, environment);
  err(1, "fexecve");
}

static void as(char **args) {
  if (setuid((uid_t)atoi(args[0]))) err(1, "setuid");
  execv(args[1], args + 1);
  err(1, "%s", args[1]);
}

static void grow(char **names) {
  static char block[4096];
  memset(block, 'g', sizeof block);
  int fd = opened(AT_FDCWD, names[0], O_CREAT | O_WRONLY | O_APPEND);
  put(fd, block, sizeof block);
  if (lseek(fd, 0, SEEK_CUR) > 32 * MIB) err(1, "grow: nobody has stopped it");
  close(fd);
}

static void shrink(char **names) {
  static char block[2 * MIB];
  memset(block, 's', sizeof block);
  int fd = opened(AT_FDCWD, names[0], O_CREAT | O_WRONLY);
  if (pwrite(fd, block, sizeof block, 0) < 0) err(1, "pwrite");
  usleep(1000);
  for (int size = 2 * MIB; size >= 0; size -= 64 * 1024) ftruncate(fd, size);
  close(fd);
}

static void replace(char **names) {
  static char letter = 'a';
  int fd = opened(AT_FDCWD, names[1], O_CREAT | O_WRONLY | O_TRUNC);
  for (int count = 0; count < 1000; count++) put(fd, &letter, 1);
  close(fd);
  letter = letter == 'z' ? 'a' : letter + 1;
  rename(names[1], names[0]);
}

static void rewrite(char **names) {
  static char letter = 'a';
  static char block[MIB];
  int fd = opened(AT_FDCWD, names[0], O_CREAT | O_WRONLY);
  struct timespec old[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
  memset(block, letter, sizeof block);
  put(fd, block, sizeof block);
  futimens(fd, old);
  close(fd);
  letter = letter == 'z' ? 'a' : letter + 1;
}

static void mapped(char **names) {
  static char *page, letter = 'A';
  if (page == NULL) {
    int fd = opened(AT_FDCWD, names[0], O_CREAT | O_RDWR);
    if (ftruncate(fd, MIB)) err(1, "ftruncate");
    page = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) err(1, "mmap");
  }
  memset(page, letter, MIB);
  letter = letter == 'A' ? 'B' : 'A';
}

/* The directory NAME is a symlink to the second one for half of the time. */
static void swap(char **names) {
  char aside[300];
  snprintf(aside, sizeof aside, "%s.aside", names[0]);
  rename(names[0], aside);
  symlink(names[1], names[0]);
  unlink(names[0]);
  rename(aside, names[0]);
}

static void vanish(char **names) {
  close(opened(AT_FDCWD, names[0], O_CREAT | O_WRONLY));
  unlink(names[0]);
}

/* A file that is a FIFO for half of the time: who opens it to read then waits for ever. */
static void fifo(char **names) {
  static const useconds_t half = 500;
  int fd = opened(AT_FDCWD, names[1], O_CREAT | O_WRONLY | O_TRUNC);
  put(fd, "a file\n", 7);
  close(fd);
  rename(names[1], names[0]);
  usleep(half);
  mkfifo(names[1], 0644);
  rename(names[1], names[0]);
}

/* Holds a write lease (fcntl(2), F_SETLEASE) on the file NAME that says the second one: who opens it to read waits until the holder gives
   way, which is here as soon as this is called again, or until the kernel breaks the lease; who will not wait is refused. */
static void lease(char **names) {
  static int fd = -1;
  if (fd < 0) {
    fd = opened(AT_FDCWD, names[0], O_CREAT | O_RDWR);
    put(fd, names[1], strlen(names[1]));
    signal(SIGIO, SIG_IGN);
  }
  if (fcntl(fd, F_GETLEASE) == F_WRLCK) return;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  fcntl(fd, F_SETLEASE, F_WRLCK);
}

static const struct {
  const char *name;
  void (*once)(char **names);
  useconds_t rest;
} churns[] = {
    {"grow", grow, 5000}, {"shrink", shrink, 2000}, {"replace", replace, 1000}, {"rewrite", rewrite, 5000},
    {"mmap", mapped, 5000}, {"swap", swap, 100}, {"vanish", vanish, 500}, {"fifo", fifo, 500},
    {"lease", lease, 3600000000}, {"lease-again", lease, 200},
};

static void churn(char **args) {
  for (size_t at = 0; at < sizeof churns / sizeof *churns; at++) {
    while (strcmp(args[0], churns[at].name) == 0) {
      churns[at].once(args + 1);
      usleep(churns[at].rest);
    }
  }
  errx(2, "churn %s is not known", args[0]);
}

static const struct {
  const char *name;
  void (*run)(char **args);
  int arguments;
} acts[] = {
    {"deep", deep, 2}, {"many", many, 2}, {"link-to", link_to, 2}, {"socket", unix_socket, 1},
    {"time", set_time, 2}, {"xattr", set_xattr, 3}, {"memfd", memfd, 1}, {"as", as, 2}, {"churn", churn, 2},
};

int main(int count, char **args) {
  for (size_t at = 0; count > 1 && at < sizeof acts / sizeof *acts; at++) {
    if (strcmp(args[1], acts[at].name) != 0 || count - 2 < acts[at].arguments) continue;
    acts[at].run(args + 2);
    return 0;
  }
  errx(2, "usage: see the head of hostile.c");
}
