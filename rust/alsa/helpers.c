// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel's headers, as functions that Rust can call.
 *
 * They are called from Rust only, for which bindgen makes their prototypes. What goes around a
 * fault of the core is in quirks.c.
 */

#include <linux/fcntl.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <sound/control.h>
#include <sound/core.h>
#include <sound/info.h>
#include <sound/pcm.h>
#include <sound/pcm_params.h>
#include <sound/timer.h>

#ifdef ALSA_VERSION
MODULE_VERSION(ALSA_VERSION);
#endif

/* `pcm/glue.rs` returns a zero for it: see there. */
static_assert(HRTIMER_NORESTART == 0);

unsigned long rust_helper_thread_switches(void)
{
	return current->nvcsw + current->nivcsw;
}

/* A limit of the crate's own: who uses it up takes no messages away from others. */
bool rust_helper_alsa_printk_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(state, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&state);
}

void rust_helper_snd_card_unref(struct snd_card *card)
{
	snd_card_unref(card);
}

unsigned int rust_helper_alsa_current_pid(void)
{
	return current->pid;
}

void rust_helper_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	init_irq_work(work, func);
}

/*
 * For the callback of a timer, about to return: what it has to return to have it expire at @at.
 * Nobody starts the timer meanwhile, but somebody may have just before.
 */
enum hrtimer_restart rust_helper_hrtimer_again(struct hrtimer *timer, ktime_t at)
{
	if (hrtimer_is_queued(timer)) {
		hrtimer_start(timer, at, HRTIMER_MODE_ABS);
		return HRTIMER_NORESTART;
	}
	hrtimer_set_expires(timer, at);
	return HRTIMER_RESTART;
}

#ifdef CONFIG_PREEMPT_RT
void rust_helper_kthread_init_work(struct kthread_work *work, void (*func)(struct kthread_work *))
{
	kthread_init_work(work, func);
}

/*
 * A thread for the period timers of a PCM device, of the priority that the threads of interrupts
 * have. It must not be freezable: streams are suspended after that, and wait for it.
 */
struct kthread_worker *rust_helper_alsa_pcm_thread_new(struct snd_card *card, unsigned int device)
{
	struct kthread_worker *worker;

	worker = kthread_create_worker(0, "snd/C%dD%u", card->number, device);
	if (!IS_ERR(worker)) {
		sched_set_fifo(worker->task);
		wake_up_process(worker->task);
	}
	return worker;
}
#endif

unsigned long rust_helper_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool rust_helper_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	return spin_trylock_irqsave(lock, *flags);
}

void rust_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

/*
 * A call that the compiler cannot look into: the rings are mapped into user space as well, which
 * may write them at any time.
 */
void rust_helper_ring_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
}

bool rust_helper_snd_pcm_running(struct snd_pcm_substream *substream)
{
	return snd_pcm_running(substream);
}

/* Is this a read or write that may wait? */
bool rust_helper_snd_pcm_may_wait(struct snd_pcm_substream *substream)
{
	return substream->runtime->twake && !(substream->f_flags & O_NONBLOCK);
}

/*
 * The greatest of the values of the other substreams that are linked with this one and have the
 * same callbacks. The caller is in a trigger: the group is locked.
 */
u64 rust_helper_snd_pcm_max_linked(struct snd_pcm_substream *substream,
				   u64 (*value)(struct snd_pcm_substream *))
{
	struct snd_pcm_substream *s;
	u64 greatest = 0;

	snd_pcm_group_for_each_entry(s, substream) {
		if (s != substream && s->ops == substream->ops)
			greatest = max(greatest, value(s));
	}
	return greatest;
}

/*
 * Of the substreams that are linked with this one and have the same callbacks, the one that the
 * core comes to first. The caller is in a trigger: the group is locked.
 */
struct snd_pcm_substream *rust_helper_snd_pcm_first_linked(struct snd_pcm_substream *substream)
{
	struct snd_pcm_substream *s;

	snd_pcm_group_for_each_entry(s, substream) {
		if (s->ops == substream->ops)
			return s;
	}
	return substream;
}

snd_pcm_format_t rust_helper_params_format(struct snd_pcm_hw_params *params)
{
	return params_format(params);
}

snd_pcm_access_t rust_helper_params_access(struct snd_pcm_hw_params *params)
{
	return params_access(params);
}

unsigned int rust_helper_params_rate(struct snd_pcm_hw_params *params)
{
	return params_rate(params);
}

unsigned int rust_helper_params_channels(struct snd_pcm_hw_params *params)
{
	return params_channels(params);
}

unsigned int rust_helper_params_period_size(struct snd_pcm_hw_params *params)
{
	return params_period_size(params);
}

unsigned int rust_helper_params_buffer_size(struct snd_pcm_hw_params *params)
{
	return params_buffer_size(params);
}

/* Leaves of the format mask only what is in @formats; see snd_mask_refine(). */
int rust_helper_params_refine_formats(struct snd_pcm_hw_params *params, u64 formats)
{
	struct snd_mask mask;

	snd_mask_none(&mask);
	mask.bits[0] = lower_32_bits(formats);
	mask.bits[1] = upper_32_bits(formats);
	return snd_mask_refine(hw_param_mask(params, SNDRV_PCM_HW_PARAM_FORMAT), &mask);
}

/* Leaves of the interval @var only @min to @max; see snd_interval_refine(). */
int rust_helper_params_refine_range(struct snd_pcm_hw_params *params, snd_pcm_hw_param_t var,
				    unsigned int min, unsigned int max)
{
	struct snd_interval range = { .min = min, .max = max };

	return snd_interval_refine(hw_param_interval(params, var), &range);
}

/* A rule that depends on the parameter that it is for. */
int rust_helper_snd_pcm_hw_rule_add_one(struct snd_pcm_runtime *runtime, int var,
					snd_pcm_hw_rule_func_t func, void *private_data)
{
	return snd_pcm_hw_rule_add(runtime, 0, var, func, private_data, var, -1);
}

#if IS_BUILTIN(CONFIG_KUNIT)
/* For the unit test of layout.rs: the sizes of structs, in its order; 0 after the last one. */
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
#ifdef CONFIG_PREEMPT_RT
		sizeof(struct kthread_work),
#endif
	};

	return number < ARRAY_SIZE(sizes) ? sizes[number] : 0;
}
#endif
