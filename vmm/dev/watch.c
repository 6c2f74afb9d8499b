// SPDX-License-Identifier: GPL-2.0-only
#include "dev/watch.h"

#include <string.h>

#define PANIC		"Kernel panic - not syncing"
#define PANIC_END	"---[ end "
#define LINES_MAX	100	/* that a kernel writes after it: a backtrace */

static void line_done(struct watch *w)
{
	const char *at;

	w->line[w->len] = '\0';
	w->len = 0;
	if (!w->line[0])
		return;
	memcpy(w->last, w->line, sizeof(w->last));
	w->since++;
	at = strstr(w->line, PANIC);
	if (!at)
		return;
	/* Only of its own panic: text of a log has both lines, too, but rarely. */
	if (at >= w->line + strlen(PANIC_END) && w->panic[0] &&
	    !memcmp(at - strlen(PANIC_END), PANIC_END, strlen(PANIC_END)) &&
	    !strncmp(at, w->panic, strlen(w->panic) - strlen(PANIC_END))) {
		if (w->panicked)
			w->panicked(w->ctx, w->panic);
		return;
	}
	memcpy(w->panic, at, strlen(at) + 1);
	w->since = 0;
}

void watch_put(struct watch *w, const char *p, uint32_t len)
{
	pthread_mutex_lock(&w->lock);
	for (; len--; p++) {
		if (*p == '\n')
			line_done(w);
		else if (*p >= ' ' && *p < 0x7f && w->len < WATCH_LINE - 1)
			w->line[w->len++] = *p;
	}
	pthread_mutex_unlock(&w->lock);
}

const char *watch_panic(const struct watch *w)
{
	return w->panic[0] && w->since <= LINES_MAX ? w->panic : NULL;
}

const char *watch_last(const struct watch *w)
{
	return w->last[0] ? w->last : NULL;
}
