// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel's headers, as functions that Rust can call.
 *
 * They are called from Rust only: a header would have no reader, hence each prototype stands right
 * before its function.
 */

#include <linux/atomic.h>
#include <linux/fcntl.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <sound/control.h>
#include <sound/core.h>
#include <sound/info.h>
#include <sound/pcm.h>
#include <sound/pcm_params.h>
#include <sound/timer.h>

MODULE_VERSION(ALSA_VERSION);

/* `pcm/glue.rs` returns a zero for it: see there. */
static_assert(HRTIMER_NORESTART == 0);

/* A limit of the crate's own: who uses it up takes no messages away from others. */
bool rust_helper_alsa_printk_ratelimit(void);
bool rust_helper_alsa_printk_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(state, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&state);
}

void rust_helper_snd_card_unref(struct snd_card *card);
void rust_helper_snd_card_unref(struct snd_card *card)
{
	snd_card_unref(card);
}

/*
 * If the playback of a PCM device was registered and its capture could not be, the core forgets the
 * playback: it neither disconnects it nor gives back its reference to the card, for which
 * snd_card_free() then waits for ever. To be called when snd_card_register() has failed.
 */
void rust_helper_alsa_card_unregister_halves(struct snd_card *card);
void rust_helper_alsa_card_unregister_halves(struct snd_card *card)
{
	struct snd_device *dev;
	struct snd_pcm *pcm;
	int i;

	list_for_each_entry(dev, &card->devices, list) {
		if (dev->type != SNDRV_DEV_PCM || dev->state == SNDRV_DEV_REGISTERED)
			continue;
		pcm = dev->device_data;
		for (i = 0; i < ARRAY_SIZE(pcm->streams); i++) {
			if (pcm->streams[i].dev && device_is_registered(pcm->streams[i].dev))
				snd_unregister_device(pcm->streams[i].dev);
		}
	}
}

unsigned int rust_helper_alsa_current_pid(void);
unsigned int rust_helper_alsa_current_pid(void)
{
	return current->pid;
}

void rust_helper_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *));
void rust_helper_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	init_irq_work(work, func);
}

#ifdef CONFIG_PREEMPT_RT
void rust_helper_kthread_init_work(struct kthread_work *work, void (*func)(struct kthread_work *));
void rust_helper_kthread_init_work(struct kthread_work *work, void (*func)(struct kthread_work *))
{
	kthread_init_work(work, func);
}

/*
 * A thread for the period timers of a PCM device, of the priority that the threads of interrupts have. It must
 * not be freezable: streams are suspended after that, and wait for it.
 */
struct kthread_worker *rust_helper_alsa_pcm_thread_new(struct snd_card *card, unsigned int device);
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

unsigned long rust_helper_spin_lock_irqsave(spinlock_t *lock);
unsigned long rust_helper_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool rust_helper_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags);
bool rust_helper_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	return spin_trylock_irqsave(lock, *flags);
}

void rust_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
void rust_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

/*
 * A call that the compiler cannot look into: the rings are mapped into user space as well, which
 * may write them at any time.
 */
void rust_helper_ring_copy(void *to, const void *from, size_t len);
void rust_helper_ring_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
}

bool rust_helper_snd_pcm_running(struct snd_pcm_substream *substream);
bool rust_helper_snd_pcm_running(struct snd_pcm_substream *substream)
{
	return snd_pcm_running(substream);
}

/*
 * How many frames must be available for the end of a period to wake those who wait; 0 if somebody
 * wants to know of the end itself.
 */
snd_pcm_uframes_t rust_helper_snd_pcm_wakeup_frames(struct snd_pcm_substream *substream);
snd_pcm_uframes_t rust_helper_snd_pcm_wakeup_frames(struct snd_pcm_substream *substream)
{
	struct snd_pcm_runtime *runtime = substream->runtime;
	snd_pcm_uframes_t twake;

	/* Without the lock: it is right most of the time, and nothing is lost if not. */
	if (substream->timer_running || READ_ONCE(runtime->fasync))
		return 0;
	/* The core silences what has been played at the end of each period. */
	if (READ_ONCE(runtime->silence_size))
		return 0;
	/* As snd_pcm_update_state() does. */
	twake = READ_ONCE(runtime->twake);
	return twake ? twake : READ_ONCE(runtime->control->avail_min);
}

