/*
 * One client's story with the rest of ZooKeeper's C client: calls that c_client.c does not make.
 * PROTOCOL.md says what each printed line means.
 *
 *   gcc -DTHREADED -o c_calls c_calls.c -lzookeeper_mt -lpthread
 */
#include "c_story.h"

static const struct ACL_vector *open_acl = &ZOO_OPEN_ACL_UNSAFE;

static void told(int rc, const void *data) {
	news_tell((struct news *)data, rc, "");
}

static void synced(int rc, const char *value, const void *data) {
	(void)value;
	told(rc, data);
}

/* catch_up waits until zh's server has everything that was answered before. */
static void catch_up(zhandle_t *zh) {
	struct news n;
	news_init(&n);
	want(zoo_async(zh, root, synced, &n), ZOK, "sync");
	if (!news_wait(&n, PATIENCE_MS) || n.type != ZOK) fail("sync: %s", zerror(n.type));
}

/* gone waits until nothing is at path. */
static void gone(zhandle_t *zh, const char *path) {
	long deadline = now_ms() + PATIENCE_MS;
	int rc;
	while ((rc = zoo_exists(zh, path, 0, NULL)) == ZOK) {
		if (now_ms() > deadline) fail("%s does not go", path);
		pause_ms(20);
	}
	want(rc, ZNONODE, path);
}

static void create_types(zhandle_t *a) {
	char p[PATH_SIZE], made[PATH_SIZE];
	struct Stat st;
	want(zoo_create2(a, root, "root", 4, open_acl, 0, made, sizeof made, &st), ZOK, "create2 root");
	if (strcmp(made, root) != 0 || st.dataLength != 4 || st.czxid != st.mzxid || st.version != 0) fail("create2 made %s", made);
	want(zoo_create2(a, under(p, "seq-"), NULL, -1, open_acl, ZOO_PERSISTENT_SEQUENTIAL, made, sizeof made, &st), ZOK, "create2 seq-");
	if (strcmp(made, under(p, "seq-0000000000")) != 0 || st.dataLength != 0) fail("create2 made %s", made);
	want(zoo_create2(a, under(p, "mine"), "", 0, open_acl, ZOO_EPHEMERAL, made, sizeof made, &st), ZOK, "create2 ephemeral");
	if (st.ephemeralOwner != zoo_client_id(a)->client_id) fail("owner of the ephemeral node");

	want(zoo_create2_ttl(a, under(p, "short"), "lived", 5, open_acl, ZOO_PERSISTENT_WITH_TTL, 500, made, sizeof made, &st), ZOK, "create2_ttl");
	if (st.ephemeralOwner != 0) fail("a node with a time to live has an owner");
	want(zoo_create2_ttl(a, under(p, "short-"), "", 0, open_acl, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 500, made, sizeof made, &st), ZOK, "create2_ttl seq");
	if (strcmp(made, under(p, "short-0000000003")) != 0) fail("create2_ttl made %s", made);
	want(zoo_create2_ttl(a, under(p, "late"), "", 0, open_acl, ZOO_PERSISTENT, 500, made, sizeof made, &st), ZBADARGUMENTS, "a time to live without its mode");
	want(zoo_create(a, under(p, "box"), "", 0, open_acl, ZOO_CONTAINER, NULL, 0), ZOK, "create container");
	want(zoo_create(a, under(p, "box/child"), "", 0, open_acl, 0, NULL, 0), ZOK, "create in the container");
	gone(a, under(p, "short"));
	gone(a, under(p, "short-0000000003"));
	want(zoo_delete(a, under(p, "box/child"), 0), ZOK, "delete in the container");
	gone(a, under(p, "box"));
	say("created");
}

static void transact(zhandle_t *a) {
	char p[PATH_SIZE], p2[PATH_SIZE], made[PATH_SIZE], data[16];
	int len = sizeof data;
	struct Stat st;
	zoo_op_t ops[4];
	zoo_op_result_t results[4];
	under(p, "multi"), under(p2, "multi/seq-");
	zoo_create_op_init(&ops[0], p, "one", 3, open_acl, 0, NULL, 0);
	zoo_create_op_init(&ops[1], p2, "two", 3, open_acl, ZOO_SEQUENCE, made, sizeof made);
	zoo_check_op_init(&ops[2], p, 0);
	zoo_set_op_init(&ops[3], p, "three", 5, 0, &st);
	want(zoo_multi(a, 4, ops, results), ZOK, "multi");
	if (strcmp(made, under(p2, "multi/seq-0000000000")) != 0 || st.version != 1) fail("multi made %s, version %d", made, st.version);

	zoo_set_op_init(&ops[0], p, "never", 5, 1, &st);
	zoo_delete_op_init(&ops[1], p2, 0);
	zoo_check_op_init(&ops[2], p, 1); /* the set before has made it 2 */
	zoo_delete_op_init(&ops[3], p, -1);
	want(zoo_multi(a, 4, ops, results), ZBADVERSION, "multi with a stale version");
	int errs[] = {ZOK, ZOK, ZBADVERSION, ZRUNTIMEINCONSISTENCY};
	for (int i = 0; i < 4; i++) want(results[i].err, errs[i], "result of a refused multi");
	want(zoo_get(a, p, 0, data, &len, &st), ZOK, "get after the refused multi");
	if (len != 5 || memcmp(data, "three", 5) != 0) fail("a refused multi has left data");
	want(zoo_exists(a, p2, 0, NULL), ZOK, "exists after the refused multi");
	say("transacted");
}

