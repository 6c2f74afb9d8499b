// SPDX-License-Identifier: GPL-2.0
#include "dev/serial.h"

#include <string.h>

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
#define MCR_LOOP	0x10
#define LSR_DR		1
#define LSR_EMPTY	0x60	/* THRE and TEMT: we send at once */
#define MSR_READY	0xb0	/* DCD, DSR, CTS */

void serial_init(struct serial *s, const struct irq *irq, const struct out *out)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->irq = *irq;
	s->out = *out;
	s->mcr = 8;
	s->dll = 1;
}

static uint8_t cause(const struct serial *s)
{
	if ((s->ier & IER_RX) && s->count)
		return IIR_RX;
	if ((s->ier & IER_THRE) && s->thre)
		return IIR_THRE;
	return IIR_NONE;
}

/* KVM is told only of changes: each is a system call. */
static void update_irq(struct serial *s)
{
	int level = cause(s) != IIR_NONE;

	if (level != s->level) {
		s->level = level;
		irq_set(&s->irq, level);
	}
}

static uint32_t put(struct serial *s, uint8_t c)
{
	if (s->count == SERIAL_FIFO)
		return 0;
	s->fifo[(s->head + s->count++) % SERIAL_FIFO] = c;
	return 1;
}

static void transmit(struct serial *s, uint8_t c)
{
	if (s->mcr & MCR_LOOP)
		put(s, c);
	else
		out_write(&s->out, &c, 1);
	s->thre = true;
}

static void write_reg(struct serial *s, uint64_t reg, uint8_t v)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			s->dll = v;
		else
			transmit(s, v);
		break;
	case IER:
		if (dlab) {
			s->dlm = v;
			break;
		}
		/* Turning it on tells at once that there is room. */
		if ((v & IER_THRE) && !(s->ier & IER_THRE))
			s->thre = true;
		s->ier = v & 0xf;
		break;
	case IIR_FCR:
		s->fcr = v;
		if (v & FCR_CLEAR_RX)
			s->count = 0;
		break;
	case LCR:
		s->lcr = v;
		break;
	case MCR:
		s->mcr = v & 0x1f;
		break;
	case SCR:
		s->scr = v;
		break;
	default:	/* LSR, MSR: read only */
		break;
	}
}

static uint8_t read_data(struct serial *s)
{
	uint8_t c;

	if (!s->count)
		return 0;
	c = s->fifo[s->head];
	s->head = (s->head + 1) % SERIAL_FIFO;
	s->count--;
	return c;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t c = cause(s);

	if (c == IIR_THRE)
		s->thre = false;
	return c | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_msr(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_READY;
	/* DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
	return (uint8_t)(((s->mcr & 1) << 5) | ((s->mcr & 2) << 3) |
			 ((s->mcr & 4) << 4) | ((s->mcr & 8) << 4));
}

static uint8_t read_reg(struct serial *s, uint64_t reg)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		return dlab ? s->dll : read_data(s);
	case IER:
		return dlab ? s->dlm : s->ier;
	case IIR_FCR:
		return read_iir(s);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		return LSR_EMPTY | (s->count ? LSR_DR : 0);
	case MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

void serial_io(void *dev, uint64_t off, void *data, uint32_t len,
	       bool is_write)
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
	pthread_mutex_unlock(&s->lock);
}

uint32_t serial_room(struct serial *s)
{
	uint32_t n;

	pthread_mutex_lock(&s->lock);
	n = SERIAL_FIFO - s->count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

uint32_t serial_input(struct serial *s, const uint8_t *buf, uint32_t len)
{
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < len && put(s, buf[i]); i++)
		;
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return i;
}