/*
 * In a stream without period wake-ups the core concludes from jiffies how many rings have gone by since
 * it last knew the position. That is wrong where frames and time part (a pause, another speed), and a
 * loop without end if a ring is shorter than a jiffy. The driver knows how many. So the core is told that
 * a ring lasts for ever, from which it concludes nothing, and the ring that it takes to be the present one
 * is moved on as it would do itself.
 *
 * In a ring of one frame all positions are the same, with period wake-ups too: there the next frame is the
 * next ring.
 *
 * The caller is in the pointer callback of snd_pcm_update_hw_ptr0(), which looks at both afterwards, and
 * about to return @position. @rings: how many whole rings there are between the last position and this.
 */
void rust_helper_snd_pcm_skip_rings(struct snd_pcm_substream *substream, u64 rings,
				    snd_pcm_uframes_t position);
void rust_helper_snd_pcm_skip_rings(struct snd_pcm_substream *substream, u64 rings,
				    snd_pcm_uframes_t position)
{
	struct snd_pcm_runtime *runtime = substream->runtime;
	unsigned long size = runtime->buffer_size, count, ring;

	if (runtime->no_period_wakeup)
		runtime->hw_ptr_buffer_jiffies = LONG_MAX;
	else if (size == 1)
		rings = min(rings, 1); /* More at once, the core takes for a mistake. */
	else
		return;
	if (!rings || position >= size)
		return;
	/* The part of a ring beyond may lead into the next one. */
	if (position < runtime->status->hw_ptr - runtime->hw_ptr_base)
		rings++;
	ring = runtime->hw_ptr_base / size + rings;
	/*
	 * Positions start anew at the boundary, for a 32-bit program after 2^30 frames. One that seems to lie
	 * behind the last, the core takes to be in the next ring.
	 */
	count = runtime->boundary / size;
	if (ring % count * size + position < runtime->status->hw_ptr)
		ring--;
	runtime->hw_ptr_base = ring % count * size;
	runtime->hw_ptr_wrap += ring / count * runtime->boundary;
}

/*
 * Is a playback among the streams that are linked with this one, or may there be one? With the stream lock
 * held, which the core takes inside of that of the group: so this one must not wait for the latter.
 */
bool rust_helper_snd_pcm_linked_playback(struct snd_pcm_substream *substream);
bool rust_helper_snd_pcm_linked_playback(struct snd_pcm_substream *substream)
{
	struct snd_pcm_group *group = substream->group;
	struct snd_pcm_substream *s;
	bool found = false;

	if (!snd_pcm_stream_linked(substream))
		return false;
	if (!spin_trylock(&group->lock))
		return true;
	snd_pcm_group_for_each_entry(s, substream) {
		if (s->stream == SNDRV_PCM_STREAM_PLAYBACK)
			found = true;
	}
	spin_unlock(&group->lock);
	return found;
}

/* Is this a read or write that may wait? */
bool rust_helper_snd_pcm_may_wait(struct snd_pcm_substream *substream);
bool rust_helper_snd_pcm_may_wait(struct snd_pcm_substream *substream)
{
	return substream->runtime->twake && !(substream->f_flags & O_NONBLOCK);
}

/*
 * The greatest of the values of the other substreams that are linked with this one and have the same
 * callbacks. The caller is in a trigger: the group is locked.
 */
u64 rust_helper_snd_pcm_max_linked(struct snd_pcm_substream *substream,
				   u64 (*value)(struct snd_pcm_substream *));
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
 * Gives the locks of the streams a lockdep class of their own. The core has one for them and for the
 * locks of groups of linked streams; where it finds that of a group taken, it waits for it and takes
 * that of the stream inside (snd_pcm_stream_group_ref()), and lockdep reports a recursion that there
 * is not. To be called before the device is registered.
 *
 * The price: streams of other drivers keep the core's class. Their lock held while one of ours is waited
 * for looks like a group's, and is not reported by itself. No driver on these abstractions takes a
 * stream's lock.
 */
void rust_helper_snd_pcm_classify_locks(struct snd_pcm *pcm);
void rust_helper_snd_pcm_classify_locks(struct snd_pcm *pcm)
{
	static struct lock_class_key key;
	struct snd_pcm_substream *substream;
	int i;

	for (i = 0; i < ARRAY_SIZE(pcm->streams); i++)
		for (substream = pcm->streams[i].substream; substream; substream = substream->next)
			lockdep_set_class_and_name(&substream->self_group.lock, &key,
						   "snd_pcm_substream::self_group");
}