static void authenticate(zhandle_t *zh) {
	struct news n;
	news_init(&n);
	want(zoo_add_auth(zh, "digest", "ann:secret", 10, told, &n), ZOK, "add_auth");
	if (!news_wait(&n, PATIENCE_MS) || n.type != ZOK) fail("add_auth: %s", zerror(n.type));
}

static void guard(zhandle_t *a, zhandle_t *b) {
	char p[PATH_SIZE], data[16];
	int len = sizeof data;
	struct Stat st;
	struct ACL_vector found;
	struct ACL both[] = {{ZOO_PERM_READ | ZOO_PERM_WRITE, {"ip", "127.0.0.0/8"}}, {ZOO_PERM_ADMIN, ZOO_AUTH_IDS}};
	struct ACL_vector guarded = {2, both};
	authenticate(a);
	want(zoo_create(a, under(p, "guarded"), "mine", 4, &guarded, 0, NULL, 0), ZOK, "create guarded");
	catch_up(b);
	want(zoo_get_acl(b, p, &found, &st), ZOK, "get_acl");
	if (found.count != 2 || found.data[0].perms != 3 || strcmp(found.data[0].id.id, "127.0.0.0/8") != 0 ||
	    strcmp(found.data[1].id.scheme, "digest") != 0 || strncmp(found.data[1].id.id, "ann:", 4) != 0) fail("acl");
	deallocate_ACL_vector(&found);
	want(zoo_get(b, p, 0, data, &len, NULL), ZOK, "get by address");
	want(zoo_set(b, p, "ours", 4, 0), ZOK, "set by address");
	want(zoo_create(b, under(p, "guarded/child"), "", 0, open_acl, 0, NULL, 0), ZNOAUTH, "create without permission");
	want(zoo_set_acl(b, under(p, "guarded"), 0, open_acl), ZNOAUTH, "set_acl without permission");
	authenticate(b);
	want(zoo_set_acl(b, p, 7, &ZOO_READ_ACL_UNSAFE), ZBADVERSION, "set_acl with a stale version");
	want(zoo_set_acl(b, p, 0, &ZOO_READ_ACL_UNSAFE), ZOK, "set_acl");
	struct ACL bad[] = {{ZOO_PERM_ALL, {"ip", "somewhere"}}};
	struct ACL_vector invalid = {1, bad};
	want(zoo_create(a, under(p, "invalid"), "", 0, &invalid, 0, NULL, 0), ZINVALIDACL, "create with an invalid acl");
	say("guarded");
}

static void configure(zhandle_t *a) {
	char config[4096];
	int len = sizeof config - 1;
	struct Stat st;
	want(zoo_getconfig(a, 0, config, &len, &st), ZOK, "getconfig");
	config[len] = 0;
	for (int id = 1; id <= 3; id++) {
		char server[32];
		snprintf(server, sizeof server, "server.%d=127.0.0.1:", id);
		if (strstr(config, server) == NULL) fail("no %s in the configuration", server);
	}
	if (strstr(config, "version=") == NULL || strstr(config, ":participant;127.0.0.1:") == NULL) fail("configuration %s", config);
	say("configured");
}

/* A burst of asynchronous calls must be answered in its order. */
enum { BURST = 200 };

struct burst {
	struct news done;
	int next; /* the index that the next completion must have */
	int disorder, errors;
};

struct call { struct burst *b; int index; };

static void completed(const struct call *c, int rc) {
	if (c->index != c->b->next++) c->b->disorder++;
	if (rc != ZOK) c->b->errors++;
	if (c->b->next == 2 * BURST + 1) news_tell(&c->b->done, rc, "");
}

static void made(int rc, const char *value, const void *data) { (void)value; completed(data, rc); }

static void got(int rc, const char *value, int len, const struct Stat *st, const void *data) {
	(void)value;
	(void)st;
	completed(data, rc == ZOK && len != 4 ? ZSYSTEMERROR : rc);
}

static void burst(zhandle_t *a, const char *prefix) {
	static struct call calls[2 * BURST + 1];
	struct burst b;
	char p[PATH_SIZE], name[64];
	memset(&b, 0, sizeof b);
	news_init(&b.done);
	for (int i = 0; i <= 2 * BURST; i++) calls[i] = (struct call){&b, i};
	for (int i = 0; i < BURST; i++) {
		snprintf(name, sizeof name, "%s%d", prefix, i);
		want(zoo_acreate(a, under(p, name), "four", 4, open_acl, 0, made, &calls[2 * i]), ZOK, "acreate");
		want(zoo_aget(a, p, 0, got, &calls[2 * i + 1]), ZOK, "aget");
	}
	want(zoo_async(a, root, made, &calls[2 * BURST]), ZOK, "async");
	if (!news_wait(&b.done, PATIENCE_MS)) fail("%d of %d calls answered", b.next, 2 * BURST + 1);
	if (b.disorder || b.errors) fail("%d answers out of order, %d errors", b.disorder, b.errors);
}

