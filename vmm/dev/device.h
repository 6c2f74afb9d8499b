/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device describes itself in a struct device_type: its option, how to parse
 * it, how to add and free the device, what a snapshot keeps of it. Each type is
 * one file and one row of DEVICES.
 */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include <stdbool.h>

#include "dev/out.h"
#include "dev/pci.h"
#include "dev/virtio.h"
#include "kvm.h"
#include "records.h"
#include "sandbox.h"

/* All types, in the order in which a machine adds its devices. */
#define DEVICES(ROW) \
	ROW(serial) ROW(pc) ROW(pci) ROW(blk) ROW(net) ROW(console) ROW(rng) ROW(balloon) ROW(vsock)

/* The parsed argument of an option. */
struct device_arg {
	const struct device_type *type;
	const char *text;
	uint64_t number;
	bool readonly, direct, vhost;
};

struct device;
struct devices;

struct device_type {
	const char *option;	/* without "--"; NULL: every machine has the device */
	const char *help;	/* what follows the option in --help */
	unsigned int max;	/* how often the option can be given; 1: the last one wins */
	const char *append;	/* default kernel command line, if the device is a console */
	bool image;		/* add() opens an image: exit status 6 if it fails */
	bool virtio;		/* the structure begins with a struct virtio */
	enum sandbox_role role;	/* of the thread of a virtio device */
	unsigned long size;	/* of the structure */
	/* The record of a snapshot, beside virtio's, and the bytes that it keeps */
	const char *state;
	unsigned long state_at, state_len;
	/* Parse @s, which it may keep and cut. 1: no device is wanted. NULL: no argument */
	int (*parse)(struct device_arg *a, char *s, struct err *e);
	/* Make @x->dev, which is zeroed, from @x->arg. free() follows even a failure */
	int (*add)(struct devices *d, struct device *x, struct err *e);
	/* Optional: give back what @dev holds, beside its struct virtio */
	void (*free)(void *dev);
	/* Optional: give up (@take: false), take what only one VM may have; in migrations */
	int (*own)(void *dev, bool take, struct err *e);
	/* Optional: check and use the state that was read from snapshot @file */
	int (*restored)(void *dev, const char *file, struct err *e);
};

#define DEVICE_DECLARE(name)	extern const struct device_type name##_device;
DEVICES(DEVICE_DECLARE)

struct device {
	const struct device_type *type;
	const struct device_arg *arg;	/* valid in add(); NULL: no option */
	void *dev;
	struct vm *vm;
	bool threaded;		/* a virtio device, which has a thread: it may block */
	struct loop loop;	/* of that thread */
};

#define DEVICES_MAX	(VIRTIO_MAX + 8)

/* A console's input: where characters from outside go. */
struct device_input {
	void *dev;
	/* Returns how many it took. Not all: it rings d->input_fd when it takes more. */
	uint32_t (*put)(void *dev, const uint8_t *buf, uint32_t len);
};

/* The devices of a machine, and what they need of it. */
struct devices {
	struct vm *vm;
	struct out out;		/* where consoles write */
	bool flat;		/* a --flat guest: has port 0x10 */
	bool acpi;		/* the guest finds devices by ACPI */
	bool pci;		/* virtio is on PCI */
	bool incoming;		/* another VM owns the disks yet: devices_own() comes */
	bool raw;		/* disks are taken as they are, whatever they look like */
	const struct virtio_transport *transport;
	struct pci_bus *bus;
	struct virtio *virtio[VIRTIO_MAX];	/* by place */
	struct virtio_place place[VIRTIO_MAX];
	unsigned int nvirtio;
	struct device dev[DEVICES_MAX];
	unsigned int n;
	struct device_input input;	/* of the last console added */
	int input_fd;		/* eventfd, rung by that console; -1: nobody listens */
};

/* device_add - add a device of @type; @a: its option's argument, or NULL */
int device_add(struct devices *d, const struct device_type *type,
	       const struct device_arg *a, struct err *e);

/* device_attach - give virtio device @x the next place of the transport */
int device_attach(struct devices *d, struct device *x, struct err *e);

/* devices_start - start the devices' threads */
int devices_start(struct devices *d, struct err *e);

/* devices_stop - end the devices' threads; false: one is stuck, so free nothing */
bool devices_stop(struct devices *d);

/* devices_free - end and free all devices, the newest first */
void devices_free(struct devices *d);

/*
 * devices_lock - wait until the devices are done, and let them begin nothing
 *
 * -EBUSY: a device is stuck (a disk, a pipe that nobody reads); -EOPNOTSUPP: a
 * device cannot be saved.
 */
int devices_lock(struct devices *d, struct err *e);
void devices_unlock(struct devices *d);

/* devices_own - all devices' own(); -errno of the first that fails */
int devices_own(struct devices *d, bool take, struct err *e);

/* devices_save - the state of all devices to records; they are locked */
void devices_save(const struct devices *d, struct records *r);

/* devices_load - the reverse; @d has the same devices, and no thread runs yet */
int devices_load(struct devices *d, const struct records *r, struct err *e);

#endif
