/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads: the headers whose items the `alsa` crate uses, and the constants that
 * bindgen cannot evaluate because they are macros with casts.
 */

#include <linux/hrtimer.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <sound/control.h>
#include <sound/core.h>
#include <sound/info.h>
#include <sound/initval.h>
#include <sound/pcm.h>
#include <sound/pcm_params.h>
#include <sound/timer.h>

#define RUST_CONST(type, name) const type RUST_CONST_HELPER_##name = name

RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S8);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_U8);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S16_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S16_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S24_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S24_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S32_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S32_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_FLOAT_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_FLOAT_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S24_3LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_S24_3BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_DSD_U8);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_DSD_U16_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_DSD_U32_LE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_DSD_U16_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_DSD_U32_BE);
RUST_CONST(snd_pcm_format_t, SNDRV_PCM_FORMAT_LAST);

RUST_CONST(snd_pcm_state_t, SNDRV_PCM_STATE_SETUP);
RUST_CONST(snd_pcm_state_t, SNDRV_PCM_STATE_PREPARED);
RUST_CONST(snd_pcm_state_t, SNDRV_PCM_STATE_RUNNING);
RUST_CONST(snd_pcm_state_t, SNDRV_PCM_STATE_XRUN);
RUST_CONST(snd_pcm_state_t, SNDRV_PCM_STATE_DRAINING);

RUST_CONST(snd_pcm_access_t, SNDRV_PCM_ACCESS_MMAP_INTERLEAVED);
RUST_CONST(snd_pcm_access_t, SNDRV_PCM_ACCESS_RW_INTERLEAVED);
RUST_CONST(snd_pcm_access_t, SNDRV_PCM_ACCESS_RW_NONINTERLEAVED);

RUST_CONST(snd_ctl_elem_type_t, SNDRV_CTL_ELEM_TYPE_BOOLEAN);
RUST_CONST(snd_ctl_elem_type_t, SNDRV_CTL_ELEM_TYPE_INTEGER);
RUST_CONST(snd_ctl_elem_type_t, SNDRV_CTL_ELEM_TYPE_ENUMERATED);
RUST_CONST(snd_ctl_elem_iface_t, SNDRV_CTL_ELEM_IFACE_CARD);
RUST_CONST(snd_ctl_elem_iface_t, SNDRV_CTL_ELEM_IFACE_MIXER);
RUST_CONST(snd_ctl_elem_iface_t, SNDRV_CTL_ELEM_IFACE_PCM);
