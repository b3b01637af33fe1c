// SPDX-License-Identifier: GPL-2.0

//! What is chosen for a card, by the module's parameters or the attributes of its directory, and
//! each of its cables keeps to.

use crate::units::Delta;

/// What the cables of a card do, beside what the C driver's do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habits {
    /// A side that starts first waits for the other.
    pub(crate) wait_for_peer: bool,
    /// A capture ends when the playback is closed that it has heard.
    pub(crate) end_with_peer: bool,
    /// How late a period timer may be, so that several expire together.
    pub(crate) timer_slack: Delta,
}
