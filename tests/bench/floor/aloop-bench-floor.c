// SPDX-License-Identifier: GPL-2.0
/*
 * The floor under a loopback's work: the kernel's own memcpy() of the same bytes in the same
 * pieces, between two buffers, and nothing else.
 *
 *	echo BUFFER PIECE COUNT >/sys/module/aloop_bench_floor/parameters/copy
 *
 * copies COUNT pieces of PIECE bytes, one after the other, round two buffers of BUFFER bytes each.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

static int copy_set(const char *val, const struct kernel_param *kp)
{
	unsigned int buffer, piece, count, at = 0;
	void *from, *to;

	if (sscanf(val, "%u %u %u", &buffer, &piece, &count) != 3 || !piece || buffer % piece ||
	    buffer > 64 << 20)
		return -EINVAL;
	from = vzalloc(buffer);
	to = vzalloc(buffer);
	if (!from || !to) {
		vfree(from);
		vfree(to);
		return -ENOMEM;
	}
	while (count--) {
		memcpy(to + at, from + at, piece);
		/* Something else looks at the memory: no copy is left out. */
		barrier_data(to);
		at = (at + piece) % buffer;
		cond_resched();
	}
	vfree(from);
	vfree(to);
	return 0;
}

static const struct kernel_param_ops copy_ops = { .set = copy_set };
module_param_cb(copy, &copy_ops, NULL, 0200);
MODULE_PARM_DESC(copy, "BUFFER PIECE COUNT: copies that many pieces round two buffers");

MODULE_DESCRIPTION("memcpy() of as many bytes as a loopback moves");
MODULE_LICENSE("GPL");
