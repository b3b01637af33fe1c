// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel's headers, as functions that Rust can call: one line
 * each. Whatever decides anything is in Rust, and what goes around a fault of the core in quirks.c.
 *
 * They are called from Rust only, for which bindgen makes their prototypes.
 */

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <sound/pcm.h>
#include <sound/pcm_params.h>

#ifdef ALSA_VERSION
MODULE_VERSION(ALSA_VERSION);
#endif

/* kext/hrtimer.rs relies on it, as bindgen makes a type of its own of the enum for some kernels. */
static_assert(HRTIMER_NORESTART == 0 && HRTIMER_RESTART == 1);

/* A limit of the crate's own: who uses it up takes no messages away from others. */
static DEFINE_RATELIMIT_STATE(alsa_ratelimit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

bool rust_helper_alsa_ratelimit(void)
{
	return __ratelimit(&alsa_ratelimit);
}

void rust_helper_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	init_irq_work(work, func);
}

bool rust_helper_hrtimer_is_queued(struct hrtimer *timer)
{
	return hrtimer_is_queued(timer);
}

void rust_helper_hrtimer_set_expires_range_ns(struct hrtimer *timer, ktime_t time, u64 delta)
{
	hrtimer_set_expires_range_ns(timer, time, delta);
}

#ifdef CONFIG_PREEMPT_RT
void rust_helper_kthread_init_work(struct kthread_work *work, void (*func)(struct kthread_work *))
{
	kthread_init_work(work, func);
}
#endif

bool rust_helper_snd_pcm_is_oss(struct snd_pcm_substream *substream)
{
#if IS_ENABLED(CONFIG_SND_PCM_OSS)
	return substream->oss.oss;
#else
	return false;
#endif
}

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
 * A call that the compiler cannot look into: the buffers are mapped into user space as well, which
 * may write them at any time.
 */
void rust_helper_buffer_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
}

/* A bit that the core writes with the timer's lock held, which who asks does not take. */
bool rust_helper_snd_pcm_timer_running(const struct snd_pcm_substream *substream)
{
	return substream->timer_running;
}

int rust_helper_snd_mask_refine(struct snd_mask *mask, const struct snd_mask *by)
{
	return snd_mask_refine(mask, by);
}
