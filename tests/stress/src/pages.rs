// SPDX-License-Identifier: GPL-2.0

//! The pages of a stream that the kernel shares with its client.

use support::kernel::Errno;
use support::pcm::Pcm;
use support::shared;
use support::shared::Page;

/// The status page and the control page, mapped.
pub struct Pages {
    status: Page,
    control: Page,
}

impl Pages {
    pub fn map(pcm: &Pcm) -> Result<Self, Errno> {
        Ok(Pages {
            status: Page::of(pcm, shared::STATUS)?,
            control: Page::of(pcm, shared::CONTROL)?,
        })
    }

    /// The position as the kernel knew it when somebody last asked.
    pub fn hw_ptr(&self) -> u64 {
        self.status.word(shared::HW_PTR)
    }

    /// Writes `avail_min` as it is.
    pub fn touch(&self) {
        let avail_min = self.control.word(shared::AVAIL_MIN);
        self.control.set_word(shared::AVAIL_MIN, avail_min);
    }
}
