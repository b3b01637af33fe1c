// SPDX-License-Identifier: GPL-2.0
/*
 * What goes around faults of the ALSA core, a section for each: what is wrong, what is done about
 * it here, which tests show it, and how the core would be mended. A section can go when no listed
 * kernel has the fault. All kernels of 7.2 and 7.3 have all of them; for a driver in C they are no
 * less.
 *
 * As in helpers.c, the functions are called from Rust only.
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <sound/core.h>
#include <sound/info.h>
#include <sound/pcm.h>
#include <sound/timer.h>

/*
 * A half-registered PCM device keeps its card for ever
 * -----------------------------------------------------
 * snd_pcm_dev_register() registers the playback, then the capture. If that fails, it returns, and
 * the device does not count as registered: so it is not disconnected either. The playback's device
 * keeps its reference to the card, for which snd_card_free() waits.
 *
 * Here: when snd_card_register() has failed, and before the card is freed, such halves are
 * unregistered.
 *
 * Tests: faults, that of loading the module, with the allocation that fails in the middle.
 *
 * In the core: in snd_pcm_dev_register(), where snd_register_device() has failed,
 *
 *	if (err < 0) {
 *		while (cidx--)
 *			if (pcm->streams[cidx].substream)
 *				snd_unregister_device(pcm->streams[cidx].dev);
 *		list_del_init(&pcm->list);
 *		return err;
 *	}
 */
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

/*
 * What is left of each card in /proc/asound
 * -----------------------------------------
 * snd_info_card_disconnect() removes the card's directory and forgets the entry that describes it, so
 * that snd_info_card_free() has nothing to free. It stays, with that of the file `id`, among the
 * children of the root until the module snd goes: some 400 bytes for each card that has gone.
 *
 * Here: the card remembers the entry, and frees it as the last thing that is its own. All other
 * files of the directory have been freed by then, which need the entry for that.
 *
 * Tests: memory.sh, 20.5.
 *
 * In the core: snd_info_card_disconnect() leaves `proc_root` as it is.
 */
static void alsa_card_private_free(struct snd_card *card)
{
	card->proc_root = NULL;
	snd_info_free_entry(card->private_data);
}

void rust_helper_alsa_card_keep_root(struct snd_card *card)
{
	card->private_data = card->proc_root;
	card->private_free = alsa_card_private_free;
}

/*
 * Whole buffers are counted by jiffies
 * ------------------------------------
 * The core knows positions modulo the buffer. In a stream without period wake-ups,
 * snd_pcm_update_hw_ptr0() concludes from jiffies how many buffers have gone by since it last knew
 * the position. That is wrong where frames and time part (a pause, another speed), and a loop
 * without end, with interrupts off, if a buffer is shorter than a jiffy.
 *
 * With period wake-ups, it takes the end of a period for that of another buffer, if not a whole
 * period has gone by since the last one, and more than half of the time of a buffer since anybody
 * asked. A driver that tells of an end which is not a period after the last one (of a recording,
 * say) has its stream stopped as an xrun for that. And if a whole buffer has gone by, that is
 * noticed only so: not if a buffer is shorter than some jiffies. In a buffer of one frame all
 * positions are the same.
 *
 * Here: the core is told that a buffer lasts for ever, from which it concludes nothing
 * (Querying::skip_buffers(), which calls this). The driver knows how many buffers there are between
 * the last position and @position, which is about to be returned to snd_pcm_update_hw_ptr0(): if
 * there are any, the buffer that the core takes to be the present one is moved on as it would do
 * itself. With period wake-ups, that is one buffer at most, and less than a period more.
 *
 * Tests: wakeups, 3.9; power, 12.3 "buffers lost after RESUME"; drain, 7.8 "a buffer of a frame or
 * two"; ends, 18.2 "... of a short buffer"; timing, 8.7 "a stream that never stops ...".
 *
 * In the core: a callback beside `pointer` that returns the frames since PREPARE, not modulo
 * anything; where a driver has it, snd_pcm_update_hw_ptr0() takes the difference to what it
 * returned before as `delta`, and looks at no jiffies.
 */
