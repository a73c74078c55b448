/*
 * What the programs in C share: saying lines, waiting for watchers, sessions, paths.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

enum { PATIENCE_MS = 30000, PATH_SIZE = 256 };

/* What the watcher threads tell the main thread. */
struct news {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	int fired;    /* watches since the last reset */
	int type;     /* of the last one */
	char path[PATH_SIZE];
};

struct session {
	zhandle_t *zh;
	struct news connected; /* fired counts the times the session was established */
};

static const char *root;

static inline void say(const char *line) { printf("%s\n", line); fflush(stdout); }

static inline void fail(const char *format, ...) {
	va_list args;
	va_start(args, format);
	printf("fail ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static inline long now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static inline void pause_ms(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&t, NULL);
}

/* again repeats call until the connection no longer gets lost under it; rc is the last result. */
#define again(rc, call)                                                                        \
	do {                                                                                   \
		long deadline = now_ms() + PATIENCE_MS;                                        \
		while (((rc) = (call)) == ZCONNECTIONLOSS || (rc) == ZOPERATIONTIMEOUT) {      \
			if (now_ms() > deadline) break;                                        \
			pause_ms(50);                                                          \
		}                                                                              \
	} while (0)

static inline void want(int rc, int expected, const char *what) {
	if (rc != expected) fail("%s: %s, expected %s", what, zerror(rc), zerror(expected));
}

static inline void news_init(struct news *n) {
	memset(n, 0, sizeof *n);
	pthread_mutex_init(&n->mu, NULL);
	pthread_cond_init(&n->changed, NULL);
}

static inline void news_tell(struct news *n, int type, const char *path) {
	pthread_mutex_lock(&n->mu);
	n->fired++;
	n->type = type;
	snprintf(n->path, sizeof n->path, "%s", path);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->mu);
}

/* news_wait waits until something fired and takes it; 0 when ms passed first. */
static inline int news_wait(struct news *n, long ms) {
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) { until.tv_sec++; until.tv_nsec -= 1000000000L; }
	pthread_mutex_lock(&n->mu);
	while (n->fired == 0 && pthread_cond_timedwait(&n->changed, &n->mu, &until) == 0) {}
	int fired = n->fired;
	n->fired = 0;
	pthread_mutex_unlock(&n->mu);
	return fired;
}

static inline void on_session(zhandle_t *zh, int type, int state, const char *path, void *ctx) {
	(void)zh;
	if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) news_tell(ctx, type, path);
}

static inline void on_watch(zhandle_t *zh, int type, int state, const char *path, void *ctx) {
	(void)zh;
	(void)state;
	if (type != ZOO_SESSION_EVENT) news_tell(ctx, type, path);
}

static inline void open_session(struct session *s, const char *hosts, int timeout_ms) {
	news_init(&s->connected);
	s->zh = zookeeper_init(hosts, on_session, timeout_ms, NULL, &s->connected, 0);
	if (s->zh == NULL) fail("zookeeper_init");
	if (!news_wait(&s->connected, PATIENCE_MS)) fail("not connected");
}

/* under writes root/name into buf. */
static inline const char *under(char *buf, const char *name) {
	snprintf(buf, PATH_SIZE, "%s/%s", root, name);
	return buf;
}

static inline void expect_event(struct news *n, int type, const char *path) {
	if (!news_wait(n, PATIENCE_MS)) fail("watch on %s did not fire", path);
	if (n->type != type || strcmp(n->path, path) != 0) fail("event %d on %s", n->type, n->path);
}
