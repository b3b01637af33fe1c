// SPDX-License-Identifier: GPL-2.0

//! The parser of `timer_source`.

use kernel::prelude::*;

#[kunit_tests(aloop_source)]
mod tests {
    use crate::source::{
        Error,
        Source, //
    };

    /// Of a system with one card, number 3, with the identifier PCH.
    fn parse(text: &[u8]) -> Result<Source, Error> {
        Source::parse(text, |id| (id == b"PCH").then_some(3))
    }

    fn timer(card: i32, device: i32, subdevice: i32) -> Result<Source, Error> {
        Ok(Source::Timer {
            card,
            device,
            subdevice,
            follows: false,
        })
    }

    #[test]
    fn system_clock() {
        assert!(parse(b"") == Ok(Source::System));
        assert!(parse(b"hrtimer") == Ok(Source::System));
    }

    /// The prefix that is not passed over.
    #[test]
    fn followed() {
        let followed = Ok(Source::Timer {
            card: 3,
            device: 0,
            subdevice: 1,
            follows: true,
        });
        assert!(parse(b"follow:PCH.0.1") == followed);
        assert!(parse(b"Follow:PCH.0.1") == timer(3, 0, 1));
        assert!(parse(b"follow:none") == Err(Error::Absent));
        assert!(parse(b"follow:1.x") == Err(Error::Invalid));
    }

    #[test]
    fn timers() {
        assert!(parse(b"1") == timer(1, 0, 0));
        assert!(parse(b"-1.3") == timer(-1, 3, 0));
        assert!(parse(b"0x1,010.+2\n") == timer(1, 8, 2));
        assert!(parse(b"hw:PCH.0.1") == timer(3, 0, 1));
        assert!(parse(b"-2147483648") == timer(i32::MIN, 0, 0));
    }

    #[test]
    fn refused() {
        for text in [
            &b"hw:"[..],
            b"hrtimer2",
            b"hw:Intel",
            b"0.x",
            b"0.",
            b"0.0.",
            b"0.1.2.3",
            b"0. 1",
            b"0.1 ",
            b"0.08",
        ] {
            assert!(parse(text) == Err(Error::Invalid));
        }
        for text in [
            &b"2147483648"[..],
            b"-2147483649",
            b"99999999999999999999",
            b"0.0x100000000",
        ] {
            assert!(parse(text) == Err(Error::Range));
        }
    }
}
