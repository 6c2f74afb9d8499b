// SPDX-License-Identifier: GPL-2.0-only
/*
 * The small devices of a PC: keyboard controller (reset), CMOS clock, ACPI
 * sleep and reset registers, debug-exit, fw_cfg, and the flat guests' output
 * port. Each is a bus_fn.
 */
#include "dev/pc.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "dev/device.h"

/* What a snapshot keeps; any value is safe. */
struct pc_regs {
	uint8_t i8042_cmd;	/* command awaiting its data byte */
	uint8_t i8042_out;	/* byte to be read from port 0x60 */
	uint8_t i8042_full;	/* 1: there is one */
	uint8_t cmos_index;
	uint8_t cmos[256];	/* 128 in use */
	uint32_t fw_key, fw_pos;
	uint32_t shutdown_pos;	/* how much of "Shutdown" port 0x8900 has seen */
	uint32_t latch;		/* test device, port 0xe0 */
};

struct pc {
	struct vm *vm;
	struct out out;
	struct pc_regs r;
	uint8_t *ioram;		/* mapped: calloc() would touch it all */
};

/* ---- keyboard controller: port 0x60 is offset 0, port 0x64 offset 4 ---- */

#define I8042_RESET	0xfe	/* pulse the CPU's reset line */

static void i8042_command(struct pc *pc, uint8_t v)
{
	pc->r.i8042_cmd = 0;
	switch (v) {
	case I8042_RESET:
		vm_stop(pc->vm, VM_RESET, "guest reset itself (keyboard controller)");
		break;
	case 0x20:		/* read command byte */
	case 0xaa:		/* self-test: passed */
	case 0xab:		/* port test: good */
		pc->r.i8042_out = v == 0xaa ? 0x55 : 0;
		pc->r.i8042_full = true;
		break;
	default:
		pc->r.i8042_cmd = v;
		break;
	}
}

static void pc_i8042(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;
	uint8_t *p = data;

	if (len != 1 || (off != 0 && off != 4))
		return;
	if (wr && off == 4) {
		i8042_command(pc, *p);
	} else if (wr) {
		pc->r.i8042_cmd = 0;	/* no keyboard hears it */
	} else if (off == 4) {
		*p = 0x14 | !!pc->r.i8042_full;	/* unlocked, self-test passed */
	} else {
		*p = pc->r.i8042_out;
		pc->r.i8042_full = false;
	}
}

/* ---- CMOS clock (MC146818) ---- */

static uint8_t bcd(int v)
{
	return (uint8_t)((v / 10) << 4 | v % 10);
}

/* gmtime_r() would read a file, which the sandbox forbids. */
static struct tm civil_time(int64_t now)
{
	int64_t day = now / 86400, era, doe, yoe, doy, mp;
	struct tm t = {
		.tm_sec = (int)(now % 60), .tm_min = (int)(now / 60 % 60),
		.tm_hour = (int)(now / 3600 % 24), .tm_wday = (int)((day + 4) % 7),
	};

	/* Years that begin in March, in eras of 400 of them. */
	day += 719468;
	era = day / 146097;
	doe = day % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	t.tm_mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	t.tm_mon = (int)(mp < 10 ? mp + 2 : mp - 10);
	t.tm_year = (int)(yoe + era * 400 + (t.tm_mon < 2) - 1900);
	return t;
}

static uint8_t cmos_read(const struct pc *pc, uint8_t reg)
{
	const struct tm t = civil_time(time(NULL));
	const int clock[] = {
		[0] = t.tm_sec, [2] = t.tm_min, [4] = t.tm_hour, [6] = t.tm_wday + 1,
		[7] = t.tm_mday, [8] = t.tm_mon + 1, [9] = t.tm_year % 100,
	};

	if (reg < 10 && reg != 1 && reg != 3 && reg != 5)	/* these: alarms */
		return bcd(clock[reg]);
	if (reg == PC_CENTURY)
		return bcd(19 + t.tm_year / 100);
	return pc->r.cmos[reg];
}