void rust_helper_snd_pcm_skip_buffers(struct snd_pcm_substream *substream, u64 buffers,
				      snd_pcm_uframes_t position)
{
	struct snd_pcm_runtime *runtime = substream->runtime;
	unsigned long size = runtime->buffer_size, hw_ptr = runtime->status->hw_ptr, count, buffer;
	unsigned long ahead = runtime->hw_ptr_base + position - hw_ptr;
	bool is_behind;

	if (position >= size)
		return;
	if (!runtime->no_period_wakeup) {
		if (position < hw_ptr - runtime->hw_ptr_base)
			ahead += size;
		/* More at once, the core takes for a mistake. */
		if (ahead >= runtime->period_size)
			return;
		buffers = 1;
	}
	/* The part of a buffer beyond may lead into the next one. */
	if (position < hw_ptr - runtime->hw_ptr_base)
		buffers++;
	buffer = runtime->hw_ptr_base / size + buffers;
	/*
	 * Positions start anew at the boundary, for a 32-bit program after 2^30 frames. One that
	 * seems to lie behind the last, the core takes to be in the next buffer.
	 */
	count = runtime->boundary / size;
	is_behind = buffer % count * size + position < hw_ptr;
	if (is_behind)
		buffer--;
	runtime->hw_ptr_base = buffer % count * size;
	runtime->hw_ptr_wrap += buffer / count * runtime->boundary;
	if (!is_behind || runtime->hw_ptr_base + position < hw_ptr)
		return;
	/*
	 * Not so in the first buffer after the boundary: the same position in the buffer before it,
	 * which is the last one, is not behind. What leads the core to the next buffer then is that
	 * the time of exactly one buffer has gone by.
	 */
	if (runtime->no_period_wakeup) {
		runtime->hw_ptr_buffer_jiffies = LONG_MAX / 4;
		runtime->hw_ptr_jiffies = jiffies - LONG_MAX / 4;
		/* In an interrupt, no period is missing besides. */
		runtime->hw_ptr_interrupt = 0;
	} else {
		/*
		 * With period wake-ups, it is an interrupt that has a period missing. Whoever else
		 * asks first learns nothing of the buffer, and it is left out.
		 */
		runtime->hw_ptr_buffer_jiffies = 0;
		runtime->hw_ptr_jiffies = jiffies - (size + ahead) * HZ / runtime->rate - 4;
		runtime->hw_ptr_interrupt = hw_ptr;
	}
}

/*
 * A capture in DRAINING takes its playbacks along
 * -----------------------------------------------
 * snd_pcm_stop() sets all linked streams to the state that is meant for one. For a capture,
 * DRAINING means that there is no more to come; for a playback, that it still plays:
 * snd_pcm_running() is true of it, and nothing will ever end it.
 *
 * Here: who stops a capture so first asks whether a playback is linked with it, or may just be
 * linked. It holds the stream lock, which the core takes inside of the lock of the group: so this
 * one only tries to take the latter.
 *
 * Tests: notify, 6.5 "... linked with a playback stops with it".
 *
 * In the core: in snd_pcm_post_stop(),
 *
 *	if (state == SNDRV_PCM_STATE_DRAINING &&
 *	    substream->stream == SNDRV_PCM_STREAM_PLAYBACK)
 *		state = SNDRV_PCM_STATE_SETUP;
 */
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

/*
 * A RESUME that fails half-way leaves streams running
 * ---------------------------------------------------
 * Where one of linked streams cannot go on, snd_pcm_undo_resume() suspends those again that have gone
 * on before, if they run: but none counts as running before all have gone on. They stay SUSPENDED
 * for the core, which stops them no more, and move frames in the driver.
 *
 * Here: the trigger that fails suspends them (Glue::undo_resume(), in glue.rs). Not those that are
 * linked with a stream of another driver's, if it is that which cannot go on: they run until they are
 * prepared or closed. Nor streams of other drivers that have gone on: snd-dummy's timer then runs when
 * its stream is closed and its memory freed.
 *
 * Tests: regressions, 12.3 "linked streams of which one cannot go on stay suspended" and the same
 * "beside another driver's".
 *
 * In the core: snd_pcm_undo_resume() asks for the condition of snd_pcm_do_resume(), in place of
 * snd_pcm_running().
 */

/*
 * lockdep takes the lock of a group for that of a stream
 * ------------------------------------------------------
 * Both are of the class that snd_pcm_group_init() gives. Where snd_pcm_stream_group_ref() finds the
 * lock of the group taken, it waits for it and takes that of the stream inside, and lockdep reports
 * a recursion that there is not.
 *
 * Here: the locks of streams get a class of their own, before the device is registered. The price:
 * streams of other drivers keep the core's class. Their lock held while one of ours is waited for
 * looks like a group's, and is not reported by itself. No driver on these abstractions takes a
 * stream's lock.
 *
 * Tests: regressions in the checker kernel, those with linked streams.
 *
 * In the core: a class of its own for `self_group`, set in snd_pcm_new_stream().
 */
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

/*
 * A drain is given up after a time
 * --------------------------------
 * In a stream with period wake-ups, snd_pcm_drain() waits for 1.1 times what the buffer lasts, or
 * 100 ms. If nothing has woken it then, it stops the stream, and returns EIO. `wait_time` is for
 * reads and writes only. A playback that waits for its capture (or for a clock that stands still)
 * has nothing to wake it with.
 *
 * Here: those who wait in a drain or a poll are woken, look anew, and wait again.
 *
 * Tests: peer.sh, 7.8.
 *
 * In the core: snd_pcm_drain() has `substream->wait_time` tell how long, as wait_for_avail() does.
 */
void rust_helper_snd_pcm_wake_drain(struct snd_pcm_substream *substream)
{
	wake_up(&substream->runtime->sleep);
}

