/* Many subscribers of Server-Sent Events on one port of this machine: how late is each event?

   subscribers PORT PATH COUNT SECONDS WARMUP_SECONDS
   Events carry "t":NANOSECONDS of CLOCK_MONOTONIC. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TAIL 64
struct one { int fd; int kept; int events; char tail[TAIL]; };
static uint32_t *late; /* microseconds */
static size_t heard, room;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void look(struct one *s, char *text, int size, int64_t at, int64_t from, int64_t until) {
  char *p = text, *end = text + size, *next;
  while ((next = memmem(p, end - p, "\"t\":", 4))) {
    char *number = next + 4, *q = number;
    while (q < end && *q >= '0' && *q <= '9') q++;
    if (q == end) break; /* the rest comes with the next read */
    int64_t sent = strtoll(number, NULL, 10);
    if (sent >= from && sent < until && heard < room) {
      late[heard++] = (uint32_t)((at - sent) / 1000);
      s->events++;
    }
    p = q;
  }
  int left = next ? (int)(end - next) : (int)(end - p);
  if (left > TAIL) left = next ? TAIL : 3;
  if (!next && left > 3) left = 3;
  memcpy(s->tail, end - left, left);
  s->kept = left;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int port = atoi(argv[1]), count = atoi(argv[3]);
  double seconds = atof(argv[4]), warmup = atof(argv[5]);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  room = (size_t)count * (size_t)(seconds + 5) * 20;
  late = malloc(room * sizeof *late);
  struct one *all = calloc(count, sizeof *all);
  int poll = epoll_create1(0);
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n",
                        argv[2], port);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
  for (int i = 0; i < count; i++) {
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(all[i].fd, (struct sockaddr *)&there, sizeof there)) { perror("connect"); return 1; }
    if (write(all[i].fd, request, length) != length) { perror("write"); return 1; }
    fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &e);
  }
  static char buffer[TAIL + 262144];
  struct epoll_event ready[512];
  int lost = 0;
  int64_t from = now() + (int64_t)(warmup * 1e9), until = from + (int64_t)(seconds * 1e9);
  fprintf(stderr, "connected\n");
  /* What was sent before the end may still come for two seconds. */
  while (now() < until + 2000000000LL) {
    int n = epoll_wait(poll, ready, 512, 100);
    for (int i = 0; i < n; i++) {
      struct one *s = ready[i].data.ptr;
      memcpy(buffer, s->tail, s->kept);
      ssize_t got = read(s->fd, buffer + s->kept, 262144);
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        lost++;
        epoll_ctl(poll, EPOLL_CTL_DEL, s->fd, NULL);
        continue;
      }
      int64_t at = now();
      look(s, buffer, s->kept + (int)got, at, from, until);
    }
  }
  qsort(late, heard, sizeof *late, by_size);
  int fewest = all[0].events, most = all[0].events;
  for (int i = 1; i < count; i++) {
    if (all[i].events < fewest) fewest = all[i].events;
    if (all[i].events > most) most = all[i].events;
  }
  printf("{\"fewest\": %d, \"most\": %d, \"lost\": %d, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n", fewest, most,
         lost, heard ? late[heard / 2] / 1e3 : 0, heard ? late[heard * 99 / 100] / 1e3 : 0,
         heard ? late[heard - 1] / 1e3 : 0);
  return 0;
}
