// SPDX-License-Identifier: GPL-2.0

//! What the controls of the cables said last, and what has been told of them.

use support::elements::NAMES;

use super::soon;
use super::CABLES;
use crate::calls::Fd;
use crate::control;
use crate::control::Card;
use crate::found;
use crate::world::SLOTS;

/// What a card's controls have said.
pub struct Watch {
    fd: Fd,
    numids: [[u32; NAMES.len()]; CABLES],
    values: [[Option<i64>; NAMES.len()]; CABLES],
    /// The events that came after the values had been read.
    told: Vec<u32>,
}

impl Watch {
    pub fn new(number: usize, card: &Card) -> Result<Self, String> {
        let fd = control::subscribed(number)
            .map_err(|errno| format!("control device {number}: error {errno}"))?;
        let mut numids = [[0; NAMES.len()]; CABLES];
        for (cable, numids) in numids.iter_mut().enumerate() {
            let (device, _, subdevice) = SLOTS[cable * 2 + 1];
            for (numid, name) in numids.iter_mut().zip(NAMES) {
                *numid = card
                    .numid(name, device, subdevice)
                    .ok_or_else(|| format!("no control {name} of {device}, {subdevice}"))?;
            }
        }
        Ok(Watch {
            fd,
            numids,
            values: Default::default(),
            told: Vec::new(),
        })
    }

    /// A new program begins.
    pub fn forget(&mut self) {
        self.values = Default::default();
        self.told = control::told(self.fd.0);
    }

    pub(super) fn read(&self, cable: usize, which: usize) -> i64 {
        let numid = self.numids[cable][which];
        match control::value(self.fd.0, numid) {
            Ok(value) => value,
            Err(errno) => found(&format!(
                "{} of cable {cable} can't be read: error {errno}",
                NAMES[which]
            )),
        }
    }

    /// Notes a value that was read. [9.6, 9.12, 9.13] If it is another one than before, an event
    /// has told so.
    pub(super) fn note(&mut self, cable: usize, which: usize, new: i64) {
        let Some(old) = self.values[cable][which].replace(new) else {
            return;
        };
        let numid = self.numids[cable][which];
        if old == new {
            return;
        }
        let was_told = soon(|| {
            if !self.told.contains(&numid) {
                self.told.extend(control::told(self.fd.0));
            }
            self.told.contains(&numid)
        });
        if !was_told {
            found(&format!(
                "rule 9.12: {} (control {numid}) of cable {cable} has become {new}, it was {old}; \
                 no event told so, but those of {:?}",
                NAMES[which], self.told
            ));
        }
        // Others may belong to values that have not been read yet. So may this one, which the
        // kernel merges with the next, if the value is another one by now.
        if self.read(cable, which) == new {
            self.told.retain(|&told| told != numid);
        }
        self.told.sort_unstable();
        self.told.dedup();
    }
}
