/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of a running session share: session.c (start and end), supervise.c (the loop),
 * sampling.c (looking at the tree), newcomers.c (what was just started), victims.c (who was killed), actions.c and pressure-act.c (what
 * is done), notify.c (telling the person). */

#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include "oc-run/figures.h"
#include "oc-run/fork-watch.h"
#include "oc-run/history.h"
#include "oc-run/idle.h"
#include "oc-run/keeper.h"
#include "oc-run/kernel-log.h"
#include "oc-run/notice.h"
#include "oc-run/parse.h"
#include "oc-run/policy.h"
#include "oc-run/pressure.h"
#include "oc-run/psi.h"
#include "oc-run/registry.h"
#include "oc-run/session-tmp.h"
#include "oc-run/session.h"
#include "oc-run/slice-pressure.h"
#include "oc-run/status-file.h"
#include "oc-run/status.h"
#include "oc-run/supervisor.h"
#include "oc-run/terminal.h"
#include "oc-run/tree.h"
#include "oc-run/watch.h"

/* Somebody who was there before a kill was counted. */
#define VICTIM_SUSPECTS_MAX 256

struct victim_suspect {
	struct record_victim victim;
	uint64_t start_ticks;
	bool gone;
};

struct victims {
	struct victim_suspect suspects[VICTIM_SUSPECTS_MAX];
	size_t suspect_count;
	uint64_t unnamed; /* kills counted, not yet told */
	unsigned tries;	  /* of asking the kernel's log */
	bool log_is_closed;
	uint64_t at_usec;
	sd_event_source *timer;
};

/* The file that those in the session read: see tell-status.c. */
struct session_status {
	struct status_file file;
	struct status_log log;
	struct figures told;	/* as they stand in the file */
	uint64_t written_usec;	/* last time; CLOCK_MONOTONIC, 0: never */
	sd_event_source *defer; /* writes when the loop has done what it is at */
};

/* Kinds of events that are added up: see noisy.c. */
#define NOISY_KINDS 3

struct noisy {
	enum record_event_kind kind;
	uint64_t pending; /* counted, not told yet */
	uint64_t told_usec;
};

/* See newcomers.c. */
struct newcomers {
	struct fork_watch *forks; /* NULL: this kernel tells nothing */
	pid_t parents[FORK_WATCH_MAX];
	size_t parent_count;
	uint64_t tasks; /* when last counted */
	bool again;	/* whom the last fork started may have forked before it had its score */
	sd_event_source *timer;
};

struct session_notices {
	struct notices *ways;
	struct notice_gate gate;
	sd_event_source *timer; /* for kills that were gathered */
};

/* A file that holds a limit: see relimit.c. */
struct relimit_file {
	bool is_watched;
	bool is_let;	    /* what somebody else made of it */
	uint64_t let;	    /* that */
	uint64_t told_usec; /* last time; 0: never */
};

enum relimit_place {
	RELIMIT_PAYLOAD,
	RELIMIT_SCOPE,
	RELIMIT_PLACES,
};

struct relimit {
	struct relimit_file files[RELIMIT_PLACES][LIMIT_COUNT];
	bool is_blind;		 /* without inotify */
	bool is_due;		 /* the timer runs, and inotify is off */
	uint64_t restored_usec;	 /* or changed by ourselves */
	sd_event_source *source; /* has the inotify fd; NULL: blind */
	sd_event_source *timer;
};

/* See slice-act.c. */
struct session_slice {
	int lock_fd; /* -1: there is no slice with a limit */
	bool leads;
	struct slice_pressure pressure; /* of the leader */
	struct psi *psi;
	sd_event_source *timer;
	unsigned frozen_looks;
	uint64_t asked_usec; /* to give way; 0: never */
};

struct session {
	struct plan *plan; /* its limits change when somebody sets them: adjust.c */
	const struct host *host;
	struct backend *backend;
	const struct restart *restart;
	struct session_record *record;