/* Those who wait in a drain or a poll look anew, and wait again. */
void rust_helper_snd_pcm_wake_drain(struct snd_pcm_substream *substream);
void rust_helper_snd_pcm_wake_drain(struct snd_pcm_substream *substream)
{
	wake_up(&substream->runtime->sleep);
}

/*
 * Stops the stream, and those that are linked with it. The core refuses that if one of these has no
 * parameters (OPEN, after HW_FREE or a HW_PARAMS that failed). Then this stream is stopped alone, as the core
 * does at the end of a drain: snd_pcm_drain_done(), which is not exported. The stream lock is held, and may
 * be released and taken again meanwhile. Afterwards the stream does not run.
 */
void rust_helper_snd_pcm_stop_surely(struct snd_pcm_substream *substream, snd_pcm_state_t state);
void rust_helper_snd_pcm_stop_surely(struct snd_pcm_substream *substream, snd_pcm_state_t state)
{
	struct snd_pcm_runtime *runtime = substream->runtime;

	if (snd_pcm_stop(substream, state) >= 0 || !snd_pcm_running(substream))
		return;
	runtime->trigger_master = NULL;
	substream->ops->trigger(substream, SNDRV_PCM_TRIGGER_STOP);
	runtime->stop_operating = true;
	if (!runtime->trigger_tstamp_latched)
		snd_pcm_gettime(runtime, &runtime->trigger_tstamp);
	__snd_pcm_set_state(runtime, state);
	if (substream->timer)
		snd_timer_notify(substream->timer, SNDRV_TIMER_EVENT_MSTOP,
				 &runtime->trigger_tstamp);
	wake_up(&runtime->sleep);
	wake_up(&runtime->tsleep);
}

/*
 * Brings the stream into a state in which the core leaves its buffer alone: neither running nor to be
 * started, nor to go on after a pause. @freed: HW_PARAMS must come before any use; a RESET of linked
 * streams, which needs no state, fills in no silence either.
 */
void rust_helper_snd_pcm_withdraw(struct snd_pcm_substream *substream, bool freed);
void rust_helper_snd_pcm_withdraw(struct snd_pcm_substream *substream, bool freed)
{
	struct snd_pcm_runtime *runtime = substream->runtime;
	unsigned long flags;

	snd_pcm_stream_lock_irqsave(substream, flags);
	if (snd_pcm_running(substream))
		rust_helper_snd_pcm_stop_surely(substream, SNDRV_PCM_STATE_SETUP);
	/* The lock may have been released meanwhile. */
	if (runtime->state == SNDRV_PCM_STATE_PREPARED ||
	    runtime->state == SNDRV_PCM_STATE_PAUSED)
		__snd_pcm_set_state(runtime, SNDRV_PCM_STATE_SETUP);
	if (freed)
		runtime->silence_size = 0;
	snd_pcm_stream_unlock_irqrestore(substream, flags);
}

/* Does the stream run, or play the rest of a drain? Not to be called with the stream lock held. */
bool rust_helper_snd_pcm_runs(struct snd_pcm_substream *substream);
bool rust_helper_snd_pcm_runs(struct snd_pcm_substream *substream)
{
	unsigned long flags;
	bool runs;

	snd_pcm_stream_lock_irqsave(substream, flags);
	runs = snd_pcm_running(substream);
	snd_pcm_stream_unlock_irqrestore(substream, flags);
	return runs;
}

/*
 * Of the substreams that are linked with this one and have the same callbacks, the one that the core
 * comes to first. The caller is in a trigger: the group is locked.
 */
struct snd_pcm_substream *rust_helper_snd_pcm_first_linked(struct snd_pcm_substream *substream);
struct snd_pcm_substream *rust_helper_snd_pcm_first_linked(struct snd_pcm_substream *substream)
{
	struct snd_pcm_substream *s;

	snd_pcm_group_for_each_entry(s, substream) {
		if (s->ops == substream->ops)
			return s;
	}
	return substream;
}

/*
 * Are HW_PARAMS, HW_FREE, PREPARE or RESET at work on the buffer? They have called
 * snd_pcm_buffer_access_lock(), or have the mutex of a stream that is linked with theirs.
 */
bool rust_helper_snd_pcm_buffer_locked(struct snd_pcm_substream *substream);
bool rust_helper_snd_pcm_buffer_locked(struct snd_pcm_substream *substream)
{
	struct snd_pcm_runtime *runtime = substream->runtime;

	return atomic_read(&runtime->buffer_accessing) < 0 || mutex_is_locked(&runtime->buffer_mutex);
}

