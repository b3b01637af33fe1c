// SPDX-License-Identifier: GPL-2.0

//! Frames to and from a stream, by whichever access mode it has.

use super::Pcm;
use crate::kernel as k;
use crate::kernel::Errno;
use crate::signal::Audio;

impl Pcm {
    fn set_appl_ptr(&self, appl_ptr: u64) -> Result<(), Errno> {
        let mut sync = k::SyncPtr {
            flags: k::SYNC_PTR_AVAIL_MIN,
            appl_ptr,
            ..Default::default()
        };
        self.call("SYNC_PTR", k::SYNC_PTR, &mut sync).map(|_| ())
    }

    /// Writes frames of `audio` from `from` on, as many as fit; 0 if none does.
    pub fn write(&mut self, audio: &Audio, from: usize, frames: usize) -> Result<usize, Errno> {
        debug_assert!(from + frames <= audio.len());
        if frames == 0 {
            return Ok(0);
        }
        if self.map.is_some() {
            let (hw, appl) = self.pointers()?;
            let n = frames.min(self.free(hw, appl));
            self.copy(appl, n, |buffer, plane, offset| {
                let at = from * audio.unit + offset;
                buffer.copy_from_slice(&audio.planes[plane][at..at + buffer.len()]);
            });
            self.set_appl_ptr((appl + n as u64) % self.boundary)?;
            return Ok(n);
        }
        let pointers: Vec<*mut u8> = audio
            .planes
            .iter()
            .map(|p| p[from * audio.unit..].as_ptr().cast_mut())
            .collect();
        self.transfer(
            &pointers,
            frames,
            [("WRITEI", k::WRITEI), ("WRITEN", k::WRITEN)],
        )
    }

    /// Appends up to `frames` captured frames to `audio`; returns how many, 0 if there are none.
    pub fn read(&mut self, audio: &mut Audio, frames: usize) -> Result<usize, Errno> {
        let unit = audio.unit;
        if self.map.is_some() {
            let (hw, appl) = self.pointers()?;
            let avail = ((hw + self.boundary - appl) % self.boundary) as usize;
            let n = frames.min(avail);
            self.copy(appl, n, |buffer, plane, _| {
                audio.planes[plane].extend_from_slice(buffer);
            });
            self.set_appl_ptr((appl + n as u64) % self.boundary)?;
            return Ok(n);
        }
        let plane_bytes = frames * unit;
        let mut buffer = std::mem::take(&mut self.scratch);
        if buffer.len() < plane_bytes * audio.planes.len() {
            buffer.resize(plane_bytes * audio.planes.len(), 0);
        }
        let pointers: Vec<*mut u8> = buffer
            .chunks_mut(plane_bytes.max(1))
            .take(audio.planes.len())
            .map(|plane| plane.as_mut_ptr())
            .collect();
        let result = self.transfer(
            &pointers,
            frames,
            [("READI", k::READI), ("READN", k::READN)],
        );
        if let Ok(n) = result {
            for (plane, from) in audio
                .planes
                .iter_mut()
                .zip(buffer.chunks(plane_bytes.max(1)))
            {
                plane.extend_from_slice(&from[..n * unit]);
            }
        }
        self.scratch = buffer;
        result
    }

    /// READ or WRITE of one plane or of several; 0 if the call would have to wait.
    fn transfer(
        &self,
        planes: &[*mut u8],
        frames: usize,
        calls: [(&'static str, u64); 2],
    ) -> Result<usize, Errno> {
        let planar = self.config().access.is_planar();
        let (name, request) = calls[usize::from(planar)];
        let mut xfer = k::Xfer {
            result: 0,
            buf: if planar {
                planes.as_ptr().cast_mut().cast()
            } else {
                planes[0].cast()
            },
            frames: frames as u64,
        };
        match self.call(name, request, &mut xfer) {
            Ok(_) => Ok(xfer.result as usize),
            Err(e) if e.code == libc::EAGAIN => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Frames of a playback buffer that may be written.
    fn free(&self, hw: u64, appl: u64) -> usize {
        let queued = (appl + self.boundary - hw) % self.boundary;
        self.config().buffer().saturating_sub(queued as usize)
    }

    /// Calls `each` with the pieces of the mapped buffer that hold `n` frames from `appl` on: the
    /// piece, the number of its plane, and the offset of the piece in that plane's frames.
    fn copy(&mut self, appl: u64, n: usize, mut each: impl FnMut(&mut [u8], usize, usize)) {
        let cfg = *self.config();
        let (planes, unit) = if cfg.access.is_planar() {
            (cfg.channels, cfg.format.bytes)
        } else {
            (1, cfg.frame_bytes())
        };
        let map = self.map.as_mut().expect("the buffer is mapped");
        // SAFETY: The mapping is at least this long; only the kernel changes it beside us, and it
        // does so at the other side of the pointers.
        let buffer = unsafe { std::slice::from_raw_parts_mut(map.addr, map.bytes) };
        let start = (appl % cfg.buffer() as u64) as usize;
        let first = n.min(cfg.buffer() - start);
        for plane in 0..planes {
            let base = plane * cfg.buffer() * unit;
            let at = base + start * unit;
            each(&mut buffer[at..at + first * unit], plane, 0);
            each(
                &mut buffer[base..base + (n - first) * unit],
                plane,
                first * unit,
            );
        }
    }
}
