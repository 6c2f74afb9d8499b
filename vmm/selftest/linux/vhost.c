// SPDX-License-Identifier: GPL-2.0-only
/* linux: devices of a Linux guest that the host's kernel serves (vhost). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vm_sockets.h>
#include <net/if.h>

#define REPORT_PLACE 20
#include "lab/linux.h"

/* --- network --- */

/* Two taps of this check's own network, and what joins them. */
struct wire {
	int tap[2], packet[2];
	int stop_fd;
};

/* A tap that stays as @name, up; a socket that sees its frames. 0 or errno */
static int add_tap(struct wire *w, int i, const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	w->tap[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	w->packet[i] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (w->tap[i] < 0 || w->packet[i] < 0 || ioctl(w->tap[i], TUNSETIFF, &r) < 0 ||
	    ioctl(w->tap[i], TUNSETPERSIST, 1) < 0)
		return errno;
	close(w->tap[i]);		/* kvm-vmm opens it again */
	w->tap[i] = -1;
	r.ifr_flags = IFF_UP;
	if (ioctl(w->packet[i], SIOCSIFFLAGS, &r) < 0 || ioctl(w->packet[i], SIOCGIFINDEX, &r) < 0)
		return errno;
	a.sll_ifindex = r.ifr_ifindex;
	return bind(w->packet[i], (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

/* What came out of one tap, not what we put into it, goes into the other. */
static void pass_on(int from, int to)
{
	struct sockaddr_ll a;
	socklen_t len = sizeof(a);
	uint8_t buf[2048];
	ssize_t n = recvfrom(from, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&a, &len);

	if (n > 0 && a.sll_pkttype != PACKET_OUTGOING && send(to, buf, (size_t)n, 0) < 0)
		return;			/* a frame that is lost is the guest's to notice */
}

static void *wire_main(void *arg)
{
	struct wire *w = arg;
	struct pollfd f[] = {
		{ .fd = w->packet[0], .events = POLLIN }, { .fd = w->packet[1], .events = POLLIN },
		{ .fd = w->stop_fd, .events = POLLIN },
	};

	while (poll(f, 3, -1) > 0 && !f[2].revents) {
		if (f[0].revents)
			pass_on(w->packet[0], w->packet[1]);
		if (f[1].revents)
			pass_on(w->packet[1], w->packet[0]);
	}
	return NULL;
}

static void wire_free(struct wire *w)
{
	int *fd;

	for (fd = w->tap; fd <= &w->stop_fd; fd++)
		if (*fd >= 0)
			close(*fd);
}

CHECK(linux, vhost_net, "frames pass from one network card to the other by vhost-net and taps",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	struct wire w = { { -1, -1 }, { -1, -1 }, -1 };
	pthread_t th;
	int rc;

	if (linux_own(t))
		return -1;
	if (access("/dev/vhost-net", R_OK | W_OK))
		return t_skip(t, "/dev/vhost-net: %s (modprobe vhost_net)", strerror(errno));
	if (unshare(CLONE_NEWNET))
		return t_skip(t, "no network namespace of its own: %s", strerror(errno));
	w.stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = add_tap(&w, 0, "st0");
	if (!rc)
		rc = add_tap(&w, 1, "st1");
	if (rc)
		rc = t_skip(t, "no taps can be made: %s (modprobe tun)", strerror(rc));
	else
		rc = t_thread(t, &th, wire_main, &w);
	if (!rc) {
		rc = linux_boot(t, &(struct boot){ .append = "st.net=1",
			.extra = { "--net", "tap:st0,vhost", "--net", "tap:st1,vhost" } });
		if (eventfd_write(w.stop_fd, 1) || pthread_join(th, NULL))
			rc = t_fail(t, "a thread of the check does not end");
	}
	wire_free(&w);
	return rc;
}

/* --- vsock --- */

/* Accept one guest and echo what it sends. */
static void *echo_main(void *arg)
{
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);
	char buf[4096];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	if (fd >= 0)
		close(fd);
	return NULL;
}

CHECK(linux, vsock, "a Linux guest and its host talk by vsock (vhost)",
      ADVICE_LINUX, LINUX, .deadline_ms = 30000)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = VMADDR_PORT_ANY };
	socklen_t len = sizeof(a);
	/* A CID that probably no other guest of this host has. */
	unsigned int cid = 0x40000000u + (unsigned int)getpid();
	char append[32], number[16];
	pthread_t th;
	int fd, rc;

	if (linux_own(t))
		return -1;
	if (access("/dev/vhost-vsock", R_OK | W_OK))
		return t_skip(t, "/dev/vhost-vsock: %s (modprobe vhost_vsock)", strerror(errno));
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return t_skip(t, "this host has no vsock: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || getsockname(fd, (struct sockaddr *)&a, &len) || listen(fd, 1)) {
		rc = t_fail(t, "the host cannot listen on a vsock: %s", strerror(errno));
		close(fd);
		return rc;
	}
	if (t_thread(t, &th, echo_main, &fd)) {
		close(fd);
		return -1;
	}
	snprintf(append, sizeof(append), "st.vsock=%u", a.svm_port);
	snprintf(number, sizeof(number), "%u", cid);
	rc = linux_boot(t, &(struct boot){ .append = append, .extra = { "--vsock", number } });
	shutdown(fd, SHUT_RDWR);	/* ends accept() if no guest connected */
	pthread_join(th, NULL);
	close(fd);
	return rc;
}