snd_pcm_uframes_t rust_helper_snd_pcm_appl_ptr(struct snd_pcm_substream *substream);
snd_pcm_uframes_t rust_helper_snd_pcm_appl_ptr(struct snd_pcm_substream *substream)
{
	/*
	 * The samples up to there, and the hw_ptr, are read after it. That they are written before it is up to
	 * the writer: an application with a mapped ring needs a barrier of its own, and the core, in a write,
	 * has no more than the stream lock that it takes in between.
	 */
	return smp_load_acquire(&substream->runtime->control->appl_ptr);
}

snd_pcm_uframes_t rust_helper_snd_pcm_hw_ptr(struct snd_pcm_substream *substream);
snd_pcm_uframes_t rust_helper_snd_pcm_hw_ptr(struct snd_pcm_substream *substream)
{
	return READ_ONCE(substream->runtime->status->hw_ptr);
}

/* snd_pcm_ioctl_hw_params_compat() writes it without a lock, when the stream may already run. */
snd_pcm_uframes_t rust_helper_snd_pcm_boundary(struct snd_pcm_substream *substream);
snd_pcm_uframes_t rust_helper_snd_pcm_boundary(struct snd_pcm_substream *substream)
{
	return READ_ONCE(substream->runtime->boundary);
}

snd_pcm_state_t rust_helper_snd_pcm_state(struct snd_pcm_substream *substream);
snd_pcm_state_t rust_helper_snd_pcm_state(struct snd_pcm_substream *substream)
{
	return READ_ONCE(substream->runtime->state);
}

snd_pcm_uframes_t rust_helper_snd_pcm_stop_threshold(struct snd_pcm_substream *substream);
snd_pcm_uframes_t rust_helper_snd_pcm_stop_threshold(struct snd_pcm_substream *substream)
{
	return READ_ONCE(substream->runtime->stop_threshold);
}

snd_pcm_format_t rust_helper_params_format(struct snd_pcm_hw_params *params);
snd_pcm_format_t rust_helper_params_format(struct snd_pcm_hw_params *params)
{
	return params_format(params);
}

snd_pcm_access_t rust_helper_params_access(struct snd_pcm_hw_params *params);
snd_pcm_access_t rust_helper_params_access(struct snd_pcm_hw_params *params)
{
	return params_access(params);
}

unsigned int rust_helper_params_rate(struct snd_pcm_hw_params *params);
unsigned int rust_helper_params_rate(struct snd_pcm_hw_params *params)
{
	return params_rate(params);
}

unsigned int rust_helper_params_channels(struct snd_pcm_hw_params *params);
unsigned int rust_helper_params_channels(struct snd_pcm_hw_params *params)
{
	return params_channels(params);
}

unsigned int rust_helper_params_period_size(struct snd_pcm_hw_params *params);
unsigned int rust_helper_params_period_size(struct snd_pcm_hw_params *params)
{
	return params_period_size(params);
}

unsigned int rust_helper_params_buffer_size(struct snd_pcm_hw_params *params);
unsigned int rust_helper_params_buffer_size(struct snd_pcm_hw_params *params)
{
	return params_buffer_size(params);
}

/* Leaves of the format mask only what is in @formats; see snd_mask_refine(). */
int rust_helper_params_refine_formats(struct snd_pcm_hw_params *params, u64 formats);
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
				    unsigned int min, unsigned int max);
int rust_helper_params_refine_range(struct snd_pcm_hw_params *params, snd_pcm_hw_param_t var,
				    unsigned int min, unsigned int max)
{
	struct snd_interval range = { .min = min, .max = max };

	return snd_interval_refine(hw_param_interval(params, var), &range);
}

/* A rule that depends on the parameter that it is for. */
int rust_helper_snd_pcm_hw_rule_add_one(struct snd_pcm_runtime *runtime, int var,
				    snd_pcm_hw_rule_func_t func, void *private_data);
int rust_helper_snd_pcm_hw_rule_add_one(struct snd_pcm_runtime *runtime, int var,
				    snd_pcm_hw_rule_func_t func, void *private_data)
{
	return snd_pcm_hw_rule_add(runtime, 0, var, func, private_data, var, -1);
}

#if IS_BUILTIN(CONFIG_KUNIT)
/* For the unit test of layout.rs: the sizes of structs, in its order; 0 after the last one. */
size_t rust_helper_alsa_size(unsigned int number);
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
