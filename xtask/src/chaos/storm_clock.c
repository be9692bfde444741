/* The wall clock as a storm has it: as many seconds away as the file says, as long as there is one. Preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long away(void) {
  const char *file = getenv("ORCH_STORM_CLOCK");
  char text[32];
  int before = errno;
  int opened = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
  ssize_t length = opened < 0 ? -1 : read(opened, text, sizeof text - 1);
  if (opened >= 0) close(opened);
  errno = before;
  if (length <= 0) return 0;
  text[length] = 0;
  return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int answer = real(clock, at);
  if (answer == 0 && clock == CLOCK_REALTIME) at->tv_sec += away();
  return answer;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  int answer = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return answer;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
