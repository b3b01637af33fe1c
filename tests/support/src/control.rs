// SPDX-License-Identifier: GPL-2.0

//! The control device of a card, through alsa-lib.
//!
//! The `alsa` crate offers neither the list of elements nor their ranges and access, and takes
//! values of 32 bits only; so this speaks to alsa-lib through its bindings.

use std::ffi::CStr;
use std::ffi::CString;
use std::ptr;

use alsa_sys as sys;

use crate::kernel::Errno;

/// `SND_CTL_NONBLOCK`, which the bindings lack.
const NONBLOCK: libc::c_int = 1;

/// Type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Integer,
    Enumerated,
    Other,
}

/// What the card says about one element.
#[derive(Clone, Debug)]
pub struct Element {
    pub numid: u32,
    pub iface: u32,
    pub name: String,
    pub index: u32,
    pub device: u32,
    pub subdevice: u32,
    pub kind: Kind,
    pub count: u32,
    pub min: i64,
    pub max: i64,
    pub step: i64,
    pub items: Vec<String>,
    /// `rw`, or `r-` and so on, followed by `volatile`, `inactive`, `locked`, `tlv` if set.
    pub access: String,
}

/// Lets alsa-lib say nothing of errors in the calling thread. They are returned, too.
pub fn say_nothing() {
    unsafe extern "C" fn nothing(
        _: *const libc::c_char,
        _: libc::c_int,
        _: *const libc::c_char,
        _: libc::c_int,
        _: *const libc::c_char,
        _: *mut sys::__va_list_tag,
    ) {
    }
    // SAFETY: The handler ignores its arguments.
    unsafe { sys::snd_lib_error_set_local(Some(nothing)) };
}

/// An open control device.
pub struct Control(*mut sys::snd_ctl_t);

// SAFETY: A handle belongs to whoever has it, not to a thread.
unsafe impl Send for Control {}

impl Drop for Control {
    fn drop(&mut self) {
        // SAFETY: The handle is open and this was its only owner.
        unsafe { sys::snd_ctl_close(self.0) };
    }
}

fn checked(call: &'static str, result: libc::c_int) -> Result<i32, Errno> {
    if result < 0 {
        Err(Errno {
            call,
            code: -result,
        })
    } else {
        Ok(result)
    }
}

/// Allocates one of alsa-lib's opaque structures, runs `$body` with it, and frees it.
macro_rules! with {
    ($alloc:ident, $free:ident, |$p:ident| $body:expr) => {{
        let mut $p = ptr::null_mut();
        // SAFETY: alsa-lib fills `p` with a structure that is ours until it is freed.
        checked(stringify!($alloc), unsafe { sys::$alloc(&mut $p) })?;
        // SAFETY: As above; the body uses the structure as alsa-lib's documentation says.
        let result = unsafe { $body };
        // SAFETY: The structure was allocated above and is not used any more.
        unsafe { sys::$free($p) };
        result
    }};
}

