// SPDX-License-Identifier: GPL-2.0-only
#include "dev/serial.h"

#include <stddef.h>
#include <string.h>

#include "dev/device.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RX		1
#define IER_THRE	2
#define IIR_NONE	1
#define IIR_THRE	2
#define IIR_RX		4
#define IIR_FIFO	0xc0
#define FCR_ENABLE	1
#define FCR_CLEAR_RX	2
#define LCR_DLAB	0x80
#define MCR_RTS		2
#define MCR_LOOP	0x10
#define MCR_BITS	0x1f
#define MCR_NEW		0x80	/* ours: the guest never wrote it */
#define LSR_DR		1
#define LSR_EMPTY	0x60	/* THRE and TEMT: we send at once */
#define MSR_READY	0xb0	/* DCD, DSR, CTS */

void serial_init(struct serial *s, const struct irq *irq, const struct out *out)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->irq = *irq;
	s->out = *out;
	s->r.mcr = 8 | MCR_NEW;
	s->wake_fd = -1;
	s->r.dll = 1;
}

/*
 * Is the guest ready for input? Linux, for one, clears the FIFO and reads from it
 * while it looks for the chip: what came before must still be on the wire, then.
 */
static bool ready(const struct serial *s)
{
	return (s->r.mcr & (MCR_RTS | MCR_LOOP)) || (s->r.ier & IER_RX);
}

static bool has_data(const struct serial *s)
{
	return s->r.count && (ready(s) || (s->r.mcr & MCR_NEW));
}

static bool takes_input(const struct serial *s)
{
	return !(s->r.mcr & MCR_LOOP) && (ready(s) || (s->r.mcr & MCR_NEW));
}

static uint8_t cause(const struct serial *s)
{
	if ((s->r.ier & IER_RX) && s->r.count)
		return IIR_RX;
	if ((s->r.ier & IER_THRE) && s->r.thre)
		return IIR_THRE;
	return IIR_NONE;
}

/* Pass on changes only: each is a system call. */
static void update_irq(struct serial *s)
{
	int level = cause(s) != IIR_NONE;

	if (level != s->level) {
		s->level = level;
		if (s->irq.set)
			s->irq.set(s->irq.ctx, s->irq.line, level);
	}
}

static uint32_t put(struct serial *s, uint8_t c)
{
	if (s->r.count == SERIAL_FIFO)
		return 0;
	s->r.fifo[(s->r.head + s->r.count++) % SERIAL_FIFO] = c;
	return 1;
}

/* A reader may keep us waiting: whoever brings input must not wait with us. */
static void send_unlocked(struct serial *s, uint8_t c)
{
	pthread_mutex_unlock(&s->lock);
	out_write(&s->out, &c, 1);
	pthread_mutex_lock(&s->lock);
}

static void transmit(struct serial *s, uint8_t c)
{
	if (s->r.mcr & MCR_LOOP)
		put(s, c);
	else
		send_unlocked(s, c);
	s->r.thre = true;
}

static void write_reg(struct serial *s, uint64_t reg, uint8_t v)
{
	bool dlab = s->r.lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			s->r.dll = v;
		else
			transmit(s, v);
		break;
	case IER:
		if (dlab) {
			s->r.dlm = v;
			break;
		}
		/* Enabling the interrupt raises it at once: there is room. */
		if ((v & IER_THRE) && !(s->r.ier & IER_THRE))
			s->r.thre = true;
		s->r.ier = v & 0xf;
		break;
	case IIR_FCR:
		s->r.fcr = v;
		if ((v & FCR_CLEAR_RX) && ready(s))
			s->r.count = 0;
		break;
	case LCR:
		s->r.lcr = v;
		break;
	case MCR:
		s->r.mcr = v & MCR_BITS;
		break;
	case SCR:
		s->r.scr = v;
		break;
	default:	/* LSR, MSR: read only */
		break;
	}
}

static uint8_t read_data(struct serial *s)
{
	uint8_t c;

	if (!has_data(s))
		return 0;
	c = s->r.fifo[s->r.head];
	s->r.head = (s->r.head + 1) % SERIAL_FIFO;
	s->r.count--;
	return c;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t c = cause(s);

	if (c == IIR_THRE)
		s->r.thre = false;
	return c | (s->r.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_msr(const struct serial *s)
{
	if (!(s->r.mcr & MCR_LOOP))
		return MSR_READY;
	/* DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
	return (uint8_t)(((s->r.mcr & 1) << 5) | ((s->r.mcr & 2) << 3) |
			 ((s->r.mcr & 4) << 4) | ((s->r.mcr & 8) << 4));
}

static uint8_t read_reg(struct serial *s, uint64_t reg)
{
	bool dlab = s->r.lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		return dlab ? s->r.dll : read_data(s);
	case IER:
		return dlab ? s->r.dlm : s->r.ier;
	case IIR_FCR:
		return read_iir(s);
	case LCR:
		return s->r.lcr;
	case MCR:
		return s->r.mcr & MCR_BITS;
	case LSR:
		return LSR_EMPTY | (has_data(s) ? LSR_DR : 0);
	case MSR:
		return read_msr(s);
	default:
		return s->r.scr;
	}
}

void serial_io(void *dev, uint64_t off, void *data, uint32_t len, bool is_write)
{
	struct serial *s = dev;
	uint8_t *p = data;
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < len; i++) {
		if (is_write)
			write_reg(s, off + i, p[i]);
		else
			p[i] = read_reg(s, off + i);
	}
	update_irq(s);
	if (s->refused && takes_input(s) && s->r.count <= SERIAL_FIFO / 2) {
		s->refused = false;
		event_ring(s->wake_fd);
	}
	pthread_mutex_unlock(&s->lock);
}

uint32_t serial_input(void *dev, const uint8_t *buf, uint32_t len)
{
	struct serial *s = dev;
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < len && takes_input(s) && put(s, buf[i]); i++)
		;
	s->refused = i < len;
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return i;
}

/* ---- the device ---- */

static void set_line(void *vm, uint32_t line, int level)
{
	vm_irq(vm, line, level);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	struct irq irq = { set_line, d->vm, SERIAL_IRQ };

	serial_init(x->dev, &irq, &d->out);
	((struct serial *)x->dev)->wake_fd = d->input_fd;
	d->input = (struct device_input){ x->dev, serial_input };
	return bus_add(&d->vm->pio, SERIAL_PORT, SERIAL_LEN, "serial", serial_io, x->dev, e);
}

static int restored(void *dev, const char *file, struct err *e)
{
	struct serial *s = dev;

	if (s->r.head >= SERIAL_FIFO || s->r.count > SERIAL_FIFO)
		return err_set(e, -EBADMSG, "%s: serial FIFO at %u with %u bytes",
			       file, s->r.head, s->r.count);
	s->r.ier &= 0xf;
	s->r.mcr &= MCR_BITS | MCR_NEW;
	update_irq(s);
	return 0;
}

const struct device_type serial_device = {
	.append = "console=ttyS0 panic=-1", .size = sizeof(struct serial), .add = add,
	.state = "serial", .state_at = offsetof(struct serial, r),
	.state_len = sizeof(struct serial_regs), .restored = restored,
};