static void pc_cmos(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;
	uint8_t *p = data;

	if (len != 1)
		return;
	if (wr && !off)
		pc->r.cmos_index = *p & 0x7f;
	else if (wr && (pc->r.cmos_index < 0x0a || pc->r.cmos_index > 0x0d))
		pc->r.cmos[pc->r.cmos_index] = *p;
	else if (!wr && off)
		*p = cmos_read(pc, pc->r.cmos_index);
}

/* Status; memory sizes where firmware leaves them (KiB, then 64 KiB units). */
static void cmos_init(struct pc *pc, uint64_t low)
{
	uint64_t k = low > (1 << 20) ? (low - (1 << 20)) >> 10 : 0;
	uint64_t k64 = low > (16 << 20) ? (low - (16 << 20)) >> 16 : 0;

	k = k > 0xffff ? 0xffff : k;
	k64 = k64 > 0xffff ? 0xffff : k64;
	pc->r.cmos[0x0a] = 0x26;	/* no update in progress, 32 kHz base */
	pc->r.cmos[0x0b] = 0x02;	/* 24 hours, BCD */
	pc->r.cmos[0x0d] = 0x80;	/* battery good */
	pc->r.cmos[0x15] = 0x80;
	pc->r.cmos[0x16] = 0x02;		/* 640 KiB */
	pc->r.cmos[0x17] = pc->r.cmos[0x30] = (uint8_t)k;
	pc->r.cmos[0x18] = pc->r.cmos[0x31] = (uint8_t)(k >> 8);
	pc->r.cmos[0x34] = (uint8_t)k64;
	pc->r.cmos[0x35] = (uint8_t)(k64 >> 8);
}

/* ---- ACPI sleep and reset (ACPI 6.5, 4.8.3.6 and 4.8.3.7) ---- */

#define SLP_EN		0x20

static void pc_acpi(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;
	uint8_t *p = data;

	if (!wr) {
		memset(p, 0, len);
		return;
	}
	if (off == PC_SLEEP_CONTROL - PC_ACPI_PORT && (*p & SLP_EN)) {
		if (((*p >> 2) & 7) == PC_SLP_TYP_S5)
			vm_stop(pc->vm, VM_SHUTDOWN, NULL);
	} else if (off == PC_RESET_REG - PC_ACPI_PORT && *p == PC_RESET_VALUE) {
		vm_stop(pc->vm, VM_RESET, "guest reset itself (ACPI)");
	}
}

/* ---- what test kernels use ---- */

static void pc_debug_exit(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;
	uint32_t code = 0;

	if (!wr || off)
		return;
	memcpy(&code, data, len < 4 ? len : 4);
	/* A process status has 8 bits. */
	vm_stop(pc->vm, (int)((code << 1 | 1) & 0xff), NULL);
}

static void pc_shutdown(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	static const char word[] = "Shutdown";
	struct pc *pc = dev;
	char c = *(char *)data;
	uint32_t pos = pc->r.shutdown_pos & 7;	/* another vCPU may write there, too */

	if (!wr || off || len != 1)
		return;
	pos = c == word[pos] ? pos + 1 : c == word[0];
	if (!word[pos])
		vm_stop(pc->vm, VM_SHUTDOWN, NULL);
	pc->r.shutdown_pos = pos & 7;
}

/* fw_cfg (QEMU docs/specs/fw_cfg): 16-bit selector, then data by bytes. */
static uint8_t fw_byte(const struct pc *pc)
{
	uint64_t v = 0;

	switch (pc->r.fw_key) {
	case 0:		/* signature */
		memcpy(&v, "QEMU", 4);
		break;
	case 1:		/* traditional interface only */
		v = 1;
		break;
	case 3:
		v = mem_ram_low(&pc->vm->mem) + mem_ram_high(&pc->vm->mem);
		break;
	case 5:		/* number of CPUs, and the most there can be */
	case 15:
		v = pc->vm->cfg.cpus;
		break;
	default:
		break;
	}
	return pc->r.fw_pos < 8 ? (uint8_t)(v >> (8 * pc->r.fw_pos)) : 0;
}

