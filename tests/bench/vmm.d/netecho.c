// SPDX-License-Identifier: GPL-2.0-only
/*
 * netecho NAME
 *
 * Makes the tap device NAME, which stays. A child then sends back each frame of the
 * Ethernet type 0x88b5 (local experimental, IEEE 802). When the child is ready,
 * netecho prints its process ID and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETH_TYPE	0x88b5
#define ETH_ALEN	6

static int ok(int r, const char *what)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "netecho: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void echo(int fd)
{
	unsigned char frame[2048], from[ETH_ALEN];
	ssize_t n;

	while ((n = recv(fd, frame, sizeof(frame), 0)) > 0 || errno == ENETDOWN) {
		if (n < 2 * ETH_ALEN)
			continue;
		memcpy(from, frame + ETH_ALEN, ETH_ALEN);
		memcpy(frame + ETH_ALEN, frame, ETH_ALEN);
		memcpy(frame, from, ETH_ALEN);
		(void)!send(fd, frame, (size_t)n, 0);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_TYPE) };
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int tun, fd;
	pid_t pid;

	if (argc != 2 || strlen(argv[1]) >= IFNAMSIZ) {
		fprintf(stderr, "netecho: expected the name of a tap device\n");
		return 2;
	}
	strcpy(ifr.ifr_name, argv[1]);
	tun = ok(open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	ok(ioctl(tun, TUNSETIFF, &ifr), argv[1]);
	ok(ioctl(tun, TUNSETPERSIST, 1), "TUNSETPERSIST");
	close(tun);
	fd = ok(socket(AF_PACKET, SOCK_RAW, htons(ETH_TYPE)), "packet socket");
	ifr.ifr_flags = IFF_UP;
	ok(ioctl(fd, SIOCSIFFLAGS, &ifr), "SIOCSIFFLAGS");
	ok(ioctl(fd, SIOCGIFINDEX, &ifr), "SIOCGIFINDEX");
	at.sll_ifindex = ifr.ifr_ifindex;
	ok(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	pid = ok(fork(), "fork");
	if (!pid) {
		close(0);
		close(1);
		echo(fd);
		return 0;
	}
	printf("%d\n", pid);
	return 0;
}
