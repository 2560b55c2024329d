/* SPDX-License-Identifier: MIT */
#pragma once

#include "oc-run/settings.h"

/* Adds what the file at @path says to @settings. A missing file is no error. */
_must_check_ int config_file_load(const char *path, struct settings *settings, struct diag *diag);
