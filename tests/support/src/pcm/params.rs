// SPDX-License-Identifier: GPL-2.0

//! The parameters of a stream: HW_PARAMS and SW_PARAMS.

use super::Pcm;
use crate::config::Config;
use crate::kernel as k;
use crate::kernel::Errno;

impl Pcm {
    pub fn hw_refine(&self, params: &k::HwParams) -> Result<k::HwParams, Errno> {
        let mut params = *params;
        self.call("HW_REFINE", k::HW_REFINE, &mut params)?;
        Ok(params)
    }

    pub fn hw_params(&self, params: &k::HwParams) -> Result<k::HwParams, Errno> {
        let mut params = *params;
        self.call("HW_PARAMS", k::HW_PARAMS, &mut params)?;
        Ok(params)
    }

    pub fn hw_free(&mut self) -> Result<(), Errno> {
        self.map = None;
        self.hw_free_mapped()
    }

    /// HW_FREE that leaves the buffer mapped, if it is.
    pub fn hw_free_mapped(&self) -> Result<(), Errno> {
        self.plain("HW_FREE", k::HW_FREE)
    }

    /// HW_PARAMS and SW_PARAMS: no automatic start, stop at a full or empty buffer, wake-up at each
    /// period, time stamps of CLOCK_MONOTONIC. The state is SETUP afterwards.
    pub fn setup(&mut self, cfg: &Config) -> Result<(), Errno> {
        self.map = None;
        self.hw_params(&cfg.request())?;
        self.cfg = Some(*cfg);
        self.sw_params(cfg.buffer() as u64)?;
        if cfg.access.is_mmap() {
            self.map = Some(self.map_buffer(cfg.buffer() * cfg.frame_bytes())?);
        }
        Ok(())
    }

    /// HW_PARAMS alone, with `flags`. The buffer is neither mapped nor unmapped.
    pub fn set_params(&mut self, cfg: &Config, flags: u32) -> Result<(), Errno> {
        let mut request = cfg.request();
        request.flags |= flags;
        self.hw_params(&request)?;
        self.cfg = Some(*cfg);
        Ok(())
    }

    /// `setup` and PREPARE.
    pub fn configure(&mut self, cfg: &Config) -> Result<(), Errno> {
        self.setup(cfg)?;
        self.prepare()
    }

    /// SW_PARAMS with the given stop threshold; `u64::MAX` never stops the stream.
    pub fn sw_params(&mut self, stop_threshold: u64) -> Result<(), Errno> {
        let half = self.half_a_period();
        self.set_thresholds(u64::MAX, stop_threshold, half)
    }

    /// SW_PARAMS for a stream that starts by itself when `frames` frames are asked for.
    pub fn sw_params_starting_at(&mut self, frames: u64) -> Result<(), Errno> {
        let half = self.half_a_period();
        self.set_thresholds(frames, self.config().buffer() as u64, half)
    }

    /// SW_PARAMS for a stream whose application is woken when a whole period is available.
    pub fn sw_params_waking_at_a_period(&mut self) -> Result<(), Errno> {
        let cfg = self.config();
        let (period, buffer) = (u64::from(cfg.period), cfg.buffer() as u64);
        self.set_thresholds(u64::MAX, buffer, period)
    }

    /// SW_PARAMS for a stream that never stops by itself and wakes who waits for `frames` frames.
    pub fn sw_params_waking_at(&mut self, frames: u64) -> Result<(), Errno> {
        self.set_thresholds(u64::MAX, u64::MAX, frames)
    }

    /// Enough to be woken at: a wake-up comes at a period's end, and must not be missed because
    /// some frames of that period were moved already.
    fn half_a_period(&self) -> u64 {
        u64::from(self.config().period / 2).max(1)
    }

    /// SW_PARAMS for a stream that never stops by itself, that starts without frames, and whose
    /// buffer the core fills with silence at the START and behind the hardware position.
    pub fn sw_params_with_silence(&mut self) -> Result<(), Errno> {
        let boundary = self.boundary;
        let mut sw = k::SwParams {
            period_step: 1,
            avail_min: 1,
            start_threshold: boundary,
            stop_threshold: boundary,
            silence_size: boundary,
            proto: 0x2_000c,
            ..Default::default()
        };
        self.call("SW_PARAMS", k::SW_PARAMS, &mut sw).map(|_| ())
    }

    /// SW_PARAMS: the frames asked for that start the stream, the frames available that stop it,
    /// and those that wake who waits. `u64::MAX` is never.
    pub fn set_thresholds(&mut self, start: u64, stop: u64, avail_min: u64) -> Result<(), Errno> {
        const NEVER: u64 = i64::MAX as u64;
        let mut sw = k::SwParams {
            tstamp_mode: 1,
            period_step: 1,
            avail_min,
            start_threshold: start.min(NEVER),
            stop_threshold: stop.min(NEVER),
            proto: 0x2_000c,
            tstamp_type: 1,
            ..Default::default()
        };
        self.call("SW_PARAMS", k::SW_PARAMS, &mut sw)?;
        self.boundary = sw.boundary;
        Ok(())
    }

    pub fn config(&self) -> &Config {
        self.cfg.as_ref().expect("the stream has parameters")
    }
}
