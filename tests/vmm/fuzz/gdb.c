// SPDX-License-Identifier: GPL-2.0-only
/* A debugger that sends anything. KVM's part fails: there is no vCPU behind it. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kvm_run run[2];
	struct vcpu vcpus[2] = { { .fd = -1, .run = &run[0] }, { .id = 1, .fd = -1, .run = &run[1] } };
	struct vm vm = { .vcpus = vcpus, .ncpus = 2, .fd = -1, .stop_fd = -1, .parked = 2 };
	struct gdb g = { .listen_fd = -1, .t.attached = true };
	char packet[GDB_PACKET + 8];
	uint8_t sum = 0;
	size_t i, n;

	vcpus[0].vm = vcpus[1].vm = &vm;
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.cond, NULL);
	if (target_init(&g.t, &vm, NULL) || target_halt(&g.t))
		return 0;
	g.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	gdb_input(&g, (const char *)data, size);
	/* And each line as a packet that is right, so that what is in it is looked at. */
	g.n = 0;
	for (; size; data += i, size -= i) {
		packet[0] = '$';
		for (i = n = sum = 0; i < size && data[i] != '\n' && n < GDB_PACKET; i++) {
			packet[++n] = (char)data[i];
			sum += data[i];
		}
		i += i < size;
		packet[++n] = '#';
		packet[++n] = "0123456789abcdef"[sum >> 4];
		packet[++n] = "0123456789abcdef"[sum & 15];
		gdb_input(&g, packet, n + 1);
		if (!g.t.held)
			target_halt(&g.t);
	}
	gdb_close(&g);
	pthread_mutex_destroy(&vm.lock);
	pthread_cond_destroy(&vm.cond);
	return 0;
}