/* Two watches, of which one is removed: only the other may fire. Then all of a kind are. */
static void unwatch(zhandle_t *a, zhandle_t *b) {
	char p[PATH_SIZE], data[16];
	int len = sizeof data;
	static struct news kept, removed, children; /* late events may still tell them */
	struct String_vector names;
	news_init(&kept), news_init(&removed), news_init(&children);
	want(zoo_create(a, under(p, "watched"), "", 0, open_acl, 0, NULL, 0), ZOK, "create watched");
	want(zoo_remove_watches(a, p, ZWATCHTYPE_DATA, on_watch, &removed, 0), ZNOWATCHER, "remove a watch that is not there");
	want(zoo_wget(a, p, on_watch, &kept, data, &len, NULL), ZOK, "wget");
	want(zoo_wexists(a, p, on_watch, &removed, NULL), ZOK, "wexists");
	want(zoo_wget_children(a, p, on_watch, &children, &names), ZOK, "wget_children");
	deallocate_String_vector(&names);
	want(zoo_remove_watches(a, p, ZWATCHTYPE_DATA, on_watch, &removed, 0), ZOK, "remove one watch");
	want(zoo_remove_all_watches(a, p, ZWATCHTYPE_CHILD, 0), ZOK, "remove the children's watches");
	want(zoo_set(b, p, "", 0, -1), ZOK, "set by B");
	want(zoo_create(b, under(p, "watched/child"), "", 0, open_acl, 0, NULL, 0), ZOK, "create by B");
	expect_event(&kept, ZOO_CHANGED_EVENT, under(p, "watched"));
	want(zoo_get(a, p, 0, data, &len, NULL), ZOK, "get"); /* an event would have come before the answer */
	if (removed.fired && removed.type == ZOO_CHANGED_EVENT) fail("a removed watch fired");
	if (children.fired && children.type == ZOO_CHILD_EVENT) fail("a removed children's watch fired");
	say("unwatched");
}

static void after_the_kill(zhandle_t *a, zhandle_t *b, int64_t id, struct news *exists) {
	char p[PATH_SIZE];
	int rc;
	struct Stat st;
	again(rc, zoo_exists(a, under(p, "mine"), 0, &st));
	want(rc, ZOK, "exists after the server's death");
	if (zoo_client_id(a)->client_id != id || st.ephemeralOwner != id) fail("another session 0x%" PRIx64, zoo_client_id(a)->client_id);
	again(rc, zoo_exists(b, p, 0, &st));
	want(rc, ZOK, "exists by B");
	say("survived");

	want(zoo_create(b, under(p, "awaited"), "", 0, open_acl, 0, NULL, 0), ZOK, "create by B");
	expect_event(exists, ZOO_CREATED_EVENT, p);
	say("rewatched");

	/* The authentication is sent again with the new connection. */
	want(zoo_set_acl(a, under(p, "guarded"), 1, open_acl), ZNOAUTH, "set_acl without the right to");
	want(zoo_set(a, p, "mine", 4, -1), ZNOAUTH, "set after set_acl"); /* right after, Java may still take it */
	struct ACL ann[] = {{ZOO_PERM_ALL, ZOO_AUTH_IDS}};
	struct ACL_vector creator = {1, ann};
	want(zoo_create(a, under(p, "ours"), "", 0, &creator, 0, NULL, 0), ZOK, "create with the authentication");
	burst(a, "after");
	say("burst");
}

int main(int argc, char **argv) {
	static struct session a, b;
	static struct news exists;
	char p[PATH_SIZE], line[16];
	if (argc != 4) fail("usage: c_calls connect-string root timeout-ms");
	root = argv[2];
	zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
	open_session(&a, argv[1], atoi(argv[3]));
	open_session(&b, argv[1], atoi(argv[3]));
	int64_t id = zoo_client_id(a.zh)->client_id;
	printf("connected 0x%" PRIx64 "\n", id);
	fflush(stdout);
	create_types(a.zh);
	transact(a.zh);
	guard(a.zh, b.zh);
	configure(a.zh);
	burst(a.zh, "before");
	say("burst");
	unwatch(a.zh, b.zh);

	news_init(&exists);
	want(zoo_wexists(a.zh, under(p, "awaited"), on_watch, &exists, NULL), ZNONODE, "wexists");
	say("ready");
	if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "go\n") != 0) fail("expected the line go");
	after_the_kill(a.zh, b.zh, id, &exists);
	zookeeper_close(a.zh);
	zookeeper_close(b.zh);
	say("ok");
	return 0;
}