/// # Safety
///
/// `text` must be a valid C string.
unsafe fn owned(text: *const libc::c_char) -> String {
    // SAFETY: As the caller promises.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

impl Control {
    pub fn open(card: u32) -> Result<Self, Errno> {
        let name = CString::new(format!("hw:{card}")).expect("no NUL in a name");
        let mut handle = ptr::null_mut();
        // SAFETY: `name` is a valid C string, `handle` a valid place for the result.
        checked("snd_ctl_open", unsafe {
            sys::snd_ctl_open(&mut handle, name.as_ptr(), NONBLOCK)
        })?;
        Ok(Control(handle))
    }

    /// The number ids of all elements, in the card's order.
    pub fn list(&self) -> Result<Vec<u32>, Errno> {
        with!(snd_ctl_elem_list_malloc, snd_ctl_elem_list_free, |list| {
            checked("ELEM_LIST", sys::snd_ctl_elem_list(self.0, list))?;
            let count = sys::snd_ctl_elem_list_get_count(list);
            checked("ELEM_LIST", sys::snd_ctl_elem_list_alloc_space(list, count))?;
            checked("ELEM_LIST", sys::snd_ctl_elem_list(self.0, list))?;
            let used = sys::snd_ctl_elem_list_get_used(list);
            let ids = (0..used)
                .map(|i| sys::snd_ctl_elem_list_get_numid(list, i))
                .collect();
            sys::snd_ctl_elem_list_free_space(list);
            Ok(ids)
        })
    }

    pub fn element(&self, numid: u32) -> Result<Element, Errno> {
        with!(snd_ctl_elem_info_malloc, snd_ctl_elem_info_free, |info| {
            sys::snd_ctl_elem_info_set_numid(info, numid);
            checked("ELEM_INFO", sys::snd_ctl_elem_info(self.0, info))?;
            let kind = match sys::snd_ctl_elem_info_get_type(info) {
                sys::SND_CTL_ELEM_TYPE_BOOLEAN => Kind::Boolean,
                sys::SND_CTL_ELEM_TYPE_INTEGER => Kind::Integer,
                sys::SND_CTL_ELEM_TYPE_ENUMERATED => Kind::Enumerated,
                _ => Kind::Other,
            };
            let mut element = Element {
                numid: sys::snd_ctl_elem_info_get_numid(info),
                iface: sys::snd_ctl_elem_info_get_interface(info),
                name: owned(sys::snd_ctl_elem_info_get_name(info)),
                index: sys::snd_ctl_elem_info_get_index(info),
                device: sys::snd_ctl_elem_info_get_device(info),
                subdevice: sys::snd_ctl_elem_info_get_subdevice(info),
                kind,
                count: sys::snd_ctl_elem_info_get_count(info),
                min: 0,
                max: 0,
                step: 0,
                items: Vec::new(),
                access: String::new(),
            };
            let flags = [
                (sys::snd_ctl_elem_info_is_readable(info), "r", "-"),
                (sys::snd_ctl_elem_info_is_writable(info), "w", "-"),
                (sys::snd_ctl_elem_info_is_volatile(info), " volatile", ""),
                (sys::snd_ctl_elem_info_is_inactive(info), " inactive", ""),
                (sys::snd_ctl_elem_info_is_locked(info), " locked", ""),
                (sys::snd_ctl_elem_info_is_tlv_readable(info), " tlv", ""),
            ];
            for (set, yes, no) in flags {
                element.access.push_str(if set != 0 { yes } else { no });
            }
            if matches!(kind, Kind::Integer) {
                element.min = sys::snd_ctl_elem_info_get_min(info);
                element.max = sys::snd_ctl_elem_info_get_max(info);
                element.step = sys::snd_ctl_elem_info_get_step(info);
            }
            if kind == Kind::Enumerated {
                for item in 0..sys::snd_ctl_elem_info_get_items(info) {
                    sys::snd_ctl_elem_info_set_item(info, item);
                    checked("ELEM_INFO", sys::snd_ctl_elem_info(self.0, info))?;
                    element
                        .items
                        .push(owned(sys::snd_ctl_elem_info_get_item_name(info)));
                }
            }
            Ok(element)
        })
    }

    /// The number id of the PCM element with this name, device and subdevice.
    pub fn find(&self, name: &str, device: u32, subdevice: u32) -> Result<u32, Errno> {
        let name = CString::new(name).expect("no NUL in a name");
        with!(snd_ctl_elem_info_malloc, snd_ctl_elem_info_free, |info| {
            sys::snd_ctl_elem_info_set_interface(info, sys::SND_CTL_ELEM_IFACE_PCM);
            sys::snd_ctl_elem_info_set_name(info, name.as_ptr());
            sys::snd_ctl_elem_info_set_device(info, device);
            sys::snd_ctl_elem_info_set_subdevice(info, subdevice);
            checked("ELEM_INFO", sys::snd_ctl_elem_info(self.0, info))?;
            Ok(sys::snd_ctl_elem_info_get_numid(info))
        })
    }

    /// The value of an element, of whichever kind.
    pub fn read(&self, numid: u32) -> Result<i64, Errno> {
        let kind = self.element(numid)?.kind;
        with!(snd_ctl_elem_value_malloc, snd_ctl_elem_value_free, |v| {
            sys::snd_ctl_elem_value_set_numid(v, numid);
            checked("ELEM_READ", sys::snd_ctl_elem_read(self.0, v))?;
            Ok(match kind {
                Kind::Enumerated => i64::from(sys::snd_ctl_elem_value_get_enumerated(v, 0)),
                _ => sys::snd_ctl_elem_value_get_integer(v, 0),
            })
        })
    }

    /// Writes an integer or boolean element.
    pub fn write(&self, numid: u32, value: i64) -> Result<(), Errno> {
        with!(snd_ctl_elem_value_malloc, snd_ctl_elem_value_free, |v| {
            sys::snd_ctl_elem_value_set_numid(v, numid);
            sys::snd_ctl_elem_value_set_integer(v, 0, value);
            checked("ELEM_WRITE", sys::snd_ctl_elem_write(self.0, v)).map(|_| ())
        })
    }

    pub fn subscribe(&self) -> Result<(), Errno> {
        // SAFETY: The handle is open.
        checked("SUBSCRIBE_EVENTS", unsafe {
            sys::snd_ctl_subscribe_events(self.0, 1)
        })
        .map(|_| ())
    }

    /// The events that are waiting now: number id and mask of each.
    pub fn events(&self) -> Result<Vec<(u32, u32)>, Errno> {
        let mut events = Vec::new();
        with!(snd_ctl_event_malloc, snd_ctl_event_free, |event| {
            loop {
                match checked("read", sys::snd_ctl_read(self.0, event)) {
                    Ok(0) => break,
                    Ok(_) => events.push((
                        sys::snd_ctl_event_elem_get_numid(event),
                        sys::snd_ctl_event_elem_get_mask(event),
                    )),
                    Err(e) if e.code == libc::EAGAIN => break,
                    Err(e) => return Err(e),
                }
            }
        });
        Ok(events)
    }
}
