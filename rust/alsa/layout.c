// SPDX-License-Identifier: GPL-2.0
/*
 * For the unit test in layout.rs, and built only where there are unit tests: how large the structs
 * are that the crate knows from bindgen.
 */

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <sound/control.h>
#include <sound/core.h>
#include <sound/info.h>
#include <sound/pcm.h>
#include <sound/timer.h>

/* The sizes of the structs, in the order of layout.rs; 0 after the last one. */
size_t rust_helper_alsa_size(unsigned int number)
{
	static const size_t sizes[] = {
		sizeof(struct snd_card),
		sizeof(struct snd_ctl_elem_id),
		sizeof(struct snd_ctl_elem_info),
		sizeof(struct snd_ctl_elem_value),
		sizeof(struct snd_device_ops),
		sizeof(struct snd_info_buffer),
		sizeof(struct snd_info_entry),
		sizeof(struct snd_interval),
		sizeof(struct snd_kcontrol),
		sizeof(struct snd_kcontrol_new),
		sizeof(struct snd_mask),
		sizeof(struct snd_pcm),
		sizeof(struct snd_pcm_group),
		sizeof(struct snd_pcm_hardware),
		sizeof(struct snd_pcm_hw_params),
		sizeof(struct snd_pcm_hw_rule),
		sizeof(struct snd_pcm_ops),
		sizeof(struct snd_pcm_runtime),
		sizeof(struct snd_pcm_substream),
		sizeof(struct snd_timer_id),
		sizeof(struct snd_timer_instance),
		sizeof(spinlock_t),
		sizeof(struct hrtimer),
		sizeof(struct irq_work),
		sizeof(struct kthread_work),
		sizeof(struct kthread_worker),
		sizeof(struct task_struct),
	};

	return number < ARRAY_SIZE(sizes) ? sizes[number] : 0;
}

/* Where the fields of a task are that the crate reads. */
size_t rust_helper_alsa_task_offset(bool voluntary)
{
	return voluntary ? offsetof(struct task_struct, nvcsw) :
			   offsetof(struct task_struct, nivcsw);
}
