// SPDX-License-Identifier: GPL-2.0-only
#include "dev/device.h"

#include <stdlib.h>
#include <time.h>

#define LOCK_S		5
#define JOIN_MS		4000

int device_add(struct devices *d, const struct device_type *type,
	       const struct device_arg *a, struct err *e)
{
	void *p = d->n < DEVICES_MAX ? calloc(1, type->size) : NULL;
	struct device *x = &d->dev[d->n];

	if (!p)
		return err_set(e, -ENOMEM, "no memory for a device");
	d->n++;
	x->type = type;
	x->arg = a;
	x->dev = p;
	x->vm = d->vm;
	return type->add(d, x, e);
}

int device_attach(struct devices *d, struct device *x, struct err *e)
{
	const struct virtio_transport *t = d->transport;
	enum vm_irqchip chip = d->vm->cfg.irqchip;
	struct virtio *v = x->dev;
	int rc;

	if (d->nvirtio == t->max)
		return err_set(e, -ENOSPC, "more than %u virtio devices", t->max);
	if (chip == VM_IRQCHIP_NONE || (chip == VM_IRQCHIP_SPLIT && t->lines))
		return err_set(e, -EINVAL,
			       "virtio devices need --irqchip full, or split with --pci");
	v->stop = &d->vm->stopping;
	rc = loop_init(&x->loop, e);
	x->threaded = !rc;
	if (!rc)
		rc = t->attach(d, v, v->ops->request ? &x->loop : NULL, e);
	if (!rc)
		d->virtio[d->nvirtio++] = v;
	return rc;
}

static void enter(void *arg)
{
	struct device *x = arg;
	struct err e;

	if (x->vm->cfg.sandbox && sandbox_enter(x->type->role, &e))
		vm_stop(x->vm, VM_HOST, "%s", e.msg);
}

int devices_start(struct devices *d, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < d->n && !rc; i++)
		if (d->dev[i].threaded) {
			d->dev[i].loop.enter = enter;
			d->dev[i].loop.arg = &d->dev[i];
			rc = loop_start(&d->dev[i].loop, e);
		}
	return rc;
}

bool devices_stop(struct devices *d)
{
	uint64_t end = now_us() / 1000 + JOIN_MS;
	bool all = true;
	unsigned int i;

	for (i = 0; i < d->n; i++)
		if (d->dev[i].loop.threaded)
			loop_stop(&d->dev[i].loop);
	for (i = 0; i < d->n; i++) {
		uint64_t now = now_us() / 1000;

		all &= loop_join(&d->dev[i].loop, now < end ? (unsigned int)(end - now) : 0);
	}
	return all;
}

void devices_free(struct devices *d)
{
	if (!devices_stop(d))
		return;
	while (d->n) {
		struct device *x = &d->dev[--d->n];

		if (x->type->virtio)
			virtio_free(x->dev);
		if (x->type->free)
			x->type->free(x->dev);
		if (x->threaded)
			loop_free(&x->loop);
		free(x->dev);
	}
	d->nvirtio = 0;
}

/* ---- snapshots ---- */

int devices_lock(struct devices *d, struct err *e)
{
	struct timespec t;
	unsigned int i;

	for (i = 0; i < d->nvirtio; i++)
		if (d->virtio[i]->ops->unsaved)
			return err_set(e, -EOPNOTSUPP, "a VM with %s cannot be saved: %s",
				       d->virtio[i]->ops->name, d->virtio[i]->ops->unsaved);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += LOCK_S;
	for (i = 0; i < d->nvirtio; i++)
		if (pthread_mutex_timedlock(&d->virtio[i]->lock, &t)) {
			err_set(e, -EBUSY, "virtio-%s is busy for over %d s",
				d->virtio[i]->ops->name, LOCK_S);
			while (i--)
				pthread_mutex_unlock(&d->virtio[i]->lock);
			return -EBUSY;
		}
	return 0;
}

void devices_unlock(struct devices *d)
{
	unsigned int i;

	for (i = 0; i < d->nvirtio; i++)
		pthread_mutex_unlock(&d->virtio[i]->lock);
}

int devices_own(struct devices *d, bool take, struct err *e)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < d->n && !rc; i++)
		if (d->dev[i].type->own)
			rc = d->dev[i].type->own(d->dev[i].dev, take, e);
	return rc;
}

/* What a restored machine must have, too. */
struct same {
	uint32_t nvirtio, pci;
};

void devices_save(const struct devices *d, struct records *r)
{
	struct same s = { d->nvirtio, d->pci };
	unsigned int i;

	record_put(r, "devices", 0, &s, sizeof(s));
	for (i = 0; i < d->n; i++) {
		const struct device_type *t = d->dev[i].type;

		if (t->state)
			record_put(r, t->state, 0, (uint8_t *)d->dev[i].dev + t->state_at,
				   t->state_len);
	}
	for (i = 0; i < d->nvirtio; i++)
		virtio_save(d->virtio[i], i, r);
}

int devices_load(struct devices *d, const struct records *r, struct err *e)
{
	struct same s;
	unsigned int i;
	int rc = record_get(r, "devices", 0, &s, sizeof(s), e);

	if (rc)
		return rc;
	if (s.nvirtio != d->nvirtio)
		return err_set(e, -EBADMSG,
			       "%s: has %u virtio devices, here are %u: give the devices as for --snapshot",
			       r->name, s.nvirtio, d->nvirtio);
	if (s.nvirtio && !s.pci != !d->pci)
		return err_set(e, -EBADMSG, "%s: its virtio devices are%s on PCI: %s --pci",
			       r->name, s.pci ? "" : " not", s.pci ? "give" : "leave out");
	for (i = 0; i < d->n && !rc; i++) {
		const struct device_type *t = d->dev[i].type;

		if (t->state)
			rc = record_get(r, t->state, 0, (uint8_t *)d->dev[i].dev + t->state_at,
					t->state_len, e);
		if (!rc && t->restored)
			rc = t->restored(d->dev[i].dev, r->name, e);
	}
	for (i = 0; i < d->nvirtio && !rc; i++)
		rc = virtio_load(d->virtio[i], i, r, e);
	return rc;
}
