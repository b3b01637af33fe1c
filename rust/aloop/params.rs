// SPDX-License-Identifier: GPL-2.0

//! The module's parameters: an array each, with a slot for each card.

// The names are those that users type.
#![expect(non_upper_case_globals)]

use alsa::module_param_array;

/// The number of slots, which is `SNDRV_CARDS` of Debian's kernels.
pub(crate) const SLOTS: usize = 32;

/// The greatest number of substreams of a device and direction.
pub(crate) const MAX_SUBSTREAMS: u32 = 8;

/// The greatest number of channels of a card in a slot.
pub(crate) const SLOT_CHANNELS_MAX: u32 = 32;

module_param_array! {
    /// The number of each card; negative: the bits of the numbers that it may have.
    pub(crate) static index: [int; SLOTS] = [-1; SLOTS], "Index value for loopback soundcard."
}

module_param_array! {
    /// The identifier of each card.
    pub(crate) static id: [charp; SLOTS], "ID string for loopback soundcard."
}

module_param_array! {
    /// Whether there is a card in the slot: one card, unless the user asks for more.
    pub(crate) static enable: [bool; SLOTS] = {
        let mut slots = [false; SLOTS];
        slots[0] = true;
        slots
    }, "Enable this loopback soundcard."
}

module_param_array! {
    /// The number of substreams of each device and direction, 1 to [`MAX_SUBSTREAMS`].
    pub(crate) static pcm_substreams: [int; SLOTS] = [MAX_SUBSTREAMS as i32; SLOTS],
        "PCM substreams # (1-8) for loopback driver."
}

module_param_array! {
    /// What the cables of each card run by, until its file `timer_source` says otherwise; see
    /// [`source`](crate::source).
    pub(crate) static timer_source: [charp; SLOTS],
        "Sound card name or number and device/subdevice number of timer to be used. Empty string for system timer [default]."
}

module_param_array! {
    /// What the controls `PCM Notify` are set to at first: anything but 0 is on.
    pub(crate) static pcm_notify: [int; SLOTS] = [0; SLOTS],
        "Break capture when PCM format/rate/channels changes."
}

module_param_array! {
    /// Whether a side of a cable that starts first waits for the other; see
    /// [`cable`](crate::cable).
    pub(crate) static wait_for_peer: [bool; SLOTS] = [false; SLOTS],
        "The side that starts first waits until the other starts."
}

module_param_array! {
    /// Whether a recording ends when its playback is closed; see [`cable`](crate::cable).
    pub(crate) static end_with_peer: [bool; SLOTS] = [false; SLOTS],
        "A recording ends when its playback is closed."
}

module_param_array! {
    /// How late period timers may be, in microseconds, 0 to [`SLACK_MAX`](crate::duty::SLACK_MAX):
    /// so that those of several streams expire together.
    pub(crate) static timer_slack: [int; SLOTS] = [0; SLOTS],
        "How late period wake-ups may be, in us (0-1000), to save interrupts."
}
