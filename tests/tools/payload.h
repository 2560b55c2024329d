/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Payload: one program with a verb for each way in which a command and its children can behave.
 * The tests run it below oc-run. A verb that waits says "ready" on a line of its own first, so that
 * a test need not guess, and ends by itself after WAIT_SECONDS_MAX, so that a failed test leaves
 * nothing for ever. A verb that takes CMD... sets something up and then execs it: verbs are chained
 * ("setsid payload ignore TERM payload wait").
 */

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#define WAIT_SECONDS_MAX 900

/* Every verb gets its arguments without the verb's own name and returns an exit status. */
typedef int (*verb_fn)(int argc, char **argv);

/* Prints the sentence and exits with status 99, which no test expects. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Plain number with an optional K, M, G (powers of 1024). */
uint64_t parse_bytes(const char *text);
long parse_number(const char *text, long least, long most);

/* "TERM,HUP" or "all" to a set; a name with or without SIG, or a number. */
void parse_signals(const char *text, sigset_t *ret);
int parse_signal(const char *text);

void say_ready(void);
void wait_long(void);
_Noreturn void exec_rest(int argc, char **argv);

int verb_leak(int argc, char **argv);
int verb_hold(int argc, char **argv);
int verb_cache(int argc, char **argv);
int verb_beside(int argc, char **argv);

int verb_forkbomb(int argc, char **argv);
int verb_tasks(int argc, char **argv);
int verb_setsid(int argc, char **argv);
int verb_daemon(int argc, char **argv);
int verb_zombies(int argc, char **argv);
int verb_keepforking(int argc, char **argv);
int verb_tree(int argc, char **argv);
int verb_move(int argc, char **argv);

int verb_ignore(int argc, char **argv);
int verb_block(int argc, char **argv);
int verb_stopself(int argc, char **argv);
int verb_killself(int argc, char **argv);
int verb_sigs(int argc, char **argv);
int verb_sigstate(int argc, char **argv);

int verb_attempt(int argc, char **argv);
int verb_attempts(int argc, char **argv);

int verb_tty_raw(int argc, char **argv);
int verb_tty_state(int argc, char **argv);
