/* SPDX-License-Identifier: MIT */

#include "report-disk.h"

#include <inttypes.h>
#include <string.h>

#include "headline.h"
#include "safe-text.h"

#define SHOWN_MAX 3

static void print_bytes(FILE *out, uint64_t bytes)
{
	headline_print_limit(out, LIMIT_MEMORY_MAX, bytes);
}

static void print_tmp(FILE *out, const struct session_record *record)
{
	const struct session_tmp_tally *tmp = &record->tmp;

	if (!record->tmp_path || (tmp->removed && !record->plan->verbose))
		return;
	if (!tmp->removed) {
		(void)fputs("  temporary files: not all could be removed from ", out);
		safe_text_print(out, record->tmp_path, SIZE_MAX);
		(void)fputc('\n', out);
		return;
	}
	(void)fprintf(out, "  temporary files: %" PRIu64 " removed", tmp->files);
	if (tmp->bytes > 0) {
		(void)fputs(", ", out);
		print_bytes(out, tmp->bytes);
	}
	(void)fputc('\n', out);
}

static void print_snapshots(FILE *out, const struct snapshot_result *snapshots)
{
	size_t shown = snapshots->named > SHOWN_MAX ? SHOWN_MAX : snapshots->named;
	uint64_t rest_bytes = snapshots->bytes;

	for (size_t i = 0; i < shown; i++) {
		const struct snapshot_file *file = &snapshots->removed[i];

		(void)fputs("  removed, left by a killed git: ", out);
		safe_text_print(out, file->path, SIZE_MAX);
		if (file->bytes > 0) {
			(void)fputs(" (", out);
			print_bytes(out, file->bytes);
			(void)fputc(')', out);
		}
		(void)fputc('\n', out);
		rest_bytes -= file->bytes;
	}
	if (snapshots->count > shown) {
		(void)fprintf(out, "  removed, left by a killed git: %" PRIu64 " more files",
			      snapshots->count - shown);
		if (rest_bytes > 0) {
			(void)fputs(", ", out);
			print_bytes(out, rest_bytes);
		}
		(void)fputc('\n', out);
	}
}

void report_disk_text(FILE *out, const struct session_record *record)
{
	print_tmp(out, record);
	print_snapshots(out, &record->snapshots);
}

static void add_tmp(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *tmp;

	if (!record->tmp_path) {
		json_add_null(json, parent, "temporary_files");
		return;
	}
	tmp = json_add_object(json, parent, "temporary_files");
	json_add_text(json, tmp, "path", record->tmp_path);
	json_add_number(json, tmp, "count", record->tmp.files);
	json_add_number(json, tmp, "bytes", record->tmp.bytes);
	json_add_bool(json, tmp, "removed", record->tmp.removed);
}

void report_disk_json(struct json *json, cJSON *report, const struct session_record *record)
{
	const struct snapshot_result *snapshots = &record->snapshots;
	cJSON *object, *items;

	add_tmp(json, report, record);
	object = json_add_object(json, report, "snapshot_store");
	json_add_number(json, object, "count", snapshots->count);
	json_add_number(json, object, "bytes", snapshots->bytes);
	items = json_add_array(json, object, "items");
	for (size_t i = 0; i < snapshots->named; i++) {
		cJSON *item = json_append_object(json, items);

		json_add_text(json, item, "path", snapshots->removed[i].path);
		json_add_number(json, item, "bytes", snapshots->removed[i].bytes);
	}
	json_add_text(json, report, "repository_lock", snapshots->persons_lock);
}

/* Does the path stay what it is when it is printed, and when a shell reads it between quotes? */
static bool can_be_pasted(const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = strchr(path, '\'') ? NULL : open_memstream(&text, &size);

	if (!out)
		return false;
	safe_text_print(out, path, SIZE_MAX);
	return fclose(out) == 0 && strcmp(text, path) == 0;
}

void report_disk_advice(FILE *out, const struct session_record *record)
{
	const char *path = record->snapshots.persons_lock;

	(void)fputs(
		"a git was killed in your repository and left a lock; if none works there now, ",
		out);
	if (can_be_pasted(path)) {
		(void)fprintf(out, "`rm '%s'`", path);
		return;
	}
	(void)fputs("remove ", out);
	safe_text_print(out, path, SIZE_MAX);
}

bool report_disk_is_news(const struct session_record *record)
{
	return record->snapshots.count > 0 || record->snapshots.persons_lock ||
	       (record->tmp_path && !record->tmp.removed);
}
