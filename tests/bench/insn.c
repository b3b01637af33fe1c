// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG: counts the instructions that the guest executes in its kernel and in
 * user space, and where in the kernel, between two marks.
 *
 * A mark is an instruction that does nothing, executed in user space:
 *
 *	nopl MARK(%rax,%rax,1)		0f 1f 84 00, and four bytes:
 *	MARK = 0xa1000000 | window	begins to count
 *	MARK = 0xa3000000 | window	begins to count, but only the way from idle (HLT) to user space
 *	MARK = 0xa2000000 | window	writes what was counted since
 *
 * For each window there is a line "window WINDOW kernel N user N ways N" and, for each block of
 * kernel code that was executed, "block WINDOW ADDRESS N", where N is a number of instructions, or
 * of ways from idle to user space.
 *
 * One processor only, as with qemu/run --deterministic. Counting takes the guest no time.
 *
 * Debian doesn't package qemu-plugin.h; what is declared here of it is QEMU's stable plugin
 * interface, version 4 (QEMU 10.0).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;
enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_INLINE_ADD_U64 = 0, QEMU_PLUGIN_COND_NE = 3 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
		qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
		void (*cb)(unsigned int vcpu, void *data), int flags, int cond,
		qemu_plugin_u64 entry, uint64_t imm, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		void (*cb)(unsigned int vcpu, void *data), int flags, void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = 4;

/* Counters: 0 is all of user space, the others are one for each block of the kernel. */
#define SLOTS (1u << 18)
struct counters {
	uint64_t count[SLOTS];
	/* The processor was idle, and user space has not run since. */
	uint64_t on_its_way;
};
static uint64_t address[SLOTS];
static unsigned int slots_used = 1;
static struct qemu_plugin_scoreboard *counters;
static FILE *out;

/* The sums of all ways from idle to user space, if it is these that are counted. */
static bool ways_only;
static uint64_t way_count[SLOTS];
static uint64_t ways;

/* The slot of the block at vaddr. Translated again, with another length, it stays the same block. */
static size_t slot_of(uint64_t vaddr)
{
	size_t slot = (vaddr * 0x9e3779b97f4a7c15ull) >> 46;

	while (slot == 0 || (address[slot] && address[slot] != vaddr))
		slot = (slot + 1) % SLOTS;
	if (!address[slot]) {
		if (++slots_used > SLOTS / 4 * 3) {
			fprintf(stderr, "insn.so: more blocks than it has room for\n");
			exit(1);
		}
		address[slot] = vaddr;
	}
	return slot;
}

static struct counters *counters_of(unsigned int vcpu)
{
	return qemu_plugin_scoreboard_find(counters, vcpu);
}

static void begin_window(unsigned int vcpu, void *data)
{
	(void)data;
	memset(counters_of(vcpu), 0, sizeof(struct counters));
	ways_only = false;
}

static void begin_ways(unsigned int vcpu, void *data)
{
	begin_window(vcpu, data);
	memset(way_count, 0, sizeof(way_count));
	ways = 0;
	ways_only = true;
}

static void goes_idle(unsigned int vcpu, void *data)
{
	(void)data;
	if (ways_only) {
		memset(counters_of(vcpu), 0, sizeof(struct counters));
		counters_of(vcpu)->on_its_way = 1;
	}
}

static void reaches_user(unsigned int vcpu, void *data)
{
	struct counters *now = counters_of(vcpu);

	(void)data;
	for (size_t slot = 1; slot < SLOTS; slot++)
		way_count[slot] += now->count[slot];
	ways++;
	now->on_its_way = 0;
}

static void end_window(unsigned int vcpu, void *data)
{
	const uint64_t *count = ways_only ? way_count : counters_of(vcpu)->count;
	const unsigned int window = (uintptr_t)data;
	uint64_t kernel = 0;

	for (size_t slot = 1; slot < SLOTS; slot++)
		kernel += count[slot];
	fprintf(out, "window %u kernel %" PRIu64 " user %" PRIu64 " ways %" PRIu64 "\n", window,
		kernel, count[0], ways_only ? ways : 0);
	for (size_t slot = 1; slot < SLOTS; slot++)
		if (count[slot])
			fprintf(out, "block %u %" PRIx64 " %" PRIu64 "\n", window, address[slot],
				count[slot]);
	fflush(out);
	ways_only = false;
	counters_of(vcpu)->on_its_way = 0;
}

static void translated_kernel(struct qemu_plugin_tb *tb, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint8_t code[2];

		if (qemu_plugin_insn_data(insn, code, sizeof(code)) == 1 && code[0] == 0xf4)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, goes_idle,
				QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

static void translated_user(struct qemu_plugin_tb *tb, size_t n)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x84, 0x00 };
	qemu_plugin_u64 on_its_way = { counters, offsetof(struct counters, on_its_way) };

	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, reaches_user, QEMU_PLUGIN_CB_NO_REGS,
		QEMU_PLUGIN_COND_NE, on_its_way, 0, NULL);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		void (*mark)(unsigned int vcpu, void *data);
		uint8_t code[8];
		uint32_t value;

		if (qemu_plugin_insn_data(insn, code, sizeof(code)) != sizeof(code) ||
		    memcmp(code, nopl, sizeof(nopl)))
			continue;
		memcpy(&value, code + sizeof(nopl), sizeof(value));
		switch (value >> 24) {
		case 0xa1:
			mark = begin_window;
			break;
		case 0xa2:
			mark = end_window;
			break;
		case 0xa3:
			mark = begin_ways;
			break;
		default:
			continue;
		}
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
			(void *)(uintptr_t)(value & 0xffffff));
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	const uint64_t vaddr = qemu_plugin_tb_vaddr(tb);
	const size_t n = qemu_plugin_tb_n_insns(tb);
	const bool user = !(vaddr >> 63);
	qemu_plugin_u64 entry = { counters, user ? 0 : slot_of(vaddr) * sizeof(uint64_t) };

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, entry, n);
	if (user)
		translated_user(tb, n);
	else
		translated_kernel(tb, n);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "insn.so: usage: -plugin insn.so,out=FILE\n");
		return 1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return 1;
	}
	counters = qemu_plugin_scoreboard_new(sizeof(struct counters));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