	sd_event *event;
	struct session_cgroup cgroup;
	struct registry_entry registry;
	struct history *history; /* or NULL */
	struct session_tmp tmp;
	char *snapshot_store; /* or NULL */
	uint64_t since_usec;  /* CLOCK_REALTIME, before anything of the session ran */
	struct terminal terminal;
	int kill_fd; /* cgroup.kill of the payload, open; or -1 */
	struct keeper keeper;
	unsigned keeper_restarts;
	struct child child;
	struct watch *watch; /* NULL without a cgroup */
	struct tree *tree;
	struct kernel_log *kernel_log;
	int proc_fd;

	struct supervisor supervisor;
	struct cgroup_counters counters_start; /* of payload, before the command ran */
	struct cgroup_counters scope_start;
	uint64_t started_usec; /* CLOCK_MONOTONIC */

	struct pressure_state pressure;
	struct psi *psi;		   /* NULL: this kernel has none for us */
	uint64_t pressure_rest_until_usec; /* of wake-ups by memory.high */

	struct idle idle;
	struct session_slice slice;
	struct newcomers newcomers;
	struct victims victims;
	struct session_notices notices;
	struct session_status status;
	struct record_event spare; /* a kill that the record has no place for */
	struct noisy noisy[NOISY_KINDS];
	bool watches_limits; /* oc-run enforces memory or tasks itself */
	struct policy_limits watched;
	struct figures figures; /* of the last look */
	uint64_t looked_usec;	/* last sample */
	uint64_t looked_bytes;
	uint64_t looked_soon_usec;
	unsigned looks;
	size_t escapes_told;
	bool suspended; /* we stopped ourselves because the command was stopped */

	struct relimit relimit;

	sd_event_source *adjust_source;
	sd_event_source *deadline_timer; /* of the supervisor */
	sd_event_source *look_timer;
	sd_event_source *pressure_timer;
	sd_event_source *settle_timer;	/* is anything left? */
	sd_event_source *stopped_timer; /* is the command still stopped? */
	uint64_t settle_until_usec;	/* the tree may end by itself until then */
	bool agent_end_told;		/* the supervisor knows that the command ended */
};

uint64_t session_now_usec(void);

/* Adds an event to the record, and gives it to be filled in; then call session_tell(). NULL: the table
 * is full, and nobody need hear of one more. */
struct record_event *session_note(struct session *session, enum record_event_kind kind,
				  uint64_t value);
/* To whoever looks on: see observe.c. @event may be NULL. */
void session_tell(struct session *session, const struct record_event *event);
void session_status_line(struct session *session, char *text);

/* session.c: forks the keeper; not yet told of the cgroup. */
_must_check_ int session_start_keeper(struct session *session, struct diag *diag);

/* environment.c: what the session provides to the command; each may be NULL. */
#define ENVIRONMENT_STATUS "OC_RUN_STATUS"

struct environment_provided {
	const char *private_temp; /* folder for the variable of the profile */
	const char *status_path;
};

/* NULL for no memory. */
char **environment_make(const struct plan *plan, const struct environment_provided *provided);
void environment_free(char **environment);

/* tidy.c: what the session may leave on the disk, before it starts and when it is over */
void tidy_begin(struct session *session);
void tidy_end(struct session *session);
/* In the keeper, instead of tidy_end(). */
void tidy_after_death(void *session);
uint64_t session_realtime_usec(void);

/* supervise.c */
_must_check_ int supervise_attach(struct session *session);
_must_check_ int supervise_loop(struct session *session);
void supervise_event(struct session *session, const struct supervisor_event *event);
/* As if oc-run itself was told to stop. @detail: who wants it, for people. */
void supervise_stop(struct session *session, enum stop_reason reason, const char *detail);
void supervise_counters(const struct watch_state *before, const struct watch_state *now,
			void *userdata);

/* observe.c: the command runs; it is all over and the record complete. */
void session_observe_started(struct session *session);
void session_observe_ended(struct session *session);

/* observe.c: an event is complete; there are new figures. */
void session_observe_event(struct session *session, const struct record_event *event);
void session_observe_figures(struct session *session);

/* A kill that a limit above the session's own decided, or the whole machine. */
bool session_is_from_above(const struct session *session, const struct record_event *event);

