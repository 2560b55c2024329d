/* SPDX-License-Identifier: MIT */
#pragma once

/* Removes a folder that others have filled, and nothing outside of it. No allocation: the keeper
 * uses it too. */

#include <stdbool.h>
#include <stdint.h>

struct remove_tally {
	uint64_t files; /* removed: all that is no folder */
	uint64_t bytes; /* that they took on the disk */
};

/* Empties the folder that is open as @folder. false: something in it could not be removed. */
bool remove_tree(int folder, struct remove_tally *ret);

/* The same, and then the folder itself, which is @name in the open folder @parent. If something else
 * has taken its name, a link say, that is removed and not followed. As root, a folder of another user is
 * emptied with that user's rights: what that user could not remove stays. */
bool remove_folder(int parent, const char *name, int folder, struct remove_tally *ret);
