// SPDX-License-Identifier: GPL-2.0
/*
 * init of the guest that is measured (static, in an initramfs): says that it
 * is there, then reads and writes /dev/vda past the page cache and says how
 * long that took. Lines for vmmtime begin with "BENCH ". After each it sleeps
 * a while, so that the host's counters are read at rest.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define DISK	(32L << 20)

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void say(const char *line)
{
	if (write(1, line, strlen(line)) < 0)
		exit(1);
	usleep(200000);
}

/* @n requests of @size bytes, one after the other. */
static void requests(int fd, int writing, size_t size, int n)
{
	void *buf = aligned_alloc(4096, size);
	char line[128];
	off_t at = 0;
	long began;
	int i;

	if (!buf)
		exit(1);
	memset(buf, 1, size);
	say("BENCH blk begin\n");
	began = now_us();
	for (i = 0; i < n; i++, at = (at + (off_t)size) % DISK)
		if ((writing ? pwrite(fd, buf, size, at) : pread(fd, buf, size, at)) !=
		    (ssize_t)size) {
			say("BENCH blk error\n");
			break;
		}
	snprintf(line, sizeof(line), "BENCH blk %s %zu %d %ld\n",
		 writing ? "write" : "read", size, i, now_us() - began);
	say(line);
	free(buf);
}

int main(void)
{
	int fd;

	say("BENCH init\n");
	mount("none", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/vda", O_RDWR | O_DIRECT);
	if (fd >= 0) {
		requests(fd, 0, 4096, 2000);
		requests(fd, 1, 4096, 2000);
		requests(fd, 0, 65536, 500);
	}
	say("BENCH end\n");
	for (;;)
		reboot(RB_POWER_OFF);
}
