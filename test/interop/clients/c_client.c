/*
 * One client's story with ZooKeeper's C client, multi-threaded library, synchronous calls.
 * PROTOCOL.md says what each printed line means.
 *
 *   gcc -DTHREADED -o c_client c_client.c -lzookeeper_mt -lpthread
 */
#include "c_story.h"

static void create_and_read(zhandle_t *a) {
	char p[PATH_SIZE], made[PATH_SIZE], data[64];
	int len = sizeof data;
	struct Stat st;
	struct String_vector names;
	want(zoo_create(a, root, "root", 4, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK, "create root");
	want(zoo_create(a, under(p, "node"), "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK, "create node");
	want(zoo_create(a, under(p, "seq-"), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, made, sizeof made), ZOK, "create seq-");
	if (strcmp(made, under(p, "seq-0000000001")) != 0) fail("sequential name %s", made);
	want(zoo_create(a, under(p, "ephemeral"), "mine", 4, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0), ZOK, "create ephemeral");
	say("created");

	want(zoo_get(a, under(p, "node"), 0, data, &len, &st), ZOK, "get node");
	if (len != 3 || memcmp(data, "one", 3) != 0 || st.version != 0) fail("first read");
	want(zoo_exists(a, under(p, "ephemeral"), 0, &st), ZOK, "exists ephemeral");
	if (st.ephemeralOwner != zoo_client_id(a)->client_id) fail("owner of the ephemeral node");
	want(zoo_exists(a, under(p, "nothing"), 0, &st), ZNONODE, "exists on a missing node");
	want(zoo_get_children(a, root, 0, &names), ZOK, "children");
	if (names.count != 3) fail("%d children", names.count);
	deallocate_String_vector(&names);
	want(zoo_set2(a, under(p, "node"), "two", 3, 0, &st), ZOK, "set");
	if (st.version != 1) fail("version after set %d", st.version);
	want(zoo_set(a, under(p, "node"), "three", 5, 0), ZBADVERSION, "set with a stale version");
	say("read");
}

static void watch(zhandle_t *a, zhandle_t *b) {
	char p[PATH_SIZE], data[64];
	int len = sizeof data;
	struct news n;
	struct String_vector names;
	news_init(&n);
	want(zoo_wget(a, under(p, "node"), on_watch, &n, data, &len, NULL), ZOK, "get with watch");
	want(zoo_set(b, p, "seen", 4, -1), ZOK, "set by B");
	expect_event(&n, ZOO_CHANGED_EVENT, p);
	want(zoo_wget_children(a, root, on_watch, &n, &names), ZOK, "children with watch");
	deallocate_String_vector(&names);
	want(zoo_create(b, under(p, "child"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK, "create by B");
	expect_event(&n, ZOO_CHILD_EVENT, root);
	say("watched");
}

/*
 * acquire is ZooKeeper's lock recipe: the owner is the smallest of the ephemeral sequential children.
 * It waits up to ms; 0 leaves no trace. mine receives the path of the lock node.
 */
static int acquire(zhandle_t *zh, char *mine, long ms) {
	char dir[PATH_SIZE], p[2 * PATH_SIZE];
	long until = now_ms() + ms;
	int rc;
	under(dir, "lock");
	snprintf(p, sizeof p, "%s/lock-", dir);
	again(rc, zoo_create(zh, p, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL | ZOO_SEQUENCE, mine, PATH_SIZE));
	want(rc, ZOK, "create lock node");
	for (;;) {
		struct String_vector names;
		struct Stat st;
		struct news *n = malloc(sizeof *n); /* a late event may still tell it: never freed */
		const char *before = NULL, *me = mine + strlen(dir) + 1;
		again(rc, zoo_get_children(zh, dir, 0, &names));
		want(rc, ZOK, "children of the lock");
		for (int i = 0; i < names.count; i++) {
			if (strcmp(names.data[i], me) < 0 && (before == NULL || strcmp(names.data[i], before) > 0)) before = names.data[i];
		}
		if (before == NULL) {
			deallocate_String_vector(&names);
			return 1;
		}
		news_init(n);
		snprintf(p, sizeof p, "%s/%s", dir, before);
		deallocate_String_vector(&names);
		again(rc, zoo_wexists(zh, p, on_watch, n, &st));
		if (rc == ZNONODE) continue;
		want(rc, ZOK, "exists of the node before");
		long left = until - now_ms();
		if (!news_wait(n, left > 0 ? left : 0)) {
			again(rc, zoo_delete(zh, mine, -1));
			return 0;
		}
	}
}

static void release(zhandle_t *zh, const char *mine) {
	int rc;
	again(rc, zoo_delete(zh, mine, -1));
	if (rc != ZNONODE) want(rc, ZOK, "delete lock node"); /* a lost answer may have been a success */
}

static void after_the_kill(zhandle_t *a, zhandle_t *b, int64_t id, struct news *n, const char *lock_b) {
	char p[PATH_SIZE], lock_a[PATH_SIZE], data[64];
	int len = sizeof data, rc;
	struct Stat st;
	again(rc, (len = sizeof data, zoo_get(a, under(p, "node"), 0, data, &len, NULL)));
	want(rc, ZOK, "get after the server's death");
	if (len != 4 || memcmp(data, "seen", 4) != 0) fail("data after the server's death");
	if (zoo_client_id(a)->client_id != id) fail("another session 0x%" PRIx64, zoo_client_id(a)->client_id);
	again(rc, zoo_exists(a, under(p, "ephemeral"), 0, &st));
	want(rc, ZOK, "ephemeral node");
	if (st.ephemeralOwner != id) fail("owner of the ephemeral node");
	say("survived");

	again(rc, zoo_set(b, under(p, "node"), "after", 5, -1));
	want(rc, ZOK, "set by B");
	expect_event(n, ZOO_CHANGED_EVENT, p);
	say("rewatched");

	if (acquire(a, lock_a, 300)) fail("A locked while B held it");
	release(b, lock_b);
	if (!acquire(a, lock_a, PATIENCE_MS)) fail("A could not lock after B let go");
	say("relocked");
}

int main(int argc, char **argv) {
	static struct session a, b;
	static struct news n;
	char p[PATH_SIZE], line[16], data[64], lock_a[PATH_SIZE], lock_b[PATH_SIZE];
	int len = sizeof data;
	if (argc != 4) fail("usage: c_client connect-string root timeout-ms");
	root = argv[2];
	zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
	open_session(&a, argv[1], atoi(argv[3]));
	open_session(&b, argv[1], atoi(argv[3]));
	int64_t id = zoo_client_id(a.zh)->client_id;
	printf("connected 0x%" PRIx64 "\n", id);
	fflush(stdout);
	create_and_read(a.zh);
	watch(a.zh, b.zh);

	want(zoo_create(a.zh, under(p, "lock"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK, "create lock");
	if (!acquire(a.zh, lock_a, PATIENCE_MS)) fail("A could not lock");
	if (acquire(b.zh, lock_b, 300)) fail("B locked while A held it");
	release(a.zh, lock_a);
	if (!acquire(b.zh, lock_b, PATIENCE_MS)) fail("B could not lock after A let go");
	say("locked");

	news_init(&n);
	want(zoo_wget(a.zh, under(p, "node"), on_watch, &n, data, &len, NULL), ZOK, "get with watch");
	say("ready");
	if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "go\n") != 0) fail("expected the line go");
	after_the_kill(a.zh, b.zh, id, &n, lock_b);
	zookeeper_close(a.zh);
	zookeeper_close(b.zh);
	say("ok");
	return 0;
}