/*
 * Two linked streams that are prepared wait for each other for ever
 * ------------------------------------------------------------------
 * PREPARE and RESET take the `buffer_mutex` of their own stream (snd_pcm_action_nonatomic()), then
 * those of the streams that are linked with it (snd_pcm_action_group()). Two threads that do so for
 * two linked streams at the same time hold one each, and wait for the other's; no signal ends that.
 *
 * Here: nothing. No callback of a driver comes before.
 *
 * Tests: the fuzzer met it, and makes no two such calls at the same time; nor does the stress test
 * of streams that may be linked.
 *
 * In the core: of a group, no stream's mutex comes first for all. snd_pcm_action_nonatomic() would
 * mark its own stream only (`buffer_accessing`), and snd_pcm_action_group() take the mutexes of all
 * of them, its own as well, in the order of the group's list, which is the same for each.
 */

/*
 * A buffer is freed while its stream runs
 * ---------------------------------------
 * HW_PARAMS, HW_FREE and PREPARE look at the state under the stream lock, let go of it, and free
 * the buffer, or prepare. Meanwhile `buffer_accessing` is negative, which START respects. But
 *
 * - a DRAIN that starts a prepared stream does not look at it (snd_pcm_do_drain_init());
 * - nor does the end of a pause, of a stream that another thread prepares, starts and pauses when
 *   PREPARE has made sure that it does not run;
 * - it says nothing of the linked streams that are prepared together, of which only the
 *   `buffer_mutex` is taken;
 * - close frees the buffer without it, of a stream that linked ones may have prepared and started
 *   again since it was dropped.
 *
 * What is freed is mapped, recorded, and played by others.
 *
 * Besides, snd_pcm_stop() stops none of a group of linked streams if one of them has no parameters
 * (snd_pcm_pre_stop() returns EBADFD): such a stream can't be stopped at all.
 *
 * Here: whatever is about to free or to prepare first takes the stream out of the states from which
 * it could go on, under the stream lock (snd_pcm_withdraw()), and stops it alone if the group can't
 * be stopped (snd_pcm_stop_surely(), which does what snd_pcm_drain_done() does, that is not
 * exported). glue.rs has the order of events. sync_stop, in which part of it happens, is called by
 * HW_PARAMS, HW_FREE and PREPARE with the buffer locked, and without at a system suspend, at a
 * close, and when the card goes: snd_pcm_buffer_locked() and the state tell what it is.
 *
 * Tests: races, 7.1 and 7.8; callbacks, "reading of 2026"; regressions, 67a01afaf3d3 and
 * e5c33cdc6f40.
 *
 * In the core: snd_pcm_drain(), and snd_pcm_pre_pause() for the end of a pause, look at
 * `buffer_accessing` as snd_pcm_pre_start() does; it is made negative for each member of a group
 * that is prepared, and by snd_pcm_release_substream(). And snd_pcm_pre_stop() refuses no group
 * because of a member in OPEN, whose state snd_pcm_post_stop() then leaves as it is.
 */

/*
 * Stops the stream, and those that are linked with it, or the stream alone. The stream lock is
 * held, and may be released and taken again meanwhile. Afterwards the stream does not run.
 */
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
 * Brings the stream into a state in which the core leaves its buffer alone: neither running nor to
 * be started, nor to go on after a pause. @freed: HW_PARAMS must come before any use; a RESET of
 * linked streams, which needs no state, fills in no silence either.
 */
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

/*
 * Are HW_PARAMS, HW_FREE, PREPARE or RESET at work on the buffer? They have called
 * snd_pcm_buffer_access_lock(), or have the mutex of a stream that is linked with theirs.
 */
bool rust_helper_snd_pcm_buffer_locked(struct snd_pcm_substream *substream)
{
	struct snd_pcm_runtime *runtime = substream->runtime;

	return atomic_read(&runtime->buffer_accessing) < 0 || mutex_is_locked(&runtime->buffer_mutex);
}

/*
 * The close of a timer keeps its processor from the callback that it waits for
 * ----------------------------------------------------------------------------
 * snd_timer_close() looks every 10 us, with udelay(), whether the callback is over. On PREEMPT_RT
 * that is run by a thread, of the real-time priority 1 or of none. Who closes on its processor and
 * has a higher one never lets it go on: the processor hangs, and whoever may open a timer and has
 * such a priority can do that. (Elsewhere a callback is not interrupted by a program.)
 *
 * Here: the timer is stopped, after which no callback begins; then the wait sleeps. The core waits
 * for the callbacks of slaves too, which any program could attach: so an instance must be opened
 * with no class of slaves (SNDRV_TIMER_SCLASS_NONE), and has none.
 *
 * Tests: hostile, 11.6 "a program of real-time priority closes cables by ticks", on a real-time
 * kernel, and source, 11.2 "no slave timer ticks with a cable's".
 *
 * In the core: the wait in snd_timer_close_locked() sleeps, as nothing but mutexes is held there; a
 * draft is in Documentation/upstream/timer-close.rst.
 */
void rust_helper_alsa_timer_close(struct snd_timer_instance *instance)
{
	snd_timer_stop(instance);
	while (READ_ONCE(instance->flags) & SNDRV_TIMER_IFLG_CALLBACK)
		fsleep(1000);
	snd_timer_close(instance);
}
