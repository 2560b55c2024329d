/* SPDX-License-Identifier: MIT */

/* The tree with a cgroup: who is in it, who left it, who comes back. */

#include "sys.h"

#include "oc-run/tree.h"

struct session {
	struct cgroup parent, scope, payload, keeper_cgroup, nested, elsewhere;
	char name[32];
	int proc_fd;
	pid_t agent, keeper;
	struct tree *tree;
};

static void set_up(struct session *session, sys_body body)
{
	struct tree_request request;

	*session = (struct session){
		.parent = CGROUP_INIT,
		.scope = CGROUP_INIT,
		.payload = CGROUP_INIT,
		.keeper_cgroup = CGROUP_INIT,
		.nested = CGROUP_INIT,
		.elsewhere = CGROUP_INIT,
		.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	/* The outermost one stands for the place that people escape to; all goes with it. */
	expect(sys_make_cgroup(&session->parent, &session->elsewhere, session->name));
	expect_int(cgroup_make(&session->elsewhere, "scope", &session->scope), 0);
	expect_int(cgroup_make(&session->scope, "payload", &session->payload), 0);
	expect_int(cgroup_make(&session->scope, "keeper", &session->keeper_cgroup), 0);
	expect_int(cgroup_make(&session->scope, "oc-1", &session->nested), 0);
	session->keeper = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&session->keeper_cgroup, session->keeper), 0);
	session->agent = sys_start(body, NULL);
	expect_int(cgroup_attach(&session->payload, session->agent), 0);
	request = (struct tree_request){
		.session_id = "0123456789abcdef",
		.agent = session->agent,
		.exclude = session->keeper,
		.payload = &session->payload,
		.scope = &session->scope,
		.proc_fd = session->proc_fd,
	};
	expect_int(tree_new(&request, &session->tree), 0);
}

static void tear_down(struct session *session)
{
	tree_free(session->tree);
	(void)close(session->proc_fd);
	cgroup_finish(&session->nested);
	cgroup_finish(&session->keeper_cgroup);
	cgroup_finish(&session->payload);
	cgroup_finish(&session->scope);
	sys_leave_cgroup(&session->parent, &session->elsewhere, session->name);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static const struct tree_process *find(const struct tree_sample *sample, pid_t pid)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->processes[i].pid == pid)
			return &sample->processes[i];
	return NULL;
}

static const struct tree_sample *scan(struct session *session, unsigned flags)
{
	const struct tree_sample *sample = NULL;

	expect_int(tree_scan(session->tree, flags, &sample), 0);
	return sample;
}

TEST(whoever_is_in_the_cgroup_is_a_member_without_being_related)
{
	const struct tree_sample *sample;
	struct session session;
	pid_t stranger;

	/* Before the subreaper: nobody's descendant. */
	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	stranger = sys_start_orphan(sys_idle, NULL);
	set_up(&session, sys_idle);
	expect(!find(scan(&session, TREE_SCAN_OUTSIDE), stranger));
	expect_int(cgroup_attach(&session.payload, stranger), 0);
	sample = scan(&session, 0);
	expect(find(sample, stranger));
	expect(!find(sample, stranger)->is_outside);
	expect_uint(sample->count, 2);
	expect(find(sample, session.agent)->is_agent);
	expect(!find(sample, session.keeper));
	expect_uint(sample->outside, 0);
	tear_down(&session);
}

TEST(one_that_left_is_outside_until_it_is_brought_back)
{
	struct session session;
	pid_t child;

	set_up(&session, sys_idle);
	/* As an orphan of the agent's: a child of ours, born outside. */
	child = sys_start_orphan(sys_idle, NULL);
	expect(!find(scan(&session, 0), child));
	expect(find(scan(&session, TREE_SCAN_OUTSIDE), child)->is_outside);
	expect_uint(tree_last(session.tree)->outside, 1);
	/* Known by now, so that the short scan sees it as well. */
	expect(find(scan(&session, 0), child)->is_outside);

	expect_int(tree_recapture(session.tree), 1);
	expect_uint(tree_last(session.tree)->outside, 0);
	expect(!find(scan(&session, 0), child)->is_outside);
	expect_int(tree_recapture(session.tree), 0);

	/* And out again. */
	expect_int(cgroup_attach(&session.elsewhere, child), 0);
	expect(find(scan(&session, 0), child)->is_outside);
	expect_int(tree_signal(session.tree, TREE_SIGNAL_OUTSIDE, SIGKILL), 1);
	expect_int(waitpid(child, NULL, 0), child);
	expect_int(kill(session.agent, 0), 0);
	tear_down(&session);
}

TEST(a_session_within_the_session_is_inside)
{
	struct session session;
	pid_t child;

	set_up(&session, sys_idle);
	child = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&session.nested, child), 0);
	expect(find(scan(&session, 0), child));
	expect(!find(scan(&session, TREE_SCAN_OUTSIDE), child)->is_outside);
	expect_int(tree_recapture(session.tree), 0);
	tear_down(&session);
}

TEST(a_cgroup_of_a_like_name_is_outside)
{
	struct cgroup like = CGROUP_INIT;
	struct session session;
	pid_t child;

	set_up(&session, sys_idle);
	expect_int(cgroup_make(&session.elsewhere, "scope2", &like), 0);
	child = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&like, child), 0);
	expect(find(scan(&session, TREE_SCAN_OUTSIDE), child)->is_outside);
	cgroup_finish(&like);
	tear_down(&session);
}

TEST(nobody_is_left_once_the_cgroup_is_gone)
{
	struct session session;

	set_up(&session, sys_idle);
	expect_uint(scan(&session, 0)->alive, 1);
	sys_end(session.agent);
	expect_int(cgroup_remove(&session.scope, "payload"), 0);
	expect_uint(scan(&session, 0)->count, 0);
	expect_uint(scan(&session, TREE_SCAN_OUTSIDE)->count, 0);
	expect_int(tree_signal(session.tree, TREE_SIGNAL_ALL, SIGKILL), 0);
	sys_end(session.keeper);
	expect_int(cgroup_remove(&session.elsewhere, "scope"), 0);
	expect_uint(scan(&session, 0)->count, 0);
	tear_down(&session);
}

SYS_MAIN_WITH_CGROUP("tree-cgroup", whoever_is_in_the_cgroup_is_a_member_without_being_related,
		     one_that_left_is_outside_until_it_is_brought_back,
		     a_session_within_the_session_is_inside, a_cgroup_of_a_like_name_is_outside,
		     nobody_is_left_once_the_cgroup_is_gone)
