// SPDX-License-Identifier: GPL-2.0
/*
 * calls DESCRIPTOR LENGTH: a program of 32 bits that makes its parent's ioctls (arm.rs). It maps
 * the parent's file DESCRIPTOR, and does what it is asked on stdin until that ends; the results go
 * to stdout.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sound/asound.h>

/* What compat.rs says of structures of 32 bits has to be what a compiler for them makes of ALSA's header. */
_Static_assert(sizeof(long) == 4, "32 bits");
_Static_assert(SNDRV_PCM_IOCTL_HW_REFINE == 0xc25c4110, "HW_REFINE");
_Static_assert(SNDRV_PCM_IOCTL_HW_PARAMS == 0xc25c4111, "HW_PARAMS");
_Static_assert(offsetof(struct snd_pcm_hw_params, fifo_size) == 536, "parameters alike");
_Static_assert(SNDRV_PCM_IOCTL_STATUS == 0x80804120, "STATUS");
_Static_assert(offsetof(struct snd_pcm_status, hw_ptr) == 44, "position");
_Static_assert(SNDRV_PCM_IOCTL_WRITEI_FRAMES == 0x400c4150, "WRITEI");
_Static_assert(SNDRV_PCM_IOCTL_READI_FRAMES == 0x800c4151, "READI");
_Static_assert(SNDRV_PCM_IOCTL_PREPARE == 0x4140, "PREPARE");
_Static_assert(SNDRV_PCM_IOCTL_START == 0x4142, "START");
_Static_assert(SNDRV_CTL_IOCTL_ELEM_READ == 0xc2c85512, "ELEM_READ");
_Static_assert(SNDRV_CTL_IOCTL_ELEM_WRITE == 0xc2c85513, "ELEM_WRITE");
_Static_assert(offsetof(struct snd_ctl_elem_value, value) == 72, "value");

/* Where the parent says that its memory is. */
#define BASE ((void *)0x40000000)

struct call {
	int32_t fd;
	uint32_t request;
	uint32_t argument;
};

int main(int argc, char **argv)
{
	struct call call;
	int parent, memory;

	if (argc != 3)
		return 2;
	parent = syscall(SYS_pidfd_open, getppid(), 0);
	memory = syscall(SYS_pidfd_getfd, parent, atoi(argv[1]), 0);
	if (mmap(BASE, atoi(argv[2]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
		 memory, 0) != BASE)
		return 3;

	while (read(STDIN_FILENO, &call, sizeof(call)) == sizeof(call)) {
		int fd = syscall(SYS_pidfd_getfd, parent, call.fd, 0);
		int32_t result = fd < 0 ? -errno : ioctl(fd, call.request, call.argument);

		if (fd >= 0 && result < 0)
			result = -errno;
		/* The parent may want to close its file, and nobody else to have it then. */
		close(fd);
		if (write(STDOUT_FILENO, &result, sizeof(result)) != sizeof(result))
			return 4;
	}
	return 0;
}
