/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Is @script (its beginning) a script that has @word outside of a comment? */
bool command_script_runs(const char *script, const char *word);

/* Is it a script for a shell ("#!/bin/sh", "#!/usr/bin/env bash")? */
bool command_script_is_shell(const char *script);