static void pc_fw_cfg(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;
	uint8_t *p = data;

	if (wr && !off && len == 2) {
		pc->r.fw_key = p[0] | (uint32_t)p[1] << 8;
		pc->r.fw_pos = 0;
	} else if (!wr && off && len == 1) {
		*p = fw_byte(pc);
		if (pc->r.fw_pos < 8)
			pc->r.fw_pos++;
	}
}

/* pc-testdev: a latch to read back, memory by MMIO, and lines to pull. */
static void pc_latch(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;

	if (wr)
		memcpy((uint8_t *)&pc->r.latch + off, data, len);
	else
		memcpy(data, (uint8_t *)&pc->r.latch + off, len);
}

static void pc_ioram(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	uint8_t *p = ((struct pc *)dev)->ioram + off;

	memcpy(wr ? p : data, wr ? data : p, len);
}

static void pc_lines(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;

	(void)len;
	if (wr)
		vm_irq(pc->vm, (uint32_t)off, *(uint8_t *)data != 0);
}

static void pc_out(void *dev, uint64_t off, void *data, uint32_t len, bool wr)
{
	struct pc *pc = dev;

	/*
	 * The guest of the classic demo writes AX and means AL: a device of 8 bits
	 * sees only its own. A doubleword is for whoever wants four bytes.
	 */
	if (wr && !off)
		out_write(&pc->out, data, len == 2 ? 1 : len);
}

static int add(struct devices *d, struct device *x, struct err *e)
{
	const struct {
		uint64_t base, len;
		const char *name;
		bus_fn fn;
		bool flat;
	} ports[] = {
		{ 0x10, 4, "flat output", pc_out, true },
		{ 0x60, 5, "keyboard", pc_i8042, false },
		{ PC_CMOS_PORT, PC_CMOS_LEN, "CMOS clock", pc_cmos, false },
		{ 0xe0, 4, "test latch", pc_latch, false },
		{ 0xf4, 4, "debug exit", pc_debug_exit, false },
		{ 0x510, 2, "fw_cfg", pc_fw_cfg, false },
		{ PC_ACPI_PORT, PC_ACPI_LEN, "ACPI", pc_acpi, false },
		{ 0x2000, 24, "test lines", pc_lines, false },
		{ 0x8900, 1, "shutdown port", pc_shutdown, false },
	};
	struct pc *pc = x->dev;
	struct vm *vm = d->vm;
	unsigned int i;
	int rc;

	pc->vm = vm;
	pc->out = d->out;
	pc->ioram = mmap(NULL, PC_IORAM_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pc->ioram == MAP_FAILED)
		return err_set(e, -errno, "no memory for test memory: %m");
	cmos_init(pc, mem_ram_low(&vm->mem));
	rc = bus_add(&vm->mmio, PC_IORAM, PC_IORAM_LEN, "test memory", pc_ioram, pc, e);
	for (i = 0; i < sizeof(ports) / sizeof(ports[0]) && !rc; i++)
		if (d->flat || !ports[i].flat)
			rc = bus_add(&vm->pio, ports[i].base, ports[i].len, ports[i].name,
				     ports[i].fn, pc, e);
	return rc;
}

static void pc_free(void *dev)
{
	struct pc *pc = dev;

	if (pc->ioram != MAP_FAILED)
		munmap(pc->ioram, PC_IORAM_LEN);
}

const struct device_type pc_device = {
	.size = sizeof(struct pc), .add = add, .free = pc_free, .state = "pc",
	.state_at = offsetof(struct pc, r), .state_len = sizeof(struct pc_regs),
};