/* tell-status.c: the file exists from tell_status_start() to tell_status_finish(). None of it can
 * fail a session. */
void tell_status_begin(struct session *session);
void tell_status_start(struct session *session);
void tell_status_event(struct session *session, const struct record_event *event);
void tell_status_figures(struct session *session);
void tell_status_finish(struct session *session);

/* noisy.c */
void noisy_count(struct session *session, enum record_event_kind kind, uint64_t difference);
void noisy_tell(struct session *session);

/* actions.c */
void actions_carry_out(struct session *session, const struct supervisor_answer *answer);
bool actions_nothing_left(struct session *session);
void actions_note_unkillable(struct session *session);

/* pressure-act.c: at the start; after a look; when the kernel says that memory.high was crossed. */
_must_check_ int pressure_act_start(struct session *session);
_must_check_ int pressure_act_look(struct session *session, bool has_sample);
_must_check_ int pressure_act_wake(struct session *session);
/* memory.high off for good: the session is being ended. */
void pressure_act_lift(struct session *session);
/* The limits of the plan have changed. */
void pressure_act_change(struct session *session);

/* adjust.c: limits that are changed from outside while the session runs. It goes without. */
void adjust_start(struct session *session);
void adjust_finish(struct session *session);
/* A limit that stands already, and is the plan's from now on. */
void adjust_take(struct session *session, enum limit_id id, uint64_t value);

/* relimit.c: limits that somebody else changes; it goes without. */
void relimit_start(struct session *session);
/* At a calm look, where no inotify instance was left. */
void relimit_look(struct session *session);
/* Somebody asked us to change it (oc-ctl set), and that is done. */
void relimit_is_ours(struct session *session, enum limit_id id);
void relimit_finish(struct session *session);

/* restart-idle.c: after a look with a sample. */
void restart_idle_look(struct session *session);

/* slice-act.c: at the start; at a calm look; our own session is asked to give way to the others. */
_must_check_ int slice_act_start(struct session *session);
_must_check_ int slice_act_look(struct session *session);
bool slice_act_is_asked(const struct signalfd_siginfo *info);
void slice_act_give_way(struct session *session);
/* Whoever is to end has to run. */
void slice_act_thaw(struct session *session);
void slice_act_finish(struct session *session);

/* sampling.c */
/* From the plan: what oc-run holds itself. */
void sampling_watch_limits(struct session *session);
_must_check_ int sampling_start(struct session *session);
void sampling_look(struct session *session, unsigned flags);
/* Only how much it uses, not who: cheaper where the kernel counts. */
void sampling_figures(struct session *session);
/* All of it, at most ten times a second: for events that come by the hundred. */
void sampling_look_soon(struct session *session);
void sampling_peaks(struct session *session);

/* oom-score.c; @proc_fd: /proc, open. */
void oom_score_adjust(int proc_fd, const struct tree_sample *sample, enum oom_choice choice);
void oom_score_adjust_tool(int proc_fd, pid_t pid, enum oom_choice choice);
/* The same, if it still is a child of @parent: then its pid is nobody else's. */
void oom_score_adjust_child(int proc_fd, pid_t parent, pid_t pid, enum oom_choice choice);

/* newcomers.c: before the command runs; after a look; scores for all that the last look did not see. */
_must_check_ int newcomers_start(struct session *session);
void newcomers_note(struct session *session, const struct tree_sample *sample);
void newcomers_raise(struct session *session);
void newcomers_finish(struct session *session);

/* notify.c */
_must_check_ int notify_start(struct session *session);
void notify_event(struct session *session, const struct record_event *event);
void notify_figures(struct session *session);
bool notify_reaped(struct session *session, pid_t pid, int wait_status);
/* After the loop: gives what is on its way a moment. */
void notify_finish(struct session *session);

/* victims.c */
void victims_counted(struct session *session, uint64_t kills);
void victims_agent_gone(struct session *session);
void victims_finish(struct session *session);

/* Arms *source (made when NULL) for @usec of CLOCK_MONOTONIC from now. */
_must_check_ int session_arm(struct session *session, sd_event_source **source, uint64_t in_usec,
			     sd_event_time_handler_t handler);
